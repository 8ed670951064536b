import { type Breathe, createJsonPosition, IN_LIST, type JsonPath, type JsonPosition } from '../../lib/index.ts';
import type { AnswerFilter } from './http.ts';

/** A socket gives 64 kB at a time, and code that has never run takes 40 ms for so much. */
const PIECE_BYTES = 8 * 1_024;

/** A filter that holds the answer back, piece by piece, when it is time to give the event loop to others. */
export function breathing(filter: () => (chunk: Buffer) => Buffer, breathe: Breathe): AnswerFilter {
  return () => {
    const keep = filter();
    return async (chunk) => {
      const kept: Buffer[] = [];
      for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
        kept.push(keep(chunk.subarray(from, from + PIECE_BYTES)));
        const pause = breathe();
        if (pause !== undefined) await pause;
      }
      return Buffer.concat(kept);
    };
  };
}

/** Where reading a piece of JSON came to: the index after its end, more to come, or no JSON. */
export type JsonProgress = number | 'more' | 'invalid';

interface JsonChecker {
  /** Reads on in `chunk` from `from`. After a number or `invalid` there is nothing more to read. */
  read(chunk: Uint8Array, from: number): JsonProgress;
}

type Expects = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;
const COLON = 0x3a;
const COMMA = 0x2c;
const UNICODE_ESCAPE = 0x75;

const WHITE_SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
const ESCAPED: ReadonlySet<number> = new Set(Array.from('"\\/bfnrt', (character) => character.charCodeAt(0)));
/** true, false, null, and a number (RFC 8259 section 6). */
const SCALAR = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;
const SCALAR_BYTE = /[-+.0-9a-zA-Z]/;
const SCALAR_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => (SCALAR_BYTE.test(String.fromCharCode(byte)) ? 1 : 0));
const HEX_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => (/[0-9a-fA-F]/.test(String.fromCharCode(byte)) ? 1 : 0));
const MAX_SCALAR = 400;
const MAX_DEPTH = 200;

/**
 * Reads one JSON object (RFC 8259) as its bytes come in, and keeps nothing of it: an answer of many megabytes is checked a piece at a time,
 * so that it never stops everything else, and is passed on as it was written, numbers beyond 2^53 among it. Whether its text is UTF-8 is not
 * looked at.
 */
export function createJsonChecker(): JsonChecker {
  const open: number[] = [];
  let expects: Expects = 'value';
  let inString = false;
  let escaping: 'none' | 'begun' | number = 'none';
  let scalar = '';

  function read(chunk: Uint8Array, from: number): JsonProgress {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (inString) {
        if (!readString(byte)) return 'invalid';
        continue;
      }
      if (SCALAR_BYTES[byte] === 1) {
        if (expects !== 'value' && expects !== 'value-or-end' && scalar === '') return 'invalid';
        expects = 'comma-or-end';
        scalar += String.fromCharCode(byte);
        if (scalar.length > MAX_SCALAR) return 'invalid';
        continue;
      }
      if (scalar !== '') {
        if (!SCALAR.test(scalar)) return 'invalid';
        scalar = '';
      }
      if (WHITE_SPACE.has(byte)) continue;
      if (!readMark(byte)) return 'invalid';
      if (open.length === 0) return at + 1;
    }
    return 'more';
  }

  function readString(byte: number): boolean {
    if (typeof escaping === 'number') {
      escaping = escaping === 1 ? 'none' : escaping - 1;
      return HEX_BYTES[byte] === 1;
    }
    if (escaping === 'begun') {
      escaping = byte === UNICODE_ESCAPE ? 4 : 'none';
      return byte === UNICODE_ESCAPE || ESCAPED.has(byte);
    }
    if (byte === BACKSLASH) escaping = 'begun';
    else if (byte === QUOTE) inString = false;
    return byte >= 0x20;
  }

  function readMark(byte: number): boolean {
    switch (byte) {
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (!wantsValue() || open.length === MAX_DEPTH) return false;
        open.push(byte);
        expects = byte === OPEN_BRACE ? 'key-or-end' : 'value-or-end';
        // Only an object is read at the top.
        return open.length > 1 || byte === OPEN_BRACE;
      case CLOSE_BRACE:
        return close(OPEN_BRACE, 'key-or-end');
      case CLOSE_BRACKET:
        return close(OPEN_BRACKET, 'value-or-end');
      case QUOTE: {
        const isKey = expects === 'key' || expects === 'key-or-end';
        if ((!isKey && !wantsValue()) || open.length === 0) return false;
        inString = true;
        expects = isKey ? 'colon' : 'comma-or-end';
        return true;
      }
      case COLON:
        if (expects !== 'colon') return false;
        expects = 'value';
        return true;
      case COMMA:
        if (expects !== 'comma-or-end') return false;
        expects = open.at(-1) === OPEN_BRACE ? 'key' : 'value';
        return true;
      default:
        return false;
    }
  }

  const wantsValue = (): boolean => expects === 'value' || expects === 'value-or-end';

  function close(opened: number, whenEmpty: Expects): boolean {
    if (open.at(-1) !== opened || (expects !== 'comma-or-end' && expects !== whenEmpty)) return false;
    open.pop();
    expects = 'comma-or-end';
    return true;
  }

  return { read };
}

/**
 * Told of an object that was taken out and where it stood; says what JSON stands there from now on, in ASCII. No text: that could be a key where
 * an object can't, and make JSON of what is none.
 */
type OnObject = (object: unknown, position: JsonPosition) => string;

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
