import { createJsonChecker, type JsonChecker } from './json-checker.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const STAND_IN = Buffer.from('{}');
const ERRORS = Buffer.from('"errors"');
/** A key of the envelope; what is longer is none that matters. */
const MAX_KEY = 64;

/**
 * Takes the result of one command out of the answer while it comes in, byte for byte:
 *
 *   {"jsonrpc":"2.0","id":"…","result":[{…megabytes…}]}  ──►  onResult(bytes);  what is kept: {…,"result":[{}]}
 *
 * What is kept is parsed as any answer is. A result that is not JSON, that may carry the `errors` of a failed command, or that is not an
 * object, stays where it is and is judged there.
 */
export function createRawResultFilter(onResult: (bytes: Buffer) => void): (chunk: Buffer) => Buffer {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let text = '';
  let key = '';
  let result: { readonly parts: Buffer[]; readonly checker: JsonChecker } | undefined;
  let done = false;

  return (chunk) => {
    if (done) return chunk;
    const kept: Buffer[] = [];
    let from = 0;
    let at = 0;
    while (at < chunk.length && !done) {
      if (result !== undefined) {
        const { checker, parts } = result;
        const progress = checker.read(chunk, at);
        const end = typeof progress === 'number' ? progress : chunk.length;
        parts.push(chunk.subarray(at, end));
        at = end;
        from = end;
        if (progress !== 'more') kept.push(finish(parts, progress));
        continue;
      }
      const byte = chunk[at];
      if (byte === OPEN_BRACE && !inString && depth === 2 && key === 'result') {
        kept.push(chunk.subarray(from, at));
        result = { parts: [], checker: createJsonChecker() };
        continue;
      }
      readEnvelopeByte(byte ?? 0);
      at += 1;
    }
    kept.push(chunk.subarray(from));
    return Buffer.concat(kept);
  };

  /** What is kept in the place of the result. */
  function finish(parts: readonly Buffer[], progress: number | 'invalid'): Buffer {
    done = true;
    const bytes = Buffer.concat(parts);
    if (progress === 'invalid') return bytes;
    onResult(bytes);
    return bytes.includes(ERRORS) ? bytes : STAND_IN;
  }

  function readEnvelopeByte(byte: number): void {
    if (inString) {
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) inString = false;
      else if (text.length < MAX_KEY) text += String.fromCharCode(byte);
    } else if (byte === QUOTE) {
      inString = true;
      text = '';
    } else if (byte === COLON && depth === 1) key = text;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
  }
}
