import type { IncomingMessage } from 'node:http';

/** The whole body as text; undefined when it is longer than `maxBytes` (the rest is read and thrown away, so that the answer can be sent). */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length <= maxBytes) chunks.push(bytes);
    else chunks.length = 0;
    if (length > 16 * maxBytes) throw new Error('a body without end');
  }
  return length > maxBytes ? undefined : Buffer.concat(chunks).toString('utf8');
}
