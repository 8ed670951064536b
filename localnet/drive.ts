import { readFile, stat } from 'node:fs/promises';
import * as z from 'zod';
import type { CommandBody } from '../src/cli/command.ts';
import { loadKeypair, writeWhole } from '../src/config/index.ts';
import { AgentError, describeError, systemClock, withDeadline } from '../src/lib/index.ts';
import { printable, tableLines, tableStyle } from '../src/observability/index.ts';
import {
  accessPassAddress,
  bgpStatusName,
  describeTransactionFailure,
  deviceStatusName,
  isIpv4,
  parseTransactionFailure,
  UNSPECIFIED_IPV4,
  UserType,
  userAddress,
  userStatusName,
  userTypeName,
} from '../src/serviceability/index.ts';
import { createAndActivateUser } from '../src/serviceability/rfc11/index.ts';
import { addressText, signTransaction } from './ledger/index.ts';
import type { CustomerRequest, DriveOptions, Request } from './options.ts';
import { type LocalnetSnapshot, localnetSnapshotSchema } from './world.ts';

const MAX_FILE_BYTES = 256 << 20;

/** Writes a file that only its owner can read. Throws AgentError `CONFIG__USAGE` when it cannot be written. */
export function writeSnapshot(file: string, text: string): void {
  try {
    writeWhole(file, text, 0o600);
  } catch (error) {
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

const rpcError = z.object({ message: z.string(), data: z.object({ err: z.unknown() }).optional().catch(undefined) });
const answerSchema = z.union([
  z.object({ jsonrpc: z.literal('2.0'), result: z.unknown() }),
  z.object({ jsonrpc: z.literal('2.0'), error: rpcError }),
]);
const placed = z.object({ address: addressText, programId: addressText });
const listed = z.array(z.object({ address: z.string(), clientIp: z.string() }));

/** `dzd-localnet user`, `device`, `faults` and `snapshot`: asks the localnet that runs, and prints what it answers. */
export const driveBody: CommandBody<DriveOptions> = async ({ rpcUrl, requests, output }, { stdout, signal, environment }) => {
  const ask = (method: string, params: object): Promise<unknown> => call(rpcUrl, method, [params], signal);
  const complete = async ({ params, needsDevice }: Request): Promise<object> => {
    if (needsDevice === true) return { ...params, device: placed.parse(await ask('localnet_device', {})).address };
    const { user } = params;
    if (typeof user !== 'string' || !isIpv4(user)) return params;
    const found = listed.parse(await ask('localnet_users', {})).find(({ clientIp }) => clientIp === user);
    if (found !== undefined) return { ...params, user: found.address };
    throw new AgentError('LEDGER__LOCALNET_REFUSED', { method: 'that', problem: `no user has the client address ${user}` });
  };
  let answer: unknown;
  for (const request of requests) {
    answer =
      request.customer === undefined
        ? await ask(request.method, await complete(request))
        : await createAsCustomer(request.customer, (method, ...params) => call(rpcUrl, method, params, signal), signal);
    if (request.file === undefined) continue;
    writeSnapshot(request.file, `${JSON.stringify(answer)}\n`);
    answer = { file: request.file };
  }
  stdout.write(output === 'json' ? `${JSON.stringify(answer)}\n` : table(answer, requests.at(-1)?.method, tableStyle(stdout, environment)));
  return 0;
};

async function call(url: string, method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown> {
  let body: unknown;
  try {
    body = await withDeadline(TIMEOUT_MS, signal, async (inner) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
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
  if ('error' in answer.data) throw new AgentError('LEDGER__LOCALNET_REFUSED', { method, problem: problemOf(answer.data.error) });
  return answer.data.result;
}

function problemOf({ message, data }: z.output<typeof rpcError>): string {
  return data?.err === undefined ? message : describeTransactionFailure(parseTransactionFailure(data.err));
}

type Call = (method: string, ...params: readonly unknown[]) => Promise<unknown>;

const accountAnswer = z.object({ value: z.object({ data: z.tuple([z.base64(), z.string()]) }).nullable() });
const latestBlockhash = z.object({ value: z.object({ blockhash: z.string() }) });
const signatureStatuses = z.object({ value: z.array(z.object({ confirmationStatus: z.string(), err: z.unknown() }).nullable()) });
/** What the verb before made is not confirmed yet. */
const NEWEST = { commitment: 'processed' };
const POLL_MS = 200;
/** Half a minute, in which a blockhash is still good. */
const MOST_POLLS = 150;
const GRE_OVER_DIA = 1;

/** CreateAndActivateUser as a customer sends it: signed here, with its pass for this client address or for any. */
async function createAsCustomer(
  { keypair, clientIp, isMulticast, connect }: CustomerRequest,
  ask: Call,
  signal: AbortSignal,
): Promise<unknown> {
  const signer = loadKeypair(keypair).keypair;
  const payer = signer.address;
  const { address: device, programId } = placed.parse(await ask('localnet_device', {}));
  const passes = [clientIp, UNSPECIFIED_IPV4].map((ip) => accessPassAddress(programId, ip, payer).address);
  const found = await Promise.all(
    passes.map(async (pass) => accountAnswer.parse(await ask('getAccountInfo', pass, { ...NEWEST, encoding: 'base64' }))),
  );
  const accessPass = passes.find((_, at) => found[at]?.value !== null);
  if (accessPass === undefined) {
    const problem = `${payer} has no access pass for ${clientIp}; create one with \`dzd-localnet pass create ${payer}\``;
    throw new AgentError('LEDGER__LOCALNET_REFUSED', { method: 'that', problem });
  }
  const userType = isMulticast ? UserType.multicast : UserType.ibrl;
  const { blockhash } = latestBlockhash.parse(await ask('getLatestBlockhash', NEWEST)).value;
  const about = { programId, device, payer, accessPass, clientIp, userType, cyoaType: GRE_OVER_DIA, tunnelEndpoint: UNSPECIFIED_IPV4 };
  const wire = Buffer.from(signTransaction(signer, blockhash, [createAndActivateUser(about)])).toString('base64');
  const signature = await ask('sendTransaction', wire, { encoding: 'base64', preflightCommitment: 'processed' });
  for (let polls = 1, status: string | undefined; status === undefined || status === 'processed'; polls++) {
    if (polls > MOST_POLLS)
      throw new AgentError('LEDGER__LOCALNET_REFUSED', { method: 'that', problem: `${String(signature)} did not land` });
    await systemClock.sleep(POLL_MS, signal);
    status = signatureStatuses.parse(await ask('getSignatureStatuses', [signature])).value[0]?.confirmationStatus;
  }
  const { address } = userAddress(programId, clientIp, userType);
  if (connect) await ask('localnet_connectUser', { user: address });
  return { address, accessPass, signature };
}

const USER_COLUMNS = ['address', 'clientIp', 'userType', 'status', 'tunnelId', 'tunnelNet', 'bgpStatus'];

/** Tables show names; JSON has the bytes of the accounts. */
const USER_NAMES: Names = { userType: userTypeName, status: userStatusName, bgpStatus: bgpStatusName };
const DEVICE_NAMES: Names = { status: deviceStatusName };

type Names = Readonly<Record<string, (byte: number) => string>>;

/** A list of users as rows, an object as lines of name and value, nothing as `ok`. */
function table(answer: unknown, method: string | undefined, style: ReturnType<typeof tableStyle>): string {
  if (Array.isArray(answer)) {
    if (answer.length === 0) return 'none\n';
    const isUsers = listed.safeParse(answer).success;
    if (!isUsers) return answer.map((item) => `${printable(JSON.stringify(item))}\n`).join('');
    const rows = answer.map((user) => USER_COLUMNS.map((name) => cell(name, Object(user)[name], USER_NAMES)));
    return lines(tableLines([USER_COLUMNS, ...rows], style));
  }
  if (typeof answer !== 'object' || answer === null) return 'ok\n';
  const names = method === 'localnet_device' ? DEVICE_NAMES : {};
  return lines(tableLines(Object.entries(answer).map(([name, value]) => [name, cell(name, value, names)])));
}

function cell(name: string, value: unknown, names: Names): string {
  const nameOf = names[name];
  return text(nameOf !== undefined && typeof value === 'number' ? nameOf(value) : value);
}

const text = (value: unknown): string => printable(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

const lines = (drawn: readonly string[]): string => drawn.map((line) => `${line}\n`).join('');
