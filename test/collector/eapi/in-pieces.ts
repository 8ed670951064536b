/** What a filter keeps of `text` that comes in pieces, whose sizes `cut` decides on. */
export function keptOfPieces(keep: (chunk: Buffer) => Buffer, text: string, cut: (left: number) => number): string {
  const bytes = Buffer.from(text);
  const kept: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, cut(bytes.length - at));
    kept.push(keep(bytes.subarray(at, at + size)));
    at += size;
  }
  return Buffer.concat(kept).toString('utf8');
}
