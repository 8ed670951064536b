import type * as z from 'zod';
import { AgentError, isAgentError } from '../lib/index.ts';
import { NOT_AS_EXPECTED, type SettingMeta, SHARE_UNIT, UNEXPANDED } from './fields.ts';
import { configSchema } from './schema.ts';
import { member, nodeAt, type SettingNode, valueFromYaml } from './schema-tree.ts';

/**
 * The most similar candidate, or undefined if more than a third of the characters differ in all of them. Ignores case, dashes and underscores:
 * `poll_interval` finds `pollInterval`.
 */
export function nearest(text: string, candidates: Iterable<string>): string | undefined {
  const wanted = plain(text);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, plain(candidate), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `, did you mean "…"?`, or nothing without a similar candidate. */
export function didYouMean(text: string, candidates: Iterable<string>): string {
  const near = nearest(text, candidates);
  return near === undefined ? '' : `, did you mean "${near}"?`;
}

const plain = (text: string): string => text.slice(0, 80).toLowerCase().replaceAll(/[-_]/g, '');

/** Edits that turn one text into the other, an exchange of neighboring characters being one of them (optimal string alignment), or `limit` as soon as it cannot be less. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforePrevious: readonly number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = at(previous, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const exchanged = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1] ? at(beforePrevious, column - 2) + 1 : limit;
      current.push(Math.min(replaced, exchanged, at(previous, column) + 1, at(current, column - 1) + 1));
    }
    beforePrevious = previous;
    previous = current;
  }
  return Math.min(limit, at(previous, b.length));
}

const at = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY;

/** Spellings of a unit by the unit. */
const UNIT_SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  s: ['', 's', 'sec', 'secs', 'second', 'seconds'],
  ms: ['ms', 'msec', 'millis', 'millisecond', 'milliseconds'],
  m: ['m', 'min', 'mins', 'minute', 'minutes'],
  h: ['h', 'hr', 'hrs', 'hour', 'hours'],
  d: ['d', 'day', 'days'],
};
const YES = ['yes', 'on', 'true', 'y', '1'];
const NO = ['no', 'off', 'false', 'n', '0'];

/** What this value probably meant; undefined without a good guess. Never called for a value that may be a secret. */
function meant({ form, expects, unit, guess }: SettingMeta, value: unknown): string | undefined {
  const text = typeof value === 'string' || Number.isFinite(value) ? String(value).trim() : undefined;
  if (text === undefined) return undefined;
  switch (form) {
    case 'duration':
      return durationMeant(text);
    case 'number':
      return numberMeant(text, typeof value === 'string', unit);
    case 'boolean':
      return YES.includes(text.toLowerCase()) ? 'true' : NO.includes(text.toLowerCase()) ? 'false' : undefined;
    case 'choice':
      return choiceMeant(text, expects);
    default:
      return guess?.(text);
  }
}

function numberMeant(text: string, isQuoted: boolean, unit: string | undefined): string | undefined {
  const [, percent, sign] = /^(\d{1,2}(?:\.\d+)?)\s*(%?)$/.exec(text) ?? [];
  if (unit === SHARE_UNIT && percent !== undefined && (sign === '%' || Number(percent) > 1)) return String(Number(percent) / 100);
  return isQuoted && /^\d[\d,_ ]*$/.test(text) ? text.replaceAll(/[,_ ]/g, '') : undefined;
}

function durationMeant(text: string): string | undefined {
  const [, amount, word = ''] = /^(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)\.?$/i.exec(text) ?? [];
  const [unit] = Object.entries(UNIT_SPELLINGS).find(([, spellings]) => spellings.includes(word.toLowerCase())) ?? [];
  return amount === undefined || unit === undefined ? undefined : `"${amount}${unit}"`;
}

function choiceMeant(text: string, expects: string): string | undefined {
  // Names as short as versions are all equally similar.
  const names = expects.split(/, | or /).filter((name) => name.length > 2);
  const longer = names.filter((name) => text.length > 2 && (name.startsWith(text.toLowerCase()) || text.toLowerCase().startsWith(name)));
  const found = nearest(text, names) ?? (longer.length === 1 ? longer[0] : undefined);
  return found === undefined ? undefined : `"${found}"`;
}

