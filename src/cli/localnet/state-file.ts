import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { AgentError, describeError } from '../../lib/index.ts';
import { type LocalnetSnapshot, localnetSnapshotSchema } from '../../localnet/index.ts';

const MAX_FILE_BYTES = 256 << 20;

/** Writes a file that is there whole or not at all. Throws AgentError `CONFIG__USAGE` when it cannot be written. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(unfinished, text, { mode: 0o600, flush: true });
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw new AgentError('CONFIG__USAGE', { problem: `${file} cannot be written: ${describeError(error)}` }, { cause: error });
  }
}

/** Reads what `localnet snapshot` wrote. Throws AgentError `CONFIG__USAGE` with what is wrong in it, and where. */
export async function readSnapshot(file: string): Promise<LocalnetSnapshot> {
  const refuse = (problem: string, cause?: unknown): AgentError =>
    new AgentError('CONFIG__USAGE', { problem: `--restore: ${file}: ${problem}` }, { cause });
  let json: unknown;
  try {
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES} bytes`);
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw refuse(describeError(error), error);
  }
  if (!isSnapshot(json)) {
    const [issue] = localnetSnapshotSchema.safeParse(json).error?.issues ?? [];
    throw refuse(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as expected'}`);
  }
  if (json.ledger.accounts.some(({ address }) => address === json.device)) return json;
  throw refuse(`device: it holds no account ${json.device}`);
}

const isSnapshot = (json: unknown): json is LocalnetSnapshot => localnetSnapshotSchema.safeParse(json).success;
