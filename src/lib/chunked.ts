import type { Clock, MonotonicMs } from './clock.ts';

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

/** Awaited after each step of a long piece of work; there is nothing to wait for until a slice of it is used up. */
export type Breathe = () => Promise<void> | undefined;

/** So long work goes on at a time, milliseconds: the switch's answers and the timers of others wait no longer than this and one step. */
const SLICE_MS = 5;

interface Turns {
  /** When the last one who waited had its turn; all work since then counts as one. */
  since: MonotonicMs;
  /** Over when the newest of those who wait has had its turn, or has given up. */
  newest: Promise<void>;
}

/** What works by one clock shares one event loop: the turns belong to the clock, and are kept beside it. */
const turnsOf = new WeakMap<Clock, Turns>();

/**
 * Gives the event loop back now and then in work on thousands of users. Await it after each step; there is nothing to wait for until the slice
 * is used up. Pieces of work that follow one another share a slice, and of those that go on beside one another each gets a turn of
 * the event loop for itself: many short pieces hold it up as one long one does.
 */
export function timeSlices(clock: Clock, signal: AbortSignal): Breathe {
  const turns = turnsOf.get(clock) ?? { since: clock.monotonic(), newest: Promise.resolve() };
  turnsOf.set(clock, turns);
  return () => (clock.monotonic() - turns.since < SLICE_MS ? undefined : nextTurn(turns, clock, signal));
}

/** Resolves when all who waited before have had theirs; rejects as soon as it is given up. */
function nextTurn(turns: Turns, clock: Clock, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const before = turns.newest;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const take = async (): Promise<void> => {
      if (signal.aborted) return;
      await clock.sleep(0, signal);
      turns.since = clock.monotonic();
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    turns.newest = before.then(take).catch(reject);
  });
}

/** Takes the steps of a piece of work that is short, or that nobody waits beside. */
export function atOnce<Result>(steps: Iterator<void, Result, void>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Takes the steps of a long piece of work, and gives the event loop back between them where it is time to. */
export async function inSlices<Result>(steps: Iterator<void, Result, void>, breathe: Breathe): Promise<Result> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    const pause = breathe();
    if (pause !== undefined) await pause;
  }
}

interface SliceSizes {
  /** A shorter text is left to JSON.parse whole, bytes. */
  readonly large: number;
  /** So much of the list is parsed at a time, bytes. */
  readonly slice: number;
}

/** JSON.parse takes a millisecond or two for the one, and a fraction of one for the other. */
const SIZES: SliceSizes = { large: 256 * 1_024, slice: 64 * 1_024 };
/** Stands in the rest of the text where the list's content was: no answer has it by chance. */
const HERE = '\u0000here';

/** Where some objects of the list lie in the text: from the brace of the first to past that of the last. */
interface Slice {
  readonly start: number;
  readonly end: number;
  readonly objects: number;
}

/**
 * JSON.parse for an answer of which nearly all is one list of objects, at `path` (keys, from the outermost object): the list is parsed piece by
 * piece, and `breathe` is awaited in between, where JSON.parse would hold the event loop up for all of it.
 *
 *   {"result":{"value":[ {…},{…}, │ {…},{…}, │ {…} ]}}      pieces, and the rest with a mark in their place
 *
 * Answers what JSON.parse answers. Throws SyntaxError for what is no JSON.
 */
export async function parseJsonInSlices(
  body: Buffer,
  path: readonly string[],
  breathe: Breathe,
  { large, slice } = SIZES,
): Promise<unknown> {
  const whole = (): unknown => JSON.parse(body.toString('utf8'));
  const slices = body.length < large ? [] : await findObjects(body, [...path, IN_LIST], slice, breathe);
  const first = slices[0];
  const last = slices.at(-1);
  if (first === undefined || last === undefined) return whole();

  const objects: unknown[] = [];
  let before: number | undefined;
  for (const { start, end, objects: count } of slices) {
    // Whatever else stands in the list is not for us to take apart.
    if (before !== undefined && body.toString('utf8', before, start).trim() !== ',') return whole();
    const part: unknown = JSON.parse(`[${body.toString('utf8', start, end)}]`);
    if (!Array.isArray(part) || part.length !== count) return whole();
    for (const object of part) objects.push(object);
    before = end;
    await breathe();
  }
  const rest: unknown = JSON.parse(`${body.toString('utf8', 0, first.start)}${JSON.stringify(HERE)}${body.toString('utf8', last.end)}`);
  const list = path.reduce(member, rest);
  if (!Array.isArray(list) || list.length !== 1 || list[0] !== HERE) return whole();
  list.pop();
  for (const object of objects) list.push(object);
  return rest;
}

async function findObjects(body: Buffer, path: JsonPath, sliceBytes: number, breathe: Breathe): Promise<readonly Slice[]> {
  const position = createJsonPosition(path.length);
  const slices: Slice[] = [];
  let open: { start: number; objects: number } | undefined;
  let end = 0;
  for (let at = position.pastBracket(body, 0); at !== -1; at = position.pastBracket(body, at)) {
    if (position.hasOpened(path)) open ??= { start: at - 1, objects: 0 };
    else if (open !== undefined && position.depth === path.length) {
      end = at;
      open.objects += 1;
      if (end - open.start < sliceBytes) continue;
      slices.push({ ...open, end });
      open = undefined;
      await breathe();
    } else if (position.depth < path.length && open !== undefined) break;
  }
  if (open !== undefined) slices.push({ ...open, end });
  return slices;
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Reflect.get(value, key) : undefined;
}
