import * as z from 'zod';
import { createAgentEvents } from '../agent/events.ts';
import { openAgent } from '../agent/from-config.ts';
import { type AgentConfig, type HttpConfig, loadSecret } from '../config/index.ts';
import { HttpClient } from '../lib/http.ts';
import {
  AgentError,
  DeadlineExceeded,
  describeError,
  hostInUrl,
  isAgentError,
  parseJson,
  systemClock,
  withDeadline,
} from '../lib/index.ts';
import { createStatusBoard } from '../observability/index.ts';
import { type Address, isAddress, slot } from '../serviceability/index.ts';

/** The part of an agent's status that explains a user. */
export type StatusExcerpt = z.output<typeof statusSchema>;

export type ExplainedUser = StatusExcerpt['users'][number];

/** Why there is no answer. `hangs`: a process listens at the address, but did not answer in time. `unasked`: the token cannot be read. */
interface NoAnswer {
  readonly kind: 'none' | 'hangs' | 'unasked';
  readonly problem: string;
}

/** The status of the running agent, or why there is none. */
type RunningAgent = { readonly kind: 'answered'; readonly status: StatusExcerpt } | NoAnswer;

const RESPONSE_TIMEOUT_MS = 3_000;
/** Twice the status of the largest device. Another program of this host may listen at the agent's address. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;
/** A hundred for each of 4,096 users, and as much for their past. */
const MAX_VALUES = 800_000;

/** Asks the agent at the listen address of this configuration. Rejects only for an aborted signal. */
export async function askRunningAgent(http: HttpConfig, device: Address, signal: AbortSignal): Promise<RunningAgent> {
  const answer = await getFromAgent(http, '/status.json', signal);
  if (answer.kind !== 'body') return answer;
  const { success, data } = statusSchema.safeParse(parsed(answer.body));
  if (!success) return noAnswer(answer.where, 'the response is not from an agent of this version');
  if (data.device === device) return { kind: 'answered', status: data };
  return { kind: 'none', problem: `the agent at ${answer.where} reports for another device, ${data.device}` };
}

/** What the running agent answers to a GET, or why there is no such answer. Rejects only for an aborted signal. */
export async function getFromAgent(
  { enabled, listen: { host, port }, tokenFile }: HttpConfig,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly kind: 'body'; readonly where: string; readonly body: string } | NoAnswer> {
  if (!enabled || port === 0) return { kind: 'none', problem: 'this configuration serves no status over HTTP' };
  const where = `${loopbackOf(host)}:${port}`;
  const client = new HttpClient({ connections: 1, keepAliveMs: 1_000, maxBodyBytes: MAX_RESPONSE_BYTES });
  try {
    const token = tokenFile === undefined ? undefined : loadSecret('http.tokenFile', tokenFile).value;
    const headers = token === undefined ? undefined : { authorization: `Bearer ${Buffer.from(token).toString('latin1')}` };
    const request = { method: 'GET', origin: `http://${where}`, path, headers } as const;
    const { status: code, body } = await withDeadline(RESPONSE_TIMEOUT_MS, signal, (inner) => client.send(request, inner));
    if (code !== 200) throw new Error(`HTTP ${code}`);
    return { kind: 'body', where, body: body.toString('utf8') };
  } catch (error) {
    signal.throwIfAborted();
    if (isAgentError(error)) return { kind: 'unasked', problem: `the agent at ${where} cannot be asked: ${error.message}` };
    return { ...noAnswer(where, describeError(error)), kind: error instanceof DeadlineExceeded ? 'hangs' : 'none' };
  } finally {
    await client.close();
  }
}

const noAnswer = (where: string, why: string) => ({ kind: 'none', problem: `no agent answers at ${where} (${why})` }) as const;

function parsed(text: string): unknown {
  try {
    return parseJson(text, MAX_VALUES);
  } catch {
    return undefined;
  }
}

/** An agent that listens on every address answers on loopback, too. */
function loopbackOf(host: string): string {
  return hostInUrl(host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host);
}

const pubkey = z.custom<Address>(isAddress);
const u64 = z.union([z.number().int().nonnegative(), z.string().regex(/^\d{1,20}$/)]).transform((value) => BigInt(value));
const ledgerSlot = u64.transform(slot);
const text = z.string().max(10_000);
const health = z.object({
  name: text,
  state: z.enum(['ok', 'lost']),
  since: z.number(),
  problem: text.nullable(),
  remedy: text.nullable().default(null),
});

