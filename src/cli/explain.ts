import { z } from 'zod';
import { createAgentEvents } from '../agent/events.ts';
import { openAgent } from '../agent/from-config.ts';
import { jitterShare } from '../bgp/index.ts';
import { type AgentConfig, type HttpConfig, loadSecret, type PolicyConfig } from '../config/index.ts';
import { Client, readBody } from '../lib/http.ts';
import { AgentError, describeError, systemClock, withDeadline } from '../lib/index.ts';
import {
  type AgentStatus,
  createStatusBoard,
  HOLD_REASON_TEXT,
  jsonLine,
  milliseconds,
  type PartReport,
  printable,
  span,
  type TimelineEntry,
  type UserReport,
} from '../observability/index.ts';
import { type Address, isAddress, nanoseconds, parseNetworkV4, ServiceabilityError, slot, tunnelSides } from '../serviceability/index.ts';
import { type CommandIo, type ExitCode, loadChosen } from './command.ts';
import type { ExplainBody, ExplainOptions, Wanted } from './options.ts';

/** What of an agent's status is needed to explain a user. */
interface Sight
  extends Pick<AgentStatus, 'device' | 'now' | 'lastTick' | 'users' | 'failedVrfs' | 'ledgerProblem' | 'halted' | 'timeline'> {
  readonly sources: readonly PartNow[];
  readonly endpoints: readonly PartNow[];
}

type PartNow = Omit<PartReport, 'latencyMs' | 'remedy' | 'lastProblem'>;

/** What came of asking: its status, or why there is none. */
type RunningAgent = { readonly kind: 'answered'; readonly sight: Sight } | { readonly kind: 'none'; readonly problem: string };

