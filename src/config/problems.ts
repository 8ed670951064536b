import type { z } from 'zod';
import { AgentError, isAgentError } from '../lib/index.ts';
import { meant } from './hints.ts';
import { NOT_AS_EXPECTED, type SettingMeta, UNEXPANDED } from './setting.ts';
import { member, nodeAt, type SettingNode } from './setting-tree.ts';
import { nearest } from './suggest.ts';

/** Something that is wrong with one key, before it is known where the key was written. */
export interface KeyProblem {
  readonly path: readonly PropertyKey[];
  readonly problem: string;
}

/** One line of a refusal. Without a key it is about the place itself. */
export interface Problem {
  readonly where: string;
  /** Of the file, counted from 1; problems are told in this order. */
  readonly line?: number;
  readonly key?: string;
  readonly problem: string;
}

/** The error for these problems: at least one. Its `configProblems` are one line each. */
export function refusal(found: readonly Problem[]): AgentError {
  // One value can fail several checks for the same reason.
  const distinct = found.filter((one, index) => index === found.findIndex((other) => lineText(other) === lineText(one)));
  const problems = distinct.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
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

/** What an error of this room has to say, one line a problem. */
export function configProblems(error: unknown): readonly string[] {
  if (!isAgentError(error)) return [];
  const lines = error.code === 'CONFIG__SEVERAL' ? error.context.lines : undefined;
  return Array.isArray(lines) ? lines.map(String) : [error.message];
}

/** Puts an issue of the schema into our words. `value` is what was validated. */
export function problemsOf(root: SettingNode, issue: z.core.$ZodIssue, value: unknown): readonly KeyProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const parent = nodeAt(root, issue.path, value);
    return issue.keys.map((key) => ({ path: [...issue.path, key], problem: unknownKey(root, parent, key) }));
  }
  if (issue.code === 'custom' && issue.message !== NOT_AS_EXPECTED) return [{ path: issue.path, problem: issue.message }];
  const path = issue.code === 'invalid_union' && issue.path.length > 0 ? withDiscriminator(issue) : issue.path;
  const { meta } = nodeAt(root, path, value);
  const found = path.reduce<unknown>(member, value);
  const missing = found === undefined;
  if (missing) return [{ path, problem: `is required: ${meta.expects}` }];
  if (mayBeSecret(meta, found)) {
    const isOneUrl = meta.form === 'urls' && typeof found === 'string' && typeof path.at(-1) !== 'number';
    const isUnexpanded = meta.form === 'file' && typeof found === 'string' && UNEXPANDED.test(found);
    const hint = isOneUrl ? ', got a text: write [ and ] around it' : isUnexpanded ? '; ~ and $NAME stand for nothing here' : '';
    return [{ path, problem: `expected ${meta.expects}${hint}` }];
  }
  const instead = meant(meta, found);
  const hint = instead === undefined ? '' : `, did you mean ${instead}?`;
  return [{ path, problem: `expected ${meta.expects}, got ${show(found)}${hint}` }];
}

/** People paste a key where its file or its address belongs, and passwords into addresses; none of that is repeated. */
function mayBeSecret({ secret, form }: SettingMeta, value: unknown): boolean {
  if (secret || form === 'file' || form === 'urls') return true;
  return typeof value === 'string' && (value.includes('@') || (form === 'publicKey' && value.length > 44));
}

function withDiscriminator(issue: z.core.$ZodIssueInvalidUnion): readonly PropertyKey[] {
  return issue.path.at(-1) === 'type' ? issue.path : [...issue.path, 'type'];
}

function unknownKey(root: SettingNode, parent: SettingNode, key: string): string {
  if (/password|secret|token/i.test(key) && parent.children.has('passwordFile')) {
    return 'unknown key; a password is not written into the configuration: name the file that holds it in passwordFile';
  }
  const near = nearest(key, parent.children.keys());
  if (near !== undefined) return `unknown key, did you mean "${near}"?`;
  const elsewhere = everyKey(root).find((candidate) => candidate.split('.').at(-1) === key);
  return elsewhere === undefined ? 'unknown key' : `unknown key here, did you mean "${elsewhere}"?`;
}

function everyKey(node: SettingNode): readonly string[] {
  return [...node.children.values()].flatMap((child) => [child.key, ...everyKey(child)]);
}

/** A value as a message quotes it: short, on one line. */
function show(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a section';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}

/** `collector.sources[0].url`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}${text === '' ? '' : '.'}${String(step)}`),
    '',
  );
}
