/** Where reading a piece of JSON came to: the index after its end, more to come, or no JSON. */
export type JsonProgress = number | 'more' | 'invalid';

export interface JsonChecker {
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
