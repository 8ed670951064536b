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

type SwitchJson = { readonly kind: 'read'; readonly value: unknown } | MalformedJson;

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
 * Reads JSON as switches write it: a raw control character in a text, such as a tab in a description, costs nothing; a key that is there twice
 * has the value WRITTEN_TWICE. The text is checked before it is parsed, because JSON.parse neither says where a text is malformed, nor bounds its
 * memory, nor reports duplicate keys.
 */
export function readJson(written: string, counts?: JsonCounts): SwitchJson {
  const checked = checkJson(written, counts);
  if (checked.kind === 'malformed-json') return checked;
  const { text, duplicates } = checked;
  const root: Record<string, unknown> = { value: JSON.parse(text) };
  for (const path of duplicates) markTwice(root, path);
  return { kind: 'read', value: root.value };
}

interface CheckedJson {
  readonly kind: 'checked';
  /** Valid JSON: the switch's text, with control characters escaped. */
  readonly text: string;
  /** The paths of the keys that their object has twice. */
  readonly duplicates: readonly (readonly (string | number)[])[];
  /** The keys of the outermost object; undefined where the outermost value is another. */
  readonly keys: ReadonlySet<string> | undefined;
}

/** Checks JSON as `readJson` does, without parsing it: what is `unparsed` afterwards may hold any number of values. */
export function checkJson(written: string, counts?: JsonCounts, unparsed = false): CheckedJson | MalformedJson {
  const most = unparsed ? Number.POSITIVE_INFINITY : undefined;
  try {
    requireSimpleJson(written, most, most);
  } catch (error) {
    if (!(error instanceof JsonTooComplex)) throw error;
    return { kind: 'malformed-json', problem: error.message };
  }
  const bom = written.startsWith('\ufeff') ? 1 : 0;
  const check = new JsonCheck(written, bom);
  const problem = check.run();
  if (problem !== undefined) return { kind: 'malformed-json', problem };
  const { controls, duplicates, keys } = check;
  if (counts !== undefined) {
    counts.controlCharacters += controls.length;
    counts.duplicateKeys += duplicates.length;
  }
  return { kind: 'checked', text: escaped(written, bom, controls), duplicates, keys };
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

function markTwice(root: Record<string, unknown>, path: readonly (string | number)[]): void {
  let holder: unknown = root;
  let key: string | number = 'value';
  for (const next of path) {
    if (!isContainer(holder) || !Object.hasOwn(holder, key)) return;
    holder = holder[key];
    key = next;
  }
  if (isContainer(holder) && Object.hasOwn(holder, key)) holder[key] = WRITTEN_TWICE;
}

function isContainer(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN = { object: 0x7b, list: 0x5b } as const;
const CLOSE = { object: 0x7d, list: 0x5d } as const;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is searched.
const CONTROLS = /[\0-\x1f]/g;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Thrown inside the check only. */
class Malformed extends Error {}

/** One pass over a text by the grammar of RFC 8259, with raw control characters in strings allowed. */
class JsonCheck {
  /** Offsets of the raw control characters in strings, in order. */
  readonly controls: number[] = [];
  readonly duplicates: (readonly (string | number)[])[] = [];
  keys: ReadonlySet<string> | undefined;
  readonly #text: string;
  readonly #path: (string | number)[] = [];
  #at: number;
  #openKeys = 0;

  constructor(text: string, from: number) {
    this.#text = text;
    this.#at = from;
  }

  /** What is wrong, and where; undefined for a text that is right. */
  run(): string | undefined {
    try {
      this.#value();
      if (this.#next() !== undefined) throw new Malformed('malformed JSON');
      return undefined;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      const from = Math.max(0, this.#at - 20);
      const around = switchText(this.#text.slice(from, from + 40), 40);
      return `${error.message} at offset ${Buffer.byteLength(this.#text.slice(0, this.#at))} (near ${around})`;
    }
  }

  /** The next character that is no space; undefined at the end. */
  #next(): number | undefined {
    for (; ; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return Number.isNaN(code) ? undefined : code;
    }
  }

  #value(): void {
    const code = this.#next();
    if (code === OPEN.object || code === OPEN.list) this.#container(code === OPEN.object ? 'object' : 'list');
    else if (code === QUOTE) this.#string();
    else this.#match(SCALAR);
  }

  #container(kind: 'object' | 'list'): void {
    this.#at += 1;
    // A list has none: a set for each of a million empty ones would take 50 MB.
    const keys = kind === 'object' ? new Set<string>() : undefined;
    if (this.#path.length === 0) this.keys = keys;
    if (this.#next() === CLOSE[kind]) {
      this.#at += 1;
      return;
    }
    for (let position = 0; ; position += 1) {
      this.#path.push(keys === undefined ? position : this.#key(keys));
      this.#value();
      this.#path.pop();
      const code = this.#next();
      if (code !== COMMA && code !== CLOSE[kind]) throw new Malformed('malformed JSON');
      this.#at += 1;
      if (code !== COMMA) break;
    }
    this.#openKeys -= keys?.size ?? 0;
  }

  #key(keys: Set<string>): string {
    if (this.#next() !== QUOTE) throw new Malformed('malformed JSON');
    const key = this.#text.slice(this.#at + 1, this.#string() - 1);
    if (this.#next() !== COLON) throw new Malformed('malformed JSON');
    this.#at += 1;
    const name = key.includes('\\') ? (JSON.parse(`"${key.replaceAll(CONTROLS, escapeOf)}"`) as string) : key;
    if (keys.has(name)) this.duplicates.push([...this.#path, name]);
    else this.#openKeys += 1;
    keys.add(name);
    if (this.duplicates.length > MAX_DUPLICATES) throw new Malformed(`JSON with more than ${MAX_DUPLICATES} keys twice`);
    if (this.#openKeys > MAX_OPEN_KEYS) throw new Malformed(`JSON with more than ${MAX_OPEN_KEYS} keys`);
    return name;
  }

  /** Skips a string from its opening quote on; the offset behind its closing one. */
  #string(): number {
    for (this.#at += 1; ; ) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      if (Number.isNaN(code)) throw new Malformed('malformed JSON');
      if (code === BACKSLASH) {
        this.#match(ESCAPE);
        continue;
      }
      if (code < 0x20 && this.controls.push(this.#at) > MAX_CONTROLS)
        throw new Malformed(`JSON with more than ${MAX_CONTROLS} control characters`);
      this.#at += 1;
    }
    this.#at += 1;
    return this.#at;
  }

  #match(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) throw new Malformed('malformed JSON');
    this.#at = pattern.lastIndex;
  }
}
