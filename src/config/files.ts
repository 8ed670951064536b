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
