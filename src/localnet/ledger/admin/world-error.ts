/** The world cannot be changed as asked: no such device, an address that is taken, a pool that is empty. */
export class WorldError extends Error {
  override readonly name = 'WorldError';
}
