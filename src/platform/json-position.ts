const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

export const ANY_KEY = Symbol('any key');
export const IN_LIST = Symbol('in a list');

/** What leads from the outermost object to a value: keys of objects, and lists. */
export type JsonPath = readonly (string | typeof ANY_KEY | typeof IN_LIST)[];

/** No key that matters is longer. */
const MAX_KEY_BYTES = 1_024;

/** Where in a JSON text reading has come to. Whether it is JSON is for somebody else to judge. */
export interface JsonPosition {
  /** Reads on from `from` until past the next brace or bracket outside of a string; the index after it, or -1 when the chunk has no more. */
  pastBracket(chunk: Uint8Array, from: number): number;
  /** How many objects and lists are open. */
  readonly depth: number;
  /** Whether the bracket just read opened an object at this path. */
  hasOpened(path: JsonPath): boolean;
  /** The key at this level of the path, from 0; empty in a list. */
  keyAt(level: number): string;
}

/** Follows a JSON text as its bytes come in, down to `deepest` levels; what lies deeper is only counted. */
export function createJsonPosition(deepest: number): JsonPosition {
  const steps: (string | typeof IN_LIST)[] = [];
  let depth = 0;
  let opened = false;
  let inString = false;
  let escaped = false;
  /** The bytes of the string that is being read, or was read last. */
  let text: number[] = [];

  /** The index of the byte after the string, or the chunk's end. Most of an answer is read here, so the search for its end is the runtime's. */
  function pastString(chunk: Uint8Array, from: number): number {
    let at = escaped ? from + 1 : from;
    for (;;) {
      const quote = chunk.indexOf(QUOTE, at);
      const end = quote === -1 ? chunk.length : quote;
      let backslashes = 0;
      while (end - backslashes > at && chunk[end - backslashes - 1] === BACKSLASH) backslashes += 1;
      escaped = backslashes % 2 === 1;
      if (quote !== -1 && escaped) {
        at = quote + 1;
        continue;
      }
      inString = quote === -1;
      if (depth <= deepest) hear(chunk, from, end);
      return inString ? end : end + 1;
    }
  }

  function hear(chunk: Uint8Array, from: number, end: number): void {
    for (let at = from; at < end && text.length < MAX_KEY_BYTES; at += 1) text.push(chunk[at] ?? 0);
  }

  function move(bracket: number): void {
    opened = bracket === OPEN_BRACE;
    if (bracket === CLOSE_BRACE || bracket === CLOSE_BRACKET) depth -= 1;
    else {
      depth += 1;
      if (depth <= deepest) steps[depth - 1] = opened ? '' : IN_LIST;
    }
  }

  return {
    pastBracket(chunk, from) {
      let at = from;
      while (at < chunk.length) {
        if (inString) {
          at = pastString(chunk, at);
          continue;
        }
        const byte = chunk[at] ?? 0;
        at += 1;
        if (byte === QUOTE) {
          inString = true;
          text = [];
        } else if (byte === COLON) {
          if (depth > 0 && depth <= deepest) steps[depth - 1] = decode(text);
        } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
          move(byte);
          return at;
        }
      }
      return -1;
    },
    get depth() {
      return depth;
    },
    hasOpened: (path) =>
      opened &&
      depth === path.length + 1 &&
      path.every((wanted, level) => (wanted === ANY_KEY ? steps[level] !== IN_LIST : wanted === steps[level])),
    keyAt(level) {
      const step = steps[level];
      return typeof step === 'string' ? step : '';
    },
  };
}

/** The text between the quotes of a JSON string; empty when it is none. */
function decode(bytes: readonly number[]): string {
  try {
    const value: unknown = JSON.parse(`"${Buffer.from(bytes).toString('utf8')}"`);
    return typeof value === 'string' ? value : '';
  } catch {
    return '';
  }
}