/** A problem with one key, still without the place where the key is set. */
export interface KeyProblem {
  readonly path: readonly PropertyKey[];
  readonly problem: string;
}

/** One line of a refusal. Without a key it concerns the place itself. */
export interface Problem {
  readonly where: string;
  /** Of the file, counted from 1; problems are listed in this order. */
  readonly line?: number;
  readonly key?: string;
  readonly problem: string;
}

/** The error for one or more problems. `configProblems` returns a line for each. */
export function refusal(found: readonly Problem[]): AgentError {
  // One value can fail several checks with the same message.
  const distinct = new Map(found.map((one) => [lineText(one), one]));
  const problems = [...distinct.values()].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const [first] = problems;
  if (problems.length === 1 && first !== undefined) {
    const { where, key, problem } = first;
    if (key === undefined) return new AgentError('CONFIG__FILE_NOT_YAML', { where, problem });
    return new AgentError('CONFIG__INVALID', { where, key, problem });
  }
  const lines = problems.map(lineText);
  return new AgentError('CONFIG__SEVERAL', { count: lines.length, list: lines.join('; '), lines });
}

const lineText = ({ where, key, problem }: Problem): string => [where, key, problem].filter((part) => part !== undefined).join(': ');

/** The problems of a configuration error, one line each. */
export function configProblems(error: unknown): readonly string[] {
  if (!isAgentError(error)) return [];
  const lines = error.code === 'CONFIG__SEVERAL' ? error.context.lines : undefined;
  return Array.isArray(lines) ? lines.map(String) : [error.message];
}

/** More of them in one section do not help, and each is compared with every key there is. */
const MAX_UNKNOWN_KEYS = 20;

/** A configuration that is not valid. */
interface Draft {
  readonly value: unknown;
  /** The value as it is written in the file, the flag or the variable. */
  writtenAt(path: readonly PropertyKey[]): string | undefined;
}

/** Turns an issue of the schema into problems. */
export function problemsOf(root: SettingNode, issue: z.core.$ZodIssue, draft: Draft): readonly KeyProblem[] {
  const { value } = draft;
  if (issue.code === 'unrecognized_keys') {
    const parent = nodeAt(root, issue.path, value);
    return issue.keys.slice(0, MAX_UNKNOWN_KEYS).map((key) => ({ path: [...issue.path, key], problem: unknownKey(root, parent, key) }));
  }
  if (issue.code === 'custom' && issue.message !== NOT_AS_EXPECTED) return [{ path: issue.path, problem: issue.message }];
  const path = issue.code === 'invalid_union' && issue.path.length > 0 ? withDiscriminator(issue) : issue.path;
  const { meta } = nodeAt(root, path, value);
  const found = path.reduce<unknown>(member, value);
  // Valid with quotes around it: `community: 12345`.
  const written = found === undefined || typeof found === 'string' ? undefined : draft.writtenAt(path);
  if (written !== undefined && accepts(value, path, written))
    return [{ path, problem: unquotedProblem(meta, found, written, path.at(-1)) }];
  return [{ path, problem: problemOf(meta, found, path.at(-1), (instead) => accepts(value, path, instead)) }];
}

/** Whether the schema accepts another value at this path. */
function accepts(draft: unknown, path: readonly PropertyKey[], value: unknown): boolean {
  const last = path.at(-1);
  const changed = structuredClone(draft);
  const parent = path.slice(0, -1).reduce<unknown>(member, changed);
  if (last === undefined || typeof parent !== 'object' || parent === null) return false;
  Reflect.set(parent, last, value);
  const issues = configSchema.safeParse(changed).error?.issues ?? [];
  return !issues.some((issue) => path.every((step, index) => issue.path[index] === step));
}

