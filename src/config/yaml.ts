import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from 'yaml';
import { AgentError, isRecord } from '../lib/index.ts';
import { type KeyProblem, type Problem, pathText, refusal } from './messages.ts';
import { MAX_LEVELS, nestsTooDeep } from './schema-tree.ts';

/** Why a file could not be read or written; the message can end a sentence. */
export class FileProblem extends Error {
  override readonly name = 'FileProblem';
  constructor(
    readonly kind: 'missing' | 'encoding' | 'other',
    message: string,
  ) {
    super(message);
  }
}

interface FileAccess {
  readonly uid: number;
  readonly mode: number;
}

export interface FileContent {
  readonly bytes: Uint8Array;
  /** Owner and mode of a regular file; undefined for a pipe. */
  readonly access: FileAccess | undefined;
}

/** Limits of a wait for a pipe, which blocks everything else: 2 s for a writer, and 30 s for its bytes, which it may fetch from a vault. */
const [WRITER_WAITS, BYTES_WAITS, PIPE_WAIT_MS] = [100, 1_500, 20];

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its symbolic links form a loop',
};

/** Reads a small file (or a pipe) whole, never more than `maxBytes`. Throws FileProblem, also for a pipe without a writer. */
export function readSmallFile(file: string, maxBytes: number): FileContent {
  try {
    // A blocking open waits for the pipe's writer, and no signal interrupts it.
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return readOpenFile(descriptor, maxBytes);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof FileProblem) throw error;
    const code = codeOf(error);
    throw new FileProblem(code === 'ENOENT' ? 'missing' : 'other', REASONS[code] ?? code);
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown error');

/**
 * Writes a file under another name and renames it, so that it is whole or absent. It writes directly to a device or a pipe, because the rename
 * would replace that (as root, even /dev/null). Throws FileProblem.
 */
export function writeWhole(file: string, text: string, mode = 0o666): void {
  try {
    const existing = statSync(file, { throwIfNoEntry: false });
    if (existing?.isFile() === false) writeFileSync(file, text);
    else replaceFile(existing === undefined ? file : realpathSync(file), text, mode);
  } catch (error) {
    const code = codeOf(error);
    throw new FileProblem('other', code === 'ENOENT' ? 'its folder does not exist' : (REASONS[code] ?? code));
  }
}

function replaceFile(file: string, text: string, mode: number): void {
  const draft = `${file}.${randomUUID()}`;
  try {
    writeFileSync(draft, text, { flag: 'wx', mode, flush: true });
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function readOpenFile(descriptor: number, maxBytes: number): FileContent {
  const status = fstatSync(descriptor);
  // One byte more than allowed distinguishes a file that is too long from one that just fits.
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  let waits = 0;
  while (length < buffer.length) {
    const read = readNow(descriptor, buffer, length);
    if (read !== undefined) length += read;
    // An empty pipe may still get a writer.
    if (read === undefined || (read === 0 && length === 0 && status.isFIFO() && waits < WRITER_WAITS)) {
      if (waits >= BYTES_WAITS) throw new FileProblem('other', 'its writer sends nothing');
      waits += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_WAIT_MS);
    } else if (read === 0) break;
  }
  if (length > maxBytes) throw new FileProblem('other', `it is longer than ${maxBytes} bytes`);
  return { bytes: buffer.subarray(0, length), access: status.isFile() ? { uid: status.uid, mode: status.mode } : undefined };
}

/** The bytes that are there; undefined while a writer has none. */
function readNow(descriptor: number, buffer: Buffer, from: number): number | undefined {
  try {
    return readSync(descriptor, buffer, from, buffer.length - from, null);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return undefined;
    throw error;
  }
}

/**
 * The text of a file, without the byte order mark that some editors write first. Throws FileProblem for UTF-16, which has a zero in one of its first
 * two bytes if it has no mark, and with `strict` for whatever else is not UTF-8; otherwise such bytes become U+FFFD.
 */
export function decodeText(bytes: Uint8Array, { strict = false } = {}): string {
  const [first, second] = bytes;
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (bytes.length > 0 && bytes.length % 2 === 0 && (hasMark || (first === 0) !== (second === 0)))
    throw new FileProblem('encoding', 'it is UTF-16 text; save it as UTF-8');
  try {
    return new TextDecoder('utf-8', { fatal: strict }).decode(bytes);
  } catch {
    throw new FileProblem('encoding', 'it is not UTF-8 text');
  }
}

/** The system follows 40 symbolic links, each of 4,096 bytes: the limit is for links that change meanwhile. */
const MAX_FOLDERS = 100_000;

/** Secrets mounted by a service manager or a container runtime: their mode shows the mask of an access list, and no other user has access. */
const MANAGED_FOLDERS = ['/run/credentials/', '/run/secrets/'];

/** Warnings if other users can read or change a secret file, or replace it. A symbolic link is named, and every folder on the way counts. */
export function accessWarnings(what: string, file: string, { access }: Pick<FileContent, 'access'>): readonly string[] {
  const real = realPathOf(file);
  const isManaged = [file, real].every((path) => MANAGED_FOLDERS.some((folder) => path.startsWith(folder)));
  if (access === undefined || isManaged) return [];
  const shown = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true ? `${file}, a symbolic link to ${real},` : file;
  const verbs = [...((access.mode & 0o044) === 0 ? [] : ['readable']), ...((access.mode & 0o022) === 0 ? [] : ['writable'])];
  const warnings =
    verbs.length === 0 ? [] : [`${what} ${shown} is ${verbs.join(' and ')} by other users of this host; run: chmod 400 ${real}`];
  if (isForeign(access)) warnings.push(`${what} ${shown} belongs to user ${access.uid}, who can change it; run: chown ${ownUid()} ${real}`);
  const nearest = [realPathOf(dirname(file)), dirname(real)];
  for (const folder of foldersTo(file)) {
    const { uid, mode } = statSync(folder, { throwIfNoEntry: false }) ?? { uid: 0, mode: 0 };
    const where = `the folder ${folder} of ${what} ${shown}`;
    // In a folder with the sticky bit, such as /tmp, only its owner replaces a file.
    if ((mode & 0o022) !== 0 && (mode & 0o1000) === 0)
      warnings.push(`${where} is writable by other users of this host; run: chmod go-w ${folder}`);
    if (nearest.includes(folder) && isForeign({ uid, mode }))
      warnings.push(`${where} belongs to user ${uid}, who can replace the file; run: chown ${ownUid()} ${folder}`);
  }
  return warnings;
}

/**
 * Every folder on the path that the system follows to the file, nearest first: `..` behind a symbolic link is the parent of the link's target.
 */
function foldersTo(file: string): ReadonlySet<string> {
  const folders: string[] = [];
  const names = (file.startsWith('/') ? file : `${process.cwd()}/${file}`).split('/');
  let folder = '/';
  for (let name = names.shift(); name !== undefined && folders.length < MAX_FOLDERS; name = names.shift()) {
    if (name === '' || name === '.') continue;
    const path = join(folder, name);
    folders.push(folder);
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) folder = path;
    else {
      const target = readlinkSync(path);
      if (target.startsWith('/')) folder = '/';
      names.unshift(...target.split('/'));
    }
  }
  return new Set(folders.reverse());
}

/** The path without symbolic links. An open file may no longer have a path, such as a here-document at /dev/fd/3. */
function realPathOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}

