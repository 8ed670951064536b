import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Why a file could not be read, in words that can end a message. */
export class FileProblem extends Error {
  override readonly name = 'FileProblem';
  constructor(
    readonly kind: 'missing' | 'other',
    message: string,
  ) {
    super(message);
  }
}

export interface FileContent {
  readonly bytes: Uint8Array;
  /** Whether a regular file may be read by its group or by everyone. */
  readonly openToOthers: boolean;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its symbolic links go round in a circle',
};

/** Reads a small file (or a pipe) whole, never more than `maxBytes`. Throws FileProblem. */
export function readSmallFile(file: string, maxBytes: number): FileContent {
  try {
    const descriptor = openSync(file, 'r');
    try {
      return readOpenFile(descriptor, maxBytes);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof FileProblem) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new FileProblem(code === 'ENOENT' ? 'missing' : 'other', REASONS[code] ?? code);
  }
}

function readOpenFile(descriptor: number, maxBytes: number): FileContent {
  const status = fstatSync(descriptor);
  // One byte more than allowed tells a file that is too long from one that just fits.
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(descriptor, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  if (length > maxBytes) throw new FileProblem('other', `it is longer than ${maxBytes} bytes`);
  return { bytes: buffer.subarray(0, length), openToOthers: status.isFile() && (status.mode & 0o044) !== 0 };
}

/** Secrets that a service manager or a container runtime mounted: the mode shows its access list's mask, and nobody else is there. */
const MANAGED_FOLDERS = ['/run/credentials/', '/run/secrets/'];

/** A warning when a secret file may be read by people it is not meant for, else undefined. */
export function warnIfOpenToOthers(what: string, file: string, content: Pick<FileContent, 'openToOthers'>): string | undefined {
  if (!content.openToOthers || MANAGED_FOLDERS.some((folder) => file.startsWith(folder))) return undefined;
  return `${what} ${file} may be read by other users of this host; run: chmod 400 ${file}`;
}
