export { Agent, buildConnector, Client, type Dispatcher, errors, Pool } from 'undici';

/** Reads a response body. Throws the error of `tooLarge` after more than `maxBytes`, and any error of the body itself. */
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
