import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { CommandBody } from '../src/cli/command.ts';
import { AgentError, describeError, withDeadline } from '../src/lib/index.ts';
import { printable } from '../src/observability/index.ts';
import { bgpStatusName, deviceStatusName, isIpv4, userStatusName, userTypeName } from '../src/serviceability/index.ts';
import type { DriveOptions, Request } from './options.ts';
import { type LocalnetSnapshot, localnetSnapshotSchema } from './world.ts';

const MAX_FILE_BYTES = 256 << 20;

/** Writes a file atomically. Throws AgentError `CONFIG__USAGE` when it cannot be written. */
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

/** Reads what `dzd-localnet snapshot` wrote. Throws AgentError `CONFIG__USAGE` with the problem and its place. */
export async function readSnapshot(file: string): Promise<LocalnetSnapshot> {
  const refuse = (problem: string, cause?: unknown): AgentError =>
    new AgentError('CONFIG__USAGE', { problem: `--restore: ${file}: ${problem}` }, { cause });
  let json: unknown;
  try {
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES) throw new Error(`larger than ${MAX_FILE_BYTES} bytes`);
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw refuse(describeError(error), error);
  }
  if (!isSnapshot(json)) {
    const [issue] = localnetSnapshotSchema.safeParse(json).error?.issues ?? [];
    throw refuse(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as expected'}`);
  }
  if (json.ledger.accounts.some(({ address }) => address === json.device)) return json;
  throw refuse(`device: no account ${json.device}`);
}

const isSnapshot = (json: unknown): json is LocalnetSnapshot => localnetSnapshotSchema.safeParse(json).success;

const TIMEOUT_MS = 10_000;

const answerSchema = z.union([
  z.object({ jsonrpc: z.literal('2.0'), result: z.unknown() }),
  z.object({ jsonrpc: z.literal('2.0'), error: z.object({ message: z.string() }) }),
]);
const addressed = z.object({ address: z.string() });
const listed = z.array(z.object({ address: z.string(), clientIp: z.string() }));

/** `dzd-localnet user`, `device`, `faults` and `snapshot`: asks the localnet that runs, and prints what it answers. */
export const driveBody: CommandBody<DriveOptions> = async ({ rpcUrl, requests, output }, { stdout, signal }) => {
  const ask = (method: string, params: object): Promise<unknown> => call(rpcUrl, method, params, signal);
  const complete = async ({ params, needsDevice }: Request): Promise<object> => {
    if (needsDevice === true) return { ...params, device: addressed.parse(await ask('localnet_device', {})).address };
    const { user } = params;
    if (typeof user !== 'string' || !isIpv4(user)) return params;
    const found = listed.parse(await ask('localnet_users', {})).find(({ clientIp }) => clientIp === user);
    if (found !== undefined) return { ...params, user: found.address };
    throw new AgentError('LEDGER__LOCALNET_REFUSED', { method: 'that', problem: `no user has the client address ${user}` });
  };
  let answer: unknown;
  for (const request of requests) {
    answer = await ask(request.method, await complete(request));
    if (request.file === undefined) continue;
    await writeWhole(request.file, `${JSON.stringify(answer)}\n`);
    answer = { file: request.file };
  }
  stdout.write(output === 'json' ? `${JSON.stringify(answer)}\n` : table(answer, requests.at(-1)?.method));
  return 0;
};

async function call(url: string, method: string, params: object, signal: AbortSignal): Promise<unknown> {
  let body: unknown;
  try {
    body = await withDeadline(TIMEOUT_MS, signal, async (inner) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [params] }),
        signal: inner,
      });
      return response.json();
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new AgentError('LEDGER__LOCALNET_UNREACHABLE', { url, problem: describeError(error) }, { cause: error });
  }
  const answer = answerSchema.safeParse(body);
  if (!answer.success) throw new AgentError('LEDGER__LOCALNET_UNREACHABLE', { url, problem: 'the response is not JSON-RPC' });
  if ('error' in answer.data) throw new AgentError('LEDGER__LOCALNET_REFUSED', { method, problem: answer.data.error.message });
  return answer.data.result;
}

const USER_COLUMNS = ['address', 'clientIp', 'userType', 'status', 'tunnelId', 'tunnelNet', 'bgpStatus'];

/** Tables show names; JSON has the bytes of the accounts. */
const USER_NAMES: Names = { userType: userTypeName, status: userStatusName, bgpStatus: bgpStatusName };
const DEVICE_NAMES: Names = { status: deviceStatusName };

type Names = Readonly<Record<string, (byte: number) => string>>;

/** A list of users as rows, an object as lines of name and value, nothing as `ok`. */
function table(answer: unknown, method: string | undefined): string {
  if (Array.isArray(answer)) {
    if (answer.length === 0) return 'none\n';
    const isUsers = listed.safeParse(answer).success;
    if (!isUsers) return answer.map((item) => `${printable(JSON.stringify(item))}\n`).join('');
    return columns([USER_COLUMNS, ...answer.map((user) => USER_COLUMNS.map((name) => cell(name, Object(user)[name], USER_NAMES)))]);
  }
  if (typeof answer !== 'object' || answer === null) return 'ok\n';
  const names = method === 'localnet_device' ? DEVICE_NAMES : {};
  return columns(Object.entries(answer).map(([name, value]) => [name, cell(name, value, names)]));
}

function cell(name: string, value: unknown, names: Names): string {
  const nameOf = names[name];
  return text(nameOf !== undefined && typeof value === 'number' ? nameOf(value) : value);
}

const text = (value: unknown): string => printable(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
