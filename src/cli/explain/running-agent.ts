import { z } from 'zod';
import { type HttpConfig, loadSecret } from '../../config/index.ts';
import { Client, readBody, request } from '../../lib/http.ts';
import { describeError, withDeadline } from '../../lib/index.ts';
import type { AgentStatus, PartReport } from '../../observability/index.ts';
import { type Address, isAddress, nanoseconds, slot } from '../../serviceability/index.ts';

/** What of an agent's status is needed to explain a user. */
export interface Sight
  extends Pick<AgentStatus, 'device' | 'now' | 'lastTick' | 'users' | 'failedVrfs' | 'ledgerProblem' | 'halted' | 'timeline'> {
  readonly sources: readonly PartNow[];
  readonly endpoints: readonly PartNow[];
}

type PartNow = Omit<PartReport, 'latencyMs' | 'remedy' | 'lastProblem'>;

/** What came of asking: its status, or why there is none. */
export type RunningAgent = { readonly kind: 'answered'; readonly sight: Sight } | { readonly kind: 'none'; readonly problem: string };

const ANSWER_WITHIN_MS = 3_000;
/** Ten times what a device of the largest kind has to tell. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** Asks the agent that listens where this configuration lets it. Rejects only for an aborted signal. */
export async function askRunningAgent(
  { enabled, listen: { host, port }, tokenFile }: HttpConfig,
  device: Address,
  signal: AbortSignal,
): Promise<RunningAgent> {
  if (!enabled || port === 0) return { kind: 'none', problem: 'by this configuration an agent serves no status that could be asked' };
  const where = `${loopbackOf(host)}:${port}`;
  let client: Client | undefined;
  try {
    const opened = new Client(`http://${where}`);
    client = opened;
    const token = tokenFile === undefined ? undefined : loadSecret('http.tokenFile', tokenFile).value;
    const headers = token === undefined ? {} : { authorization: `Bearer ${Buffer.from(token).toString('latin1')}` };
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
  const { statusCode, body } = await request.call(client, { path: '/status.json', method: 'GET', headers, signal });
  const bytes = await readBody(body, MAX_ANSWER_BYTES, () => new Error(`its answer has more than ${MAX_ANSWER_BYTES} bytes`));
  if (statusCode !== 200) throw new Error(`HTTP ${statusCode}`);
  const parsed = sightSchema.safeParse(parseJson(bytes.toString('utf8')));
  if (!parsed.success) throw new Error('what answers there is no agent of this version');
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
