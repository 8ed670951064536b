import { createJsonPosition, type JsonPath, type JsonPosition } from '../../lib/index.ts';

/**
 * Told of an object that was taken out and where it stood; says what JSON stands there from now on, in ASCII. No text: that could be a key where
 * an object can't, and make JSON of what is none.
 */
export type OnObject = (object: unknown, position: JsonPosition) => string;

/**
 * Takes all objects at `path` out of an answer while it comes in, and leaves something short in the place of each. What is kept is parsed as any
 * answer is, so whatever is wrong with it is found there; until then nothing that `onObject` was told may be believed. What is not JSON is
 * kept as it is.
 */
export function createObjectFilter(path: JsonPath, onObject: OnObject): (chunk: Buffer) => Buffer {
  const position = createJsonPosition(path.length);
  /** The parts so far of the object that is being read. */
  let open: Buffer[] | undefined;

  return (chunk) => {
    // As Latin-1, in which each byte is a character: a thousand short strings cost less than as many buffers.
    const kept: string[] = [];
    // Where the part begins that has not been given to anyone: to the object inside of one, else to what is kept.
    let from = 0;
    for (let at = position.pastBracket(chunk, 0); at !== -1; at = position.pastBracket(chunk, at)) {
      if (open === undefined) {
        if (!position.hasOpened(path)) continue;
        kept.push(chunk.toString('latin1', from, at - 1));
        from = at - 1;
        open = [];
      } else if (position.depth === path.length) {
        kept.push(open.length === 0 ? take(chunk, from, at) : take(Buffer.concat([...open, chunk.subarray(0, at)]), 0));
        from = at;
        open = undefined;
      }
    }
    if (open === undefined) kept.push(chunk.toString('latin1', from));
    else open.push(chunk.subarray(from));
    return Buffer.from(kept.join(''), 'latin1');
  };

  function take(bytes: Buffer, from: number, to = bytes.length): string {
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString('utf8', from, to));
    } catch {
      return bytes.toString('latin1', from, to);
    }
    return onObject(value, position);
  }
}
