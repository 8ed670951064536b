import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AgentError, describeError } from '../lib/index.ts';
import { readConfiguredState, rfc3339, type Snapshot, type SnapshotSink } from './snapshot.ts';

/**
 * Makes a folder and its missing parents. The `recursive` of mkdir never ends if a file system answers ENOENT for an existing parent (/proc, an
 * automounter without its server). It spins in a thread, and the agent cannot stop.
 */
async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return;
    const parent = dirname(directory);
    const hasParent = await stat(parent).then(
      () => true,
      () => false,
    );
    if (code !== 'ENOENT' || hasParent || parent === directory) throw error;
    await makeFolder(parent);
    await mkdir(directory, { mode: 0o700 });
  }
}

export interface FolderSinkOptions {
  /** Made when it is missing. */
  readonly directory: string;
  /** Show commands, and `bgp-sockets`. */
  readonly collect: readonly string[];
  /** The oldest snapshots are deleted when there are more files, or more bytes in them. */
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/** Names sort by time, so that the oldest is the first. */
const SNAPSHOT_FILE = /^\d{8}T\d{6}Z-[a-z0-9][a-z0-9._-]{0,63}\.json$/;
/** Files that a crash may have left unfinished. */
const UNFINISHED = /^\.snapshot-.*\.tmp$/;

/**
 * Keeps snapshots as files, `20260301T123456Z-ip-mroute.json`, readable by this user only. A file is complete or
 * absent: it is written under another name, flushed and renamed. Other files in the folder are not touched.
 */
export function createFolderSink({ directory, collect, maxFiles, maxBytes }: FolderSinkOptions): SnapshotSink {
  const wanted = readConfiguredState(collect);
  let opening: Promise<Map<string, number>> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  /** The present snapshots, with their sizes. */
  async function listFiles(): Promise<Map<string, number>> {
    await makeFolder(directory);
    const names = await readdir(directory);
    for (const name of names.filter((each) => UNFINISHED.test(each))) await rm(join(directory, name), { force: true });
    const files = new Map<string, number>();
    for (const name of names.filter((each) => SNAPSHOT_FILE.test(each)).sort()) {
      files.set(name, (await stat(join(directory, name))).size);
    }
    return files;
  }

  function files(): Promise<Map<string, number>> {
    opening ??= listFiles().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function write({ kind, takenAt, bytes }: Snapshot): Promise<void> {
    const present = await files();
    const name = `${rfc3339(takenAt).replaceAll(/[-:]/g, '')}-${kind}.json`;
    const unfinished = join(directory, `.snapshot-${name}.tmp`);
    try {
      const file = await open(unfinished, 'w', 0o600);
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(unfinished, join(directory, name));
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw error;
    }
    present.delete(name);
    present.set(name, bytes.byteLength);
    await rotate(present);
  }

  async function rotate(present: Map<string, number>): Promise<void> {
    let total = [...present.values()].reduce((sum, size) => sum + size, 0);
    for (const [name, size] of [...present].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (present.size <= maxFiles && total <= maxBytes) return;
      await rm(join(directory, name), { force: true });
      present.delete(name);
      total -= size;
    }
  }

  return {
    place: directory,
    async wanted() {
      return wanted;
    },
    async store(snapshot, signal) {
      const { kind, bytes } = snapshot;
      if (bytes.byteLength > maxBytes) {
        throw new AgentError('SNAPSHOT__TOO_LARGE', {
          kind,
          bytes: bytes.byteLength,
          place: directory,
          problem: `its limit is ${maxBytes} bytes`,
        });
      }
      // One after the other, so that the counted files are the present ones.
      const writing = last.then(() => {
        signal.throwIfAborted();
        return write(snapshot);
      });
      last = writing.catch(() => undefined);
      try {
        await writing;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        // The folder may have been deleted: the next snapshot lists it again.
        opening = undefined;
        throw new AgentError('SNAPSHOT__FOLDER', { kind, directory, problem: describeError(error) }, { cause: error });
      }
    },
    async close() {
      await last;
    },
  };
}