/** What is wrong with the value of the setting `key`, and which valid value was probably meant. Omits a value that may be a secret. */
function problemOf(meta: SettingMeta, found: unknown, key: PropertyKey | undefined, isValid: (value: unknown) => boolean): string {
  if (found === undefined) return `is required: ${meta.expects}`;
  const expected = `expected ${meta.expects}`;
  if (mayBeSecret(meta, found)) {
    if (typeof found !== 'string') return expected;
    if (meta.form === 'file' && UNEXPANDED.test(found)) return `${expected}; ~ and $NAME are not expanded`;
    if (meta.form !== 'urls') return expected;
    if (typeof key !== 'number') return `${expected}, got one string: write [ and ] around it`;
    // The rest of it may be a secret.
    const [scheme = ''] = /^[a-z][a-z0-9+.-]*:\/\//i.exec(found) ?? [];
    const got = /^https?:/i.test(scheme) ? ', got one whose host or port is not valid' : scheme && `, got one with ${scheme}`;
    return `expected an https:// or http:// address${got}`;
  }
  const instead = meant(meta, found);
  // A guess for an address may end with words, such as "with port".
  const isUseful = instead !== undefined && isValid(valueFromYaml(/^"[^"]*"/.exec(instead)?.[0] ?? instead));
  return `${expected}, got ${show(found)}${isUseful ? `, did you mean ${instead}?` : ''}`;
}

/** The value is valid as text, but YAML reads another type: `community: 12345`. */
function unquotedProblem(meta: SettingMeta, found: unknown, unquoted: string, key: PropertyKey | undefined): string {
  const isHidden = mayBeSecret(meta, unquoted);
  const got = isHidden ? kindOf(found) : `${unquoted}, which YAML reads as ${kindOf(found)}`;
  const name = typeof key === 'string' ? `${key}: ` : '';
  return `expected ${meta.expects}, got ${got}; write quotes around it: ${name}${isHidden ? '"…"' : JSON.stringify(unquoted)}`;
}

/** People paste a key in place of its file or address, and passwords into URLs; messages must not repeat them. */
function mayBeSecret({ secret, form }: SettingMeta, value: unknown): boolean {
  if (secret || form === 'file' || form === 'urls') return true;
  return typeof value === 'string' && (value.includes('@') || (form === 'publicKey' && value.length > 44));
}

function withDiscriminator(issue: z.core.$ZodIssueInvalidUnion): readonly PropertyKey[] {
  return issue.path.at(-1) === 'type' ? issue.path : [...issue.path, 'type'];
}

function unknownKey(root: SettingNode, parent: SettingNode, key: string): string {
  if (/password|secret|token/i.test(key) && parent.children.has('passwordFile')) {
    return 'unknown key; passwords do not belong into the configuration: set passwordFile to the file that holds it';
  }
  const near = didYouMean(key, parent.children.keys());
  if (near !== '') return `unknown key${near}`;
  const elsewhere = everyKey(root).find((candidate) => candidate.split('.').at(-1) === key);
  return elsewhere === undefined ? 'unknown key' : `unknown key here, did you mean "${elsewhere}"?`;
}

function everyKey(node: SettingNode): readonly string[] {
  return [...node.children.values()].flatMap((child) => [child.key, ...everyKey(child)]);
}

/** What YAML makes of text without quotes. */
function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value instanceof Date) return 'a date';
  return typeof value === 'object' ? 'a section' : typeof value === 'boolean' ? 'true or false' : 'a number';
}

/** Quotes a value, short and on one line. */
function show(value: unknown): string {
  if (typeof value === 'object') return kindOf(value);
  const text = typeof value === 'string' ? JSON.stringify(withoutPath(value)) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}

/** A URL's path and query may hold an API key, whichever key of the configuration it was written to. */
function withoutPath(text: string): string {
  return text.replace(/^(\w+:\/\/[^/?#]+[/?#]).+/s, '$1…');
}

/** `collector.sources[0].url`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}${text === '' ? '' : '.'}${String(step)}`),
    '',
  );
}
