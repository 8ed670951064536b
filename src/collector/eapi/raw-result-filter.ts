import { createJsonPosition, IN_LIST, type JsonPath } from '../../lib/index.ts';
import { createJsonChecker, type JsonChecker } from './json-checker.ts';

const RESULT: JsonPath = ['result', IN_LIST];
const STAND_IN = Buffer.from('{}');
const ERRORS = Buffer.from('"errors"');

/**
 * Takes the result of one command out of the answer while it comes in, byte for byte:
 *
 *   {"jsonrpc":"2.0","id":"…","result":[{…megabytes…}]}  ──►  onResult(bytes);  what is kept: {…,"result":[{}]}
 *
 * What is kept is parsed as any answer is. A result that is not JSON, that may carry the `errors` of a failed command, or that is not an
 * object, stays where it is and is judged there.
 */
export function createRawResultFilter(onResult: (bytes: Buffer) => void): (chunk: Buffer) => Buffer {
  const position = createJsonPosition(RESULT.length);
  let result: { readonly parts: Buffer[]; readonly checker: JsonChecker } | undefined;
  let done = false;

  return (chunk) => {
    if (done) return chunk;
    const kept: Buffer[] = [];
    let at = 0;
    if (result === undefined) {
      at = startOfResult(chunk);
      kept.push(chunk.subarray(0, at));
      if (at < chunk.length) result = { parts: [], checker: createJsonChecker() };
    }
    if (result !== undefined) {
      const { checker, parts } = result;
      const progress = checker.read(chunk, at);
      const end = typeof progress === 'number' ? progress : chunk.length;
      parts.push(chunk.subarray(at, end));
      if (progress !== 'more') kept.push(finish(parts, progress), chunk.subarray(end));
    }
    return Buffer.concat(kept);
  };

  /** Where in this chunk the result begins, or the chunk's end. */
  function startOfResult(chunk: Buffer): number {
    for (let at = position.pastBracket(chunk, 0); at !== -1; at = position.pastBracket(chunk, at)) {
      if (position.hasOpened(RESULT)) return at - 1;
    }
    return chunk.length;
  }

  /** What is kept in the place of the result. */
  function finish(parts: readonly Buffer[], progress: number | 'invalid'): Buffer {
    done = true;
    const bytes = Buffer.concat(parts);
    if (progress === 'invalid') return bytes;
    onResult(bytes);
    return bytes.includes(ERRORS) ? bytes : STAND_IN;
  }
}