/** Root may do anything anyway. */
function isForeign({ uid }: FileAccess): boolean {
  return uid !== 0 && uid !== ownUid();
}

function ownUid(): number {
  return process.getuid?.() ?? 0;
}

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

function parseConfigText(text: string, path: string, access: FileAccess | undefined): ConfigFile {
  if (nestsTooDeep(text)) throw refusal([{ where: path, problem: `it nests deeper than ${MAX_LEVELS} levels` }]);
  const lines = new LineCounter();
  // Pretty errors would quote the file, and the file may hold a community.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, stringKeys: true });
  const unmerged = text.split('\n').findIndex((line) => /^(?:<{7}|={7}|>{7})(?: |$)/.test(line));
  if (unmerged !== -1) throw refusal([{ where: `${path}:${unmerged + 1}`, problem: 'unresolved merge conflict of git' }]);
  const mistakes = relevantErrors([...document.errors, ...document.warnings]).slice(0, MAX_PROBLEMS);
  if (mistakes.length > 0) throw refusal(mistakes.map((mistake) => mistakeOf(mistake, text, lines, path)));
  const value = mappingOf(document, path);
  return {
    path,
    value,
    access,
    lineOf: (keys) => lines.linePos(find(document.contents, keys).offset).line,
    writtenAt: (keys) => writtenAt(text, document.contents, keys),
  };
}

function mappingOf(document: Document, path: string): Readonly<Record<string, unknown>> {
  const value: unknown = expand(document, path);
  if (value === null || value === undefined) throw refusal([{ where: `${path}:1`, problem: 'the file is empty' }]);
  if (!isRecord(value)) throw refusal([{ where: `${path}:1`, problem: 'expected `key: value` lines, with a space after each colon' }]);
  return value;
}

/** Refuses aliases that expand exponentially: a few lines of them can become gigabytes. */
function expand(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw refusal([
      {
        where: `${path}:1`,
        problem: 'its aliases (*name) do not resolve, or expand too often; a value that begins with * needs quotes around it',
      },
    ]);
  }
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
