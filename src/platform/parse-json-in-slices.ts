import { createJsonPosition, IN_LIST, type JsonPath } from './json-position.ts';
import type { Breathe } from './time-slices.ts';

export interface SliceSizes {
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
