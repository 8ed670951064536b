import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit, type YAMLError } from 'yaml';
import { AgentError, isRecord } from '../lib/index.ts';
import { decodeText, type FileContent, FileProblem, readSmallFile } from './files.ts';
import { type KeyProblem, type Problem, pathText, refusal } from './messages.ts';
import { MAX_LEVELS, nestsTooDeep } from './schema-tree.ts';

/** A configuration file, read but not yet validated. */
export interface ConfigFile extends Pick<FileContent, 'access'> {
  readonly path: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** The line of the key, or of the nearest section above it that is in the file, counted from 1. */
  lineOf(path: readonly PropertyKey[]): number;
  /** The value as it is written; see `writtenAt`. */
  writtenAt(path: readonly PropertyKey[]): string | undefined;
}

/** Eight times the annotated files of `config/`. The YAML parser takes up to a kilobyte for each byte. */
const MAX_FILE_BYTES = 65_536;
/** More messages than this about one file do not help. */
const MAX_PROBLEMS = 20;

/** Reads a configuration file. Throws AgentError `CONFIG__FILE_…`, with the line of each mistake in the YAML itself. */
export function readConfigFile(path: string, maxBytes = MAX_FILE_BYTES): ConfigFile {
  try {
    const { bytes, access } = readSmallFile(path, maxBytes);
    return parseConfigText(decodeText(bytes, { strict: true }), path, access);
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error;
    const code = error.kind === 'encoding' ? 'CONFIG__FILE_NOT_UTF8' : 'CONFIG__FILE_UNREADABLE';
    throw new AgentError(code, { file: path, problem: error.message });
  }
}

/** The error for these problems of the file, each with its line. */
export function yamlRefusal({ path: file, lineOf }: ConfigFile, problems: readonly KeyProblem[]): AgentError {
  return refusal(
    problems.map(({ path, problem }) => {
      const line = lineOf(path);
      return { where: `${file}:${line}`, line, key: pathText(path), problem };
    }),
  );
}

function parseConfigText(text: string, path: string, access: FileContent['access']): ConfigFile {
  if (nestsTooDeep(text)) throw refusal([{ where: path, problem: `it nests deeper than ${MAX_LEVELS} levels` }]);
  const lines = new LineCounter();
  // Pretty errors would quote the file, and the file may hold a community.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, stringKeys: true });
  const unmerged = text.split('\n').findIndex((line) => /^(?:<{7}|={7}|>{7})(?: |$)/.test(line));
  if (unmerged !== -1) throw refusal([{ where: `${path}:${unmerged + 1}`, problem: 'unresolved merge conflict of git' }]);
  const mistakes = relevantErrors([...document.errors, ...document.warnings]).slice(0, MAX_PROBLEMS);
  if (mistakes.length > 0) throw refusal(mistakes.map((mistake) => mistakeOf(mistake, text, lines, path)));
  const value = mappingOf(document, lines, path);
  return {
    path,
    value,
    access,
    lineOf: (keys) => lines.linePos(find(document.contents, keys).offset).line,
    writtenAt: (keys) => writtenAt(text, document.contents, keys),
  };
}

function mappingOf(document: Document, lines: LineCounter, path: string): Readonly<Record<string, unknown>> {
  const value: unknown = expand(document, lines, path);
  if (value === null || value === undefined) throw refusal([{ where: `${path}:1`, problem: 'the file is empty' }]);
  if (!isRecord(value)) throw refusal([{ where: `${path}:1`, problem: 'expected `key: value` lines, with a space after each colon' }]);
  return value;
}

/** Refuses aliases that expand exponentially: a few lines of them can become gigabytes. */
function expand(document: Document, lines: LineCounter, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw refusal([
      {
        where: `${path}:${lines.linePos(unresolvedAlias(document)).line}`,
        problem: 'its aliases (*name) do not resolve, or expand too often; a value that begins with * needs quotes around it',
      },
    ]);
  }
}

/** The offset of the first alias without an anchor; 0 if there is none. */
function unresolvedAlias(document: Document): number {
  let offset = 0;
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return undefined;
      offset = alias.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

const MISTAKES: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'a tab indents this line; YAML allows spaces only',
  BLOCK_AS_IMPLICIT_KEY: 'the value contains another "key: value": write quotes around it, or fix the indentation of the next line',
  MULTILINE_IMPLICIT_KEY: 'this line, or one before it, is not "key: value", or its indentation is wrong',
  BAD_SCALAR_START: 'a value that begins with this character needs quotes around it',
  TAG_RESOLVE_FAILED: 'a value that begins with ! needs quotes around it',
  MULTIPLE_DOCS: 'a second YAML document begins here; only one is allowed',
};

/** Duplicate keys, and of the syntax errors the first: the others follow from it. */
function relevantErrors(mistakes: readonly YAMLError[]): readonly YAMLError[] {
  const first = mistakes.find(({ code }) => code !== 'DUPLICATE_KEY');
  return mistakes.filter((mistake) => mistake === first || mistake.code === 'DUPLICATE_KEY');
}

function mistakeOf(mistake: YAMLError, text: string, lines: LineCounter, path: string): Problem {
  const [start] = mistake.pos;
  const where = `${path}:${lines.linePos(start).line}`;
  if (mistake.code === 'DUPLICATE_KEY') {
    const key = /^[\w.-]{1,60}/.exec(text.slice(start))?.[0];
    return { where, problem: key === undefined ? 'duplicate key' : `duplicate key "${key}"` };
  }
  // After a colon, messages quote the file.
  return { where, problem: MISTAKES[mistake.code] ?? `not valid YAML: ${/^[^:\n]*/.exec(mistake.message)?.[0] ?? mistake.code}` };
}

/** The node at the path, if there is one, and the offset of the deepest part of the path that is in the document. */
function find(contents: unknown, path: readonly PropertyKey[]): { readonly offset: number; readonly node?: unknown } {
  let node = contents;
  let offset = 0;
  for (const step of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && key.value === step) : undefined;
    const item = isSeq(node) && typeof step === 'number' ? node.items[step] : undefined;
    if (pair === undefined && item === undefined) return { offset };
    const start = pair?.key ?? item;
    offset = (isNode(start) ? start.range?.[0] : undefined) ?? offset;
    node = pair === undefined ? item : pair.value;
  }
  return { offset, node };
}

/**
 * The value as it is written in the text: `007`, where YAML reads 7, and `#a` or `&a`, where it reads nothing. Undefined where nothing is written,
 * an alias, or more than one line.
 */
function writtenAt(text: string, contents: unknown, path: readonly PropertyKey[]): string | undefined {
  const { node } = find(contents, path);
  if (!isNode(node) || isAlias(node) || !node.range) return undefined;
  const [start, end] = node.range;
  const [, comment] = /^[ \t]*(#\S+)[ \t]*\r?$/m.exec(text.slice(start).split('\n', 1)[0] ?? '') ?? [];
  const written = text.slice(start, end) || (node.anchor === undefined ? comment : `&${node.anchor}`);
  return written === undefined || written.includes('\n') ? undefined : written;
}

/** As `writtenAt` of a file, for the value of a flag or a variable. */
export function writtenInText(text: string, path: readonly PropertyKey[]): string | undefined {
  if (nestsTooDeep(text)) return undefined;
  return writtenAt(text, parseDocument(text, { logLevel: 'silent', stringKeys: true }).contents, path);
}