const userSchema = z.object({
  user: pubkey,
  tunnelId: z.number(),
  tunnelNet: text,
  clientIp: text,
  userType: text,
  accountStatus: text,
  expectedVrf: text.nullable(),
  observation: z.enum(['up', 'down', 'unobserved']),
  because: text.nullable(),
  downReason: text.nullable().default(null),
  neighbor: z.object({ vrf: text, address: text, state: text, description: text.nullable(), source: text }).nullable(),
  sinceMs: z.number().nullable(),
  decision: z.enum(['write', 'hold', 'settled']),
  decisionReason: text.nullable(),
  ledger: z.object({
    status: text,
    reportedAtSlot: ledgerSlot,
    lastUpAtSlot: ledgerSlot,
    rttNs: u64,
    ageMs: z.number().nullable(),
  }),
  inFlight: text.nullable(),
  parked: text.nullable(),
  flaps: z.number(),
  penalty: z.number(),
  suppressed: z.boolean(),
  lastWrite: z.object({ to: text, reason: text, signature: text, slot: ledgerSlot, at: z.number(), latencyMs: z.number() }).nullable(),
});

const findingSchema = z.object({
  code: text,
  severity: z.enum(['warning', 'critical']),
  since: z.number(),
  text,
  remedy: text,
  runbook: text,
});

/** The used part of `/status.json`; the rest may change. An agent of an earlier version has no `writesStalled` and no `findings`. */
const statusSchema = z.object({
  device: pubkey,
  now: z.number(),
  lastTick: z
    .object({
      at: z.number(),
      durationMs: z.number(),
      switchRead: z.boolean(),
      viewSlot: ledgerSlot.nullable(),
      slotTimeMs: z.number().nullable(),
    })
    .nullable(),
  users: z.array(userSchema).readonly(),
  sources: z.array(health).readonly(),
  endpoints: z.array(health).readonly(),
  failedVrfs: z.array(z.object({ vrf: text, problem: text })).readonly(),
  ledgerProblem: z.object({ since: z.number(), message: text, remedy: text.nullable() }).nullable(),
  halted: z.object({ code: text, message: text, remedy: text }).nullable(),
  writesStalled: z.object({ since: z.number(), code: text, message: text, remedy: text.nullable() }).nullish(),
  findings: z.array(findingSchema).readonly().optional(),
  timeline: z.array(z.object({ at: z.number(), user: pubkey.nullable(), text })).readonly(),
});

/** Longer than a tick that tries every source and every endpoint. */
const READ_TIMEOUT_MS = 60_000;

/**
 * The status after one tick of an agent that has no key and cannot write. Throws the AgentError that made the ledger unreadable; an unreadable
 * switch is in `sources`, and its users are unobserved.
 */
export async function readStatusOnce(
  config: AgentConfig,
  { version, warn }: { readonly version: string; readonly warn: (line: string) => void },
  signal: AbortSignal,
): Promise<StatusExcerpt> {
  const board = createStatusBoard({
    version,
    device: config.device,
    publisher: undefined,
    dryRun: true,
    sources: config.collector.sources.map(({ name }) => name),
    endpoints: [],
    clock: systemClock,
  });
  let ledgerError: AgentError | undefined;
  const { reporter } = createAgentEvents(board.listener, {
    ledgerView({ error }) {
      ledgerError = error ?? ledgerError;
    },
  });
  // One tick takes no snapshots, and needs no triggers.
  const reading: AgentConfig = {
    ...config,
    collector: { ...config.collector, wakeUps: [] },
    snapshots: { ...config.snapshots, sink: 'none' },
  };
  const agent = await openAgent({ config: reading, warn, reporter });
  try {
    const { report, problem } = await withDeadline(READ_TIMEOUT_MS, signal, (inner) => agent.once(inner));
    if (report.viewSlot === undefined)
      throw ledgerError ?? problem ?? new AgentError('LEDGER__VIEW_FAILED', { problem: 'it did not answer in time' });
    if (problem?.class === 'fatal') throw problem;
    return board.read();
  } finally {
    await agent.stop();
  }
}