const ANSWER_WITHIN_MS = 3_000;
/** Ten times what a device of the largest kind has to tell. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** Asks the agent that listens where this configuration lets it. Rejects only for an aborted signal. */
async function askRunningAgent(
  { enabled, listen: { host, port }, tokenFile }: HttpConfig,
  device: Address,
  signal: AbortSignal,
): Promise<RunningAgent> {
  if (!enabled || port === 0) return { kind: 'none', problem: 'this configuration serves no status over HTTP' };
  const where = `${loopbackOf(host)}:${port}`;
  let client: Client | undefined;
  try {
    const opened = new Client(`http://${where}`);
    client = opened;
    const token = tokenFile === undefined ? undefined : loadSecret('http.tokenFile', tokenFile).value;
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${Buffer.from(token).toString('latin1')}` };
    const sight = await withDeadline(ANSWER_WITHIN_MS, signal, (inner) => fetchSight(opened, headers, inner));
    if (sight.device === device) return { kind: 'answered', sight };
    return { kind: 'none', problem: `the agent at ${where} reports for another device, ${sight.device}` };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'none', problem: `no agent answers at ${where} (${describeError(error)})` };
  } finally {
    await client?.destroy();
  }
}

async function fetchSight(client: Client, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Sight> {
  const { statusCode, body } = await client.request({ path: '/status.json', method: 'GET', headers, signal });
  const bytes = await readBody(body, MAX_ANSWER_BYTES, () => new Error(`its response has more than ${MAX_ANSWER_BYTES} bytes`));
  if (statusCode !== 200) throw new Error(`HTTP ${statusCode}`);
  const parsed = sightSchema.safeParse(parseJson(bytes.toString('utf8')));
  if (!parsed.success) throw new Error('the response is not from an agent of this version');
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An agent that listens on every address answers on loopback, too. */
function loopbackOf(host: string): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return reachable.includes(':') ? `[${reachable}]` : reachable;
}

const pubkey = z.custom<Address>(isAddress);
const u64 = z.union([z.number().int().nonnegative(), z.string().regex(/^\d{1,20}$/)]).transform((value) => BigInt(value));
const ledgerSlot = u64.transform(slot);
const text = z.string().max(10_000);
const health = z.object({ name: text, state: z.enum(['ok', 'lost']), since: z.number(), problem: text.nullable() });

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
  neighbor: z.object({ vrf: text, address: text, state: text, description: text.nullable(), source: text }).nullable(),
  sinceMs: z.number().nullable(),
  decision: z.enum(['write', 'hold', 'settled']),
  decisionReason: text.nullable(),
  ledger: z.object({
    status: text,
    reportedAtSlot: ledgerSlot,
    lastUpAtSlot: ledgerSlot,
    rttNs: u64.transform(nanoseconds),
    ageMs: z.number().nullable(),
  }),
  inFlight: text.nullable(),
  parked: text.nullable(),
  flaps: z.number(),
  penalty: z.number(),
  suppressed: z.boolean(),
  lastWrite: z.object({ to: text, reason: text, signature: text, slot: ledgerSlot, at: z.number(), latencyMs: z.number() }).nullable(),
});

/** `/status.json`, as far as it is used; the rest of it may change. */
const sightSchema = z.object({
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
  users: z.array(userSchema),
  sources: z.array(health),
  endpoints: z.array(health),
  failedVrfs: z.array(z.object({ vrf: text, problem: text })),
  ledgerProblem: z.object({ since: z.number(), message: text, remedy: text.nullable() }).nullable(),
  halted: z.object({ code: text, message: text, remedy: text }).nullable(),
  timeline: z.array(
    z.object({
      at: z.number(),
      kind: z.custom<AgentStatus['timeline'][number]['kind']>((kind) => typeof kind === 'string'),
      user: pubkey.nullable(),
      text,
    }),
  ),
});

interface FreshReadingOptions {
  readonly config: AgentConfig;
  readonly version: string;
  /** What is worth a warning. */
  readonly warn: (line: string) => void;
}

/** Longer than a tick takes that has to try every source and every endpoint. */
const READ_WITHIN_MS = 60_000;

/**
 * One tick of an agent that may not write: what it sees and would do. Throws the AgentError that kept the ledger from being read; a switch
 * that cannot be read is told in `sources`, and its users are unobserved.
 */
async function readAfresh({ config, version, warn }: FreshReadingOptions, signal: AbortSignal): Promise<Sight> {
  const board = createStatusBoard({
    version,
    device: config.device,
    publisher: undefined,
    dryRun: true,
    sources: config.collector.sources.map(({ name }) => name),
    endpoints: [],
    clock: systemClock,
  });
  let lost: AgentError | undefined;
  const { reporter } = createAgentEvents(board.listener, {
    ledgerView({ error }) {
      lost = error ?? lost;
    },
  });
  const agent = await openAgent({ config: readingOnly(config), warn, reporter });
  try {
    const { report, problem } = await withDeadline(READ_WITHIN_MS, signal, (inner) => agent.once(inner));
    if (report.viewSlot === undefined)
      throw lost ?? problem ?? new AgentError('LEDGER__VIEW_FAILED', { problem: 'it did not answer in time' });
    if (problem?.class === 'fatal') throw problem;
    return board.read();
  } finally {
    await agent.stop();
  }
}

/** One tick takes no snapshots, and waits for no wake-ups. */
function readingOnly(config: AgentConfig): AgentConfig {
  return { ...config, collector: { ...config.collector, wakeUps: [] }, snapshots: { ...config.snapshots, sink: 'none' } };
}

export interface WordsOptions {
  readonly report: UserReport;
  readonly sight: Sight;
  readonly policy: Pick<PolicyConfig, 'refreshInterval' | 'refreshJitter'>;
  /** A reading of our own knows nothing of what happened before it. */
  readonly fresh: boolean;
}

const EVENTS_SHOWN = 8;

/** The whole chain from the neighbor on the switch to the record on the ledger, a line a link: what it is about, and what there is to say. Pure. */
export function wordsOfUser({ report, sight, policy, fresh }: WordsOptions): readonly (readonly [subject: string, words: string])[] {
  const events = fresh ? [] : sight.timeline.filter(({ user }) => user === report.user).slice(-EVENTS_SHOWN);
  return [
    ['account', `${report.accountStatus}, ${report.userType}, client ${report.clientIp}, tunnel ${report.tunnelId} on ${report.tunnelNet}`],
    ['expected', expected(report)],
    ['switch', found(report, sight)],
    ['observed', observed(report)],
    ['decided', decided(report)],
    ['ledger', record(report)],
    ['refresh', refresh(report, policy)],
    ...(fresh ? [] : [['in flight', report.inFlight === null ? 'nothing' : `${report.inFlight} sent, not confirmed yet`] as const]),
    ...(fresh ? [] : [['flaps', flaps(report)] as const]),
    ...lastWrite(report, sight.now),
    ...(report.parked === null
      ? []
      : [
          [
            'backed off',
            `the program rejected its status; retry when its account changes, or after 1 min to 1 h: ${report.parked}`,
          ] as const,
        ]),
    ...unreadLedger(sight),
    ...(sight.halted === null ? [] : [['halted', `writes halted for all users: ${sight.halted.message}; ${sight.halted.remedy}`] as const]),
    ...events.map((event) => ['event', eventWords(event, sight.now)] as const),
  ];
}

function expected({ tunnelId, tunnelNet, expectedVrf }: UserReport): string {
  const vrf = expectedVrf === null ? 'an unknown VRF, because its tenant could not be read' : expectedVrf;
  const sides = sidesOf(tunnelNet);
  if (sides === undefined) return `nothing: ${tunnelNet} is not a /31, so it has no neighbor address`;
  return `neighbor ${sides.clientSide} (or ${sides.deviceSide}) in ${vrf}, described USER-${tunnelId}`;
}

function found({ neighbor, observation, because, sinceMs, expectedVrf }: UserReport, { sources, failedVrfs }: Sight): string {
  const lost = sources.flatMap(({ name, state, problem }) =>
    state === 'lost' ? [`source ${name} failed: ${problem ?? 'no reason given'}`] : [],
  );
  const failed = because === 'vrf-not-collected' ? failedVrfs.map(({ vrf, problem }) => `VRF ${vrf} could not be read: ${problem}`) : [];
  const trouble = [...lost, ...failed].map((text) => `; ${text}`).join('');
  if (neighbor === null)
    return `${observation === 'down' ? 'no such neighbor in any VRF' : 'no BGP neighbor found for this user'}${trouble}`;
  const { vrf, address, state, description, source } = neighbor;
  const elsewhere = expectedVrf === null || vrf === expectedVrf ? '' : ` instead of ${expectedVrf}`;
  const since = sinceMs === null ? 'for an unknown time' : `for ${span(sinceMs)}`;
  const named = description === null ? '' : `, described ${description}`;
  return `${address} in ${vrf}${elsewhere}, ${state} ${since}${named}, by source ${source}${trouble}`;
}

function observed({ observation, because }: UserReport): string {
  if (observation !== 'unobserved') return observation;
  return `neither up nor down: ${because === null ? 'no reason given' : (HOLD_REASON_TEXT[because] ?? because)}`;
}

function decided({ decision, decisionReason, observation, ledger, inFlight }: UserReport): string {
  switch (decision) {
    case 'settled':
      return inFlight === null
        ? 'nothing to write: the ledger matches the switch'
        : 'nothing to write: the write in flight has this status';
    case 'hold':
      return `write nothing: ${decisionReason === null ? 'no reason given' : (HOLD_REASON_TEXT[decisionReason] ?? decisionReason)}`;
    case 'write':
      return writing(decisionReason, observation, ledger.status);
  }
}

function writing(reason: string | null, to: string, from: string): string {
  if (reason === 'refresh') return `refresh ${to}: the record has reached its refresh age`;
  if (reason === 'ride-along') return `refresh ${to} early if a transaction has room`;
  return `write ${to}: the ledger says ${from}`;
}

function record({ ledger: { status, reportedAtSlot, lastUpAtSlot, rttNs, ageMs } }: UserReport): string {
  if (reportedAtSlot === 0n) return 'never reported';
  const age = ageMs === null ? 'at an unknown time' : `${span(ageMs)} ago`;
  const up = lastUpAtSlot === 0n ? 'never up' : `last up in slot ${lastUpAtSlot}`;
  return `${status}, reported ${age} in slot ${reportedAtSlot}, ${up}, RTT ${milliseconds(rttNs)}`;
}

function refresh({ user, ledger, observation }: UserReport, { refreshInterval, refreshJitter }: WordsOptions['policy']): string {
  if (ledger.reportedAtSlot === 0n) return 'none: there is no record to refresh';
  if (ledger.ageMs === null) return 'unknown: the slot time has not been measured yet';
  const left = refreshInterval * (1 - refreshJitter * jitterShare(user)) - ledger.ageMs;
  const when = left <= 0 ? `due since ${span(-left)}` : `due in ${span(left)}`;
  return observation === 'unobserved' ? `${when}, but an unobserved user is not refreshed` : when;
}

function flaps({ flaps: number, penalty, suppressed }: UserReport): string {
  if (number === 0) return 'none seen';
  return `${number} seen, penalty ${Math.round(penalty)}${suppressed ? ', above policy.damping.suppress' : ''}`;
}

function lastWrite({ lastWrite: write }: UserReport, now: number): readonly (readonly [string, string])[] {
  if (write === null) return [];
  const { to, reason, slot, at, latencyMs, signature } = write;
  return [
    [
      'last write',
      `${to} (${reason}) confirmed in slot ${slot} ${span(now - at)} ago, ${Math.round(latencyMs)} ms after sending: ${signature}`,
    ],
  ];
}

function eventWords({ at, text }: TimelineEntry, now: number): string {
  return `${span(now - at)} ago: ${text}`;
}

/** What is decided is not written while the ledger cannot be read, and nothing else of a user tells so. */
function unreadLedger({ ledgerProblem, now }: Sight): readonly (readonly [string, string])[] {
  if (ledgerProblem === null) return [];
  const { since, message, remedy } = ledgerProblem;
  const problem = remedy === null ? message : `${message}; ${remedy}`;
  return [['waits', `no write: the ledger has been unreadable for ${span(now - since)}: ${problem}`]];
}

function sidesOf(tunnelNet: string) {
  try {
    return tunnelSides(parseNetworkV4(tunnelNet));
  } catch (error) {
    if (error instanceof ServiceabilityError) return undefined;
    throw error;
  }
}

const SUBJECT_WIDTH = 11;

/** `dzd-telemetry explain`: asks the running agent, or looks by itself. */
export const explainBody: ExplainBody = async (options, io) => {
  const { config, warnings } = loadChosen(options, io);
  const note = (line: string): void => io.stderr.write(`dzd-telemetry: ${printable(line)}\n`);
  for (const line of warnings) note(line);
  const asked = options.fresh
    ? ({ kind: 'none', problem: 'asked for a fresh reading' } as const)
    : await askRunningAgent(config.http, config.device, io.signal);
  const answered = asked.kind === 'answered' ? asked.sight : undefined;
  if (asked.kind === 'none' && !options.fresh) note(`${asked.problem}; reading switch and ledger once instead`);
  const sight = answered ?? (await readAfresh({ config, version: io.version, warn: note }, io.signal));
  const fresh = answered === undefined;
  const reports = sight.users.filter((user) => isWanted(user, options.wanted));
  if (reports.length === 0) throw new AgentError('LEDGER__USER_UNKNOWN', { device: config.device, wanted: options.text });
  for (const report of reports) tell(report, sight, fresh, options, config.policy, io);
  return 0 satisfies ExitCode;
};

function isWanted(report: UserReport, wanted: Wanted): boolean {
  switch (wanted.by) {
    case 'pubkey':
      return report.user === wanted.user;
    case 'client-ip':
      return report.clientIp === wanted.clientIp;
    case 'tunnel':
      return report.tunnelId === wanted.tunnelId;
  }
}

function tell(
  report: UserReport,
  sight: Sight,
  fresh: boolean,
  { output }: ExplainOptions,
  policy: Parameters<typeof wordsOfUser>[0]['policy'],
  { stdout }: CommandIo,
): void {
  if (output === 'json') {
    stdout.write(jsonLine(report));
    return;
  }
  const looked = sight.lastTick === null ? 'before its first tick' : `${span(sight.now - sight.lastTick.at)} ago`;
  stdout.write(`${report.user}, ${fresh ? 'read just now' : `as the running agent saw it ${looked}`}\n`);
  for (const [subject, words] of wordsOfUser({ report, sight, policy, fresh })) {
    stdout.write(`  ${subject.padEnd(SUBJECT_WIDTH)} ${printable(words)}\n`);
  }
}
