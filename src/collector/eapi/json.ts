import { JsonTooComplex, oneLine, requireSimpleJson } from '../../lib/index.ts';

/** JSON objects come as these; their values are unknown, and `WRITTEN_TWICE` where a key occurs twice. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Stands for the value of a key that its object has twice: which of the two holds is unknown, and JSON.parse would take the last silently. */
export const WRITTEN_TWICE = Symbol('written twice');

/** The type of a piece of JSON, for a message; never its content. */
export function typeName(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (value === WRITTEN_TWICE) return 'there twice';
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Text of a switch for one line of a log, without the secret that a command was given (`input=…`). */
export function switchText(text: string, max = 120): string {
  return oneLine(oneLine(text, max * 4).replaceAll(/input=\S*( '[^']*')?/g, 'input=…'), max);
}

/** What was wrong in JSON that could be read all the same. */
export interface JsonCounts {
  /** Raw control characters in texts, read as if they had been escaped. */
  controlCharacters: number;
  /** Keys that an object has twice. */
  duplicateKeys: number;
}

export const noJsonCounts = (): JsonCounts => ({ controlCharacters: 0, duplicateKeys: 0 });

interface ReadJson {
  readonly kind: 'read';
  readonly value: unknown;
  /** Valid JSON: the switch's text, with control characters escaped. */
  readonly text: string;
}

/** `problem` names the place, and what is around it; it goes on after “returned”. */
export interface MalformedJson {
  readonly kind: 'malformed-json';
  readonly problem: string;
}

/** More than the descriptions of 4,096 neighbors can have. */
const MAX_CONTROLS = 50_000;
const MAX_DUPLICATES = 1_000;
/** Keys of the objects around one place, which the search for duplicates holds in memory. */
const MAX_OPEN_KEYS = 50_000;

/**
 * Reads JSON as switches write it: a raw control character in a text, such as a tab in a description, costs nothing; a key that occurs twice
 * has the value WRITTEN_TWICE. JSON.parse neither says where a text is malformed, nor bounds its memory, nor reports duplicate keys.
 *
 * With `keys`, an object keeps its keys but not their values, so the number of values has no limit.
 */
export function readJson(written: string, counts?: JsonCounts, keeps: 'values' | 'keys' = 'values'): ReadJson | MalformedJson {
  const most = keeps === 'keys' ? Number.POSITIVE_INFINITY : undefined;
  const bom = written.startsWith('\ufeff') ? 1 : 0;
  const reader = new JsonReader(written, bom, keeps === 'values');
  try {
    requireSimpleJson(written, most, most);
    const value = reader.read();
    if (counts !== undefined) {
      counts.controlCharacters += reader.controls.length;
      counts.duplicateKeys += reader.duplicates;
    }
    return { kind: 'read', value, text: escaped(written, bom, reader.controls) };
  } catch (error) {
    if (error instanceof JsonTooComplex || error instanceof Malformed) return { kind: 'malformed-json', problem: error.message };
    throw error;
  }
}

/** The text without what comes before `from`, and with the characters at these offsets escaped. */
function escaped(text: string, from: number, controls: readonly number[]): string {
  if (controls.length === 0) return from === 0 ? text : text.slice(from);
  const parts: string[] = [];
  let next = from;
  for (const at of controls) {
    parts.push(text.slice(next, at), escapeOf(text.charAt(at)));
    next = at + 1;
  }
  parts.push(text.slice(next));
  return parts.join('');
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const [OPEN_OBJECT, CLOSE_OBJECT] = [0x7b, 0x7d];
const [OPEN_LIST, CLOSE_LIST] = [0x5b, 0x5d];
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is searched.
const CONTROLS = /[\0-\x1f]/g;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Thrown inside the reader only. */
class Malformed extends Error {}

/** One pass over a text by the grammar of RFC 8259, with raw control characters in strings allowed. */
class JsonReader {
  /** Offsets of the raw control characters in strings, in order. */
  readonly controls: number[] = [];
  /** The number of keys that their object has twice. */
  duplicates = 0;
  readonly #text: string;
  readonly #keepsValues: boolean;
  #at: number;
  #openKeys = 0;

  constructor(text: string, from: number, keepsValues: boolean) {
    this.#text = text;
    this.#at = from;
    this.#keepsValues = keepsValues;
  }

  /** Returns the value. Throws Malformed, which names the fault and its place. */
  read(): unknown {
    const value = this.#value();
    if (this.#next() !== undefined) throw this.#malformed();
    return value;
  }

  #malformed(what = 'malformed JSON'): Malformed {
    const from = Math.max(0, this.#at - 20);
    const around = switchText(this.#text.slice(from, from + 40), 40);
    return new Malformed(`${what} at offset ${Buffer.byteLength(this.#text.slice(0, this.#at))} (near ${around})`);
  }

  /** The next character that is no space; undefined at the end. */
  #next(): number | undefined {
    for (; ; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return Number.isNaN(code) ? undefined : code;
    }
  }

  #value(): unknown {
    const code = this.#next();
    if (code === OPEN_OBJECT) return this.#object();
    if (code === OPEN_LIST) return this.#list();
    const from = this.#at;
    if (code === QUOTE) this.#string();
    else this.#match(SCALAR);
    if (!this.#keepsValues) return undefined;
    const written = this.#text.slice(from, this.#at);
    // A slice of a text would keep the whole answer in memory.
    return code === QUOTE ? textOf(written) : JSON.parse(written);
  }

  #object(): JsonObject {
    const object: Record<string, unknown> = {};
    let keys = 0;
    for (let isFirst = true; this.#hasNext(CLOSE_OBJECT, isFirst); isFirst = false) {
      const name = this.#key();
      const isTwice = Object.hasOwn(object, name);
      if (isTwice) this.duplicates += 1;
      else keys += 1;
      if (this.duplicates > MAX_DUPLICATES) throw this.#malformed(`JSON with more than ${MAX_DUPLICATES} keys twice`);
      if (this.#openKeys + keys > MAX_OPEN_KEYS) throw this.#malformed(`JSON with more than ${MAX_OPEN_KEYS} keys`);
      this.#openKeys += keys;
      const read = this.#value();
      this.#openKeys -= keys;
      // Otherwise an object of objects would be kept whole.
      const value = this.#keepsValues ? read : undefined;
      // An assignment alone would set the prototype.
      if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, writable: true });
      object[name] = isTwice ? WRITTEN_TWICE : value;
    }
    return object;
  }

  #list(): readonly unknown[] {
    const list: unknown[] = [];
    for (let isFirst = true; this.#hasNext(CLOSE_LIST, isFirst); isFirst = false) {
      const value = this.#value();
      if (this.#keepsValues) list.push(value);
    }
    return list;
  }

  /** Skips the bracket or comma before a member and returns true, or skips the closing bracket and returns false. */
  #hasNext(close: number | undefined, isFirst: boolean): boolean {
    if (isFirst) this.#at += 1;
    const code = this.#next();
    if (code !== close && !isFirst && code !== COMMA) throw this.#malformed();
    if (code === close || !isFirst) this.#at += 1;
    return code !== close;
  }

  #key(): string {
    if (this.#next() !== QUOTE) throw this.#malformed();
    const from = this.#at;
    this.#string();
    const key = this.#text.slice(from + 1, this.#at - 1);
    if (this.#next() !== COLON) throw this.#malformed();
    this.#at += 1;
    return key.includes('\\') ? textOf(`"${key}"`) : key;
  }

  /** Skips a string from its opening quote on. */
  #string(): void {
    for (this.#at += 1; ; ) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      if (Number.isNaN(code)) throw this.#malformed();
      if (code === BACKSLASH) {
        this.#match(ESCAPE);
        continue;
      }
      if (code < 0x20 && this.controls.push(this.#at) > MAX_CONTROLS)
        throw this.#malformed(`JSON with more than ${MAX_CONTROLS} control characters`);
      this.#at += 1;
    }
    this.#at += 1;
  }

  #match(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) throw this.#malformed();
    this.#at = pattern.lastIndex;
  }
}

function textOf(quoted: string): string {
  return JSON.parse(quoted.replaceAll(CONTROLS, escapeOf)) as string;
}
