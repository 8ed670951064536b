export { Agent, buildConnector, Client, type Dispatcher, errors, Pool } from 'undici';

/** All of an answer's body. Throws what `tooLarge` makes as soon as more than `maxBytes` have come, and whatever the body's own reading throws. */
export async function readBody(body: AsyncIterable<unknown>, maxBytes: number, tooLarge: () => Error): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
