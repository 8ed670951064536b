import { z } from 'zod';
import type { Decision, Observation } from '../../src/bgp/index.ts';
import type { CheckEvent } from '../../src/cli/check-step.ts';
import type { IntentEvent } from '../../src/cli/dry-run.ts';
import type { UserRow } from '../../src/cli/user-rows.ts';
import { USER_STATES } from '../../src/cli/user-rows.ts';
import { type AgentStatus, FINDING_CODES } from '../../src/observability/index.ts';
import type { Address } from '../../src/serviceability/index.ts';

/*
 * What programs read, as zod schemas: the lines of `--output json` and the answers of the HTTP server. docs/schemas/ and docs/output.md are written
 * from them. They are strict. Where the code has a type for an output, the compiler compares it with the schema (`Same`), key by key; and each line
 * that a command prints in the tests is validated (test/cli/command-fixture.ts).
 */

const text = z.string();
const count = z.int().min(0);
const flag = z.boolean();
/** A key or an account. */
const address = text.regex(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/);
const signature = text.regex(/^[1-9A-HJ-NP-Za-km-z]{64,88}$/);
/** A bigint of the agent: digits in a string where a JSON number would lose some. */
const u64 = z.union([count, text.regex(/^\d+$/)]);
const ms = z.number();
const at = ms.describe('milliseconds since 1970, this host’s clock');
const since = ms.describe('since when, milliseconds since 1970');
const utc = text.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/);
const reason = z.enum(['change', 'refresh', 'ride-along']);
const status = z.enum(['up', 'down', 'unknown']);

/** What `jsonLine` makes of a value of this type. */
type Json<T> = T extends bigint
  ? number | string
  : T extends Address
    ? string
    : T extends string | number | boolean | null | undefined
      ? T
      : T extends readonly (infer Item)[]
        ? readonly Json<Item>[]
        : { readonly [Key in keyof T]: Json<T[Key]> };
type Same<A, B> = [A] extends [B]
  ? [B] extends [A]
    ? true
    : 'the type has a key or a value that the schema lacks'
  : 'the schema has a key or a value that the type lacks';
/** Compiles only where a schema's output and an output's type agree in both directions. */
const same = <Schema extends z.ZodType, Type>(_: Same<z.output<Schema>, Json<Type>>): void => undefined;

const intent = z.strictObject({
  event: z.literal('intent'),
  user: address,
  device: address,
  tunnelNet: text.describe('the user’s /31, `a.b.c.d/31`'),
  vrf: text.nullable().describe('where the session is; null for a user without a neighbor on the switch'),
  peer: text.nullable().describe('address of the neighbor, as `vrf`'),
  from: text.describe('status on the ledger'),
  to: text.describe('status to write'),
  reason: reason.describe('`ride-along`: an early refresh in a transaction that has room'),
  rttNs: u64.describe('round-trip time, nanoseconds; 0 without a sample'),
  instruction: text.regex(/^([0-9a-f]{2})+$/).describe('data of the instruction, in hex'),
});
same<typeof intent, IntentEvent>(true);

const part = z.strictObject({
  name: text,
  state: z.enum(['ok', 'lost']),
  since,
  latencyMs: ms.nullable().describe('of the last successful poll or request, milliseconds; null before the first'),
  problem: text.nullable().describe('the current error'),
  remedy: text.nullable(),
  lastProblem: z.strictObject({ at, text }).nullable().describe('the last failure; null if it never failed'),
});
const problem = { since, message: text, remedy: text };

const userReport = z.strictObject({
  user: address,
  tunnelId: count,
  tunnelNet: text.describe('`a.b.c.d/31`'),
  clientIp: text,
  userType: text.describe('`User.user_type` by name'),
  accountStatus: text.describe('`User.status` by name'),
  expectedVrf: text.nullable().describe('null if any VRF may have the session'),
  observation: z.enum(['up', 'down', 'unobserved'] satisfies readonly Observation['kind'][]),
  because: text.nullable().describe('why it is unobserved'),
  downReason: text.nullable().describe('why the session is down, as far as the source shows it'),
  neighbor: z
    .strictObject({
      vrf: text,
      address: text,
      state: text.describe('BGP state, RFC 4271'),
      description: text.nullable(),
      source: text.describe('name of the switch source'),
    })
    .nullable(),
  sinceMs: ms.nullable().describe('age of the session’s state by the switch’s clock, milliseconds'),
  decision: z.enum(['write', 'hold', 'settled'] satisfies readonly Decision['kind'][]),
  decisionReason: text.nullable().describe('reason of the write or of the hold'),
  ledger: z.strictObject({
    status: text,
    reportedAtSlot: u64,
    lastUpAtSlot: u64,
    rttNs: u64.describe('nanoseconds'),
    ageMs: ms.nullable().describe('age of the record, milliseconds; null if never reported, or while the slot time is unknown'),
  }),
  inFlight: text.nullable().describe('status that was sent and is neither confirmed nor expired'),
  parked: text.nullable().describe('the program’s reason for rejecting its status'),
  flaps: z.number(),
  penalty: z.number().describe('of damping'),
  suppressed: flag.describe('damping would limit its writes'),
  observedSince: since,
  decidedSince: since.describe('since when its decision has this kind and reason, milliseconds since 1970'),
  pendingSince: since.nullable().describe('since when a changed status waits for its confirmation; null if none does'),
  parkedSince: since.nullable(),
  suppressedSince: since.nullable(),
  lastWrite: z
    .strictObject({
      to: text,
      reason: text,
      signature: text,
      slot: u64,
      at,
      latencyMs: ms.describe('from the first send to the confirmation'),
    })
    .nullable(),
});

const timelineEntry = z.strictObject({
  at,
  kind: z.enum([
    'up',
    'down',
    'landed',
    'rejected',
    'expired',
    'failed',
    'source',
    'endpoint',
    'ledger',
    'halted',
    'resumed',
    'stalled',
    'mass-down',
    'damping',
    'foreign',
    'snapshot',
    'balance',
  ]),
  user: address.nullable(),
  text,
});

const statusJson = z.strictObject({
  version: text,
  commit: text.nullable().describe('of the build; null in a checkout'),
  node: text.describe('version of Node.js'),
  host: text,
  network: text.nullable().describe('name of the DoubleZero network'),
  device: address,
  deviceCode: text.nullable(),
  deviceStatus: z.strictObject({ name: text, since }).nullable().describe('`Device.status` by name'),
  publisher: address.nullable().describe('the metrics publisher; null in a dry run without a key'),
  startedAt: at,
  now: at,
  dryRun: flag,
  lastTick: z
    .strictObject({
      at,
      durationMs: ms,
      switchRead: flag,
      viewSlot: u64.nullable().describe('slot of the ledger view; null without one'),
      slotTimeMs: ms.nullable(),
    })
    .nullable(),
  ready: flag,
  users: z.array(userReport).readonly(),
  sources: z.array(part).readonly().describe('switch sources'),
  endpoints: z.array(part).readonly().describe('ledger endpoints'),
  ledgerProblem: z
    .strictObject({ ...problem, remedy: text.nullable() })
    .nullable()
    .describe('why the users cannot be read; no status is written meanwhile'),
  failedVrfs: z.array(z.strictObject({ vrf: text, problem: text, since })).readonly(),
  failedTriggers: z.array(z.strictObject({ ...problem, name: text })).readonly(),
  ambiguous: z
    .strictObject({ users: count, tunnels: z.array(count).readonly(), since })
    .nullable()
    .describe('users that match more than one neighbor, with the tunnel ids of a few'),
  unlisted: z
    .strictObject({ sessions: count, tunnels: z.array(count).readonly(), since })
    .nullable()
    .describe('established sessions of the switch whose users the ledger does not list, with the tunnel ids of a few'),
  halted: z
    .strictObject({ ...problem, code: text })
    .nullable()
    .describe('why no status is written, with its [code](errors.md)'),
  writesStalled: z
    .strictObject({ ...problem, code: text })
    .nullable()
    .describe('writes are sent, and none is confirmed'),
  oldestPendingSince: since.nullable().describe('since when the oldest pending status waits; null if none does'),
  slotProgress: z.strictObject({ slot: u64, advancedAt: at, answeredAt: at }).nullable().describe('the newest slot of an endpoint'),
  ledgerLag: z
    .strictObject({ slot: u64, behindMs: ms.describe('negative: ahead'), since })
    .nullable()
    .describe('block time of the newest slot against this host’s clock'),
  refreshIntervalMs: ms.describe('`policy.refreshInterval`'),
  silentAfterMs: ms.describe('without a completed tick for so long, the agent is silent'),
  spend: z.strictObject({ allowance: z.enum(['all', 'changes-only', 'none']), since }).describe('what the spend limits permit'),
  balance: z
    .strictObject({
      lamports: u64,
      hoursToEmpty: z.number().nullable(),
      at,
      lowSince: since.nullable().describe('since when it lasts for less than 72 hours'),
    })
    .nullable(),
  reload: z.strictObject({ successful: flag, at, message: text }).nullable().describe('the last attempt to reload the configuration'),
  snapshotProblem: z.strictObject(problem).nullable(),
  transactions: z.strictObject({ sent: count, landed: count, expired: count, failed: count }),
  recentTransactions: z
    .array(
      z.strictObject({
        signature: text,
        users: count.describe('statuses in it'),
        sentAt: at,
        state: z.enum(['in-flight', 'landed', 'expired', 'failed']),
        tookMs: ms.nullable().describe('from the first send to the outcome; null while it is in flight'),
        problem: text.nullable(),
      }),
    )
    .readonly()
    .describe('bounded, the newest last'),
  writes: z.strictObject({ landed: count, rejected: count }).describe('statuses'),
  flaps: z
    .array(z.strictObject({ at, up: count, down: count }))
    .readonly()
    .describe('transitions by minute, of the last hour; minutes without one are absent'),
  timeline: z.array(timelineEntry).readonly().describe('bounded, the newest last'),
  verdict: z.enum(['ok', 'warning', 'critical']),
  findings: z
    .array(
      z.strictObject({
        code: z.enum(FINDING_CODES).describe('[every finding](watching.md)'),
        severity: z.enum(['warning', 'critical']),
        since,
        text,
        remedy: text,
        runbook: text.describe('name of its page in `docs/runbooks/`'),
      }),
    )
    .readonly()
    .describe('the gravest first; empty if the verdict is ok'),
});
same<typeof statusJson, AgentStatus>(true);

const explained = userReport.partial({
  observedSince: true,
  decidedSince: true,
  pendingSince: true,
  parkedSince: true,
  suppressedSince: true,
});
const debugUser = z.strictObject({ ...userReport.shape, timeline: z.array(timelineEntry).readonly() });

const demo = [
  z.strictObject({
    event: z.literal('world'),
    kind: z.enum(['connected', 'disconnected', 'flapped', 'created', 'deleted', 're-created']).describe('what the simulation did'),
    user: address,
  }),
  z.strictObject({
    event: z.literal('observed'),
    user: address,
    observation: userReport.shape.observation,
    because: text.nullable().describe('why it is unobserved'),
  }),
  z.strictObject({
    event: z.literal('landed'),
    user: address,
    from: status,
    to: status,
    reason,
    rttNs: u64.describe('nanoseconds'),
    signature,
    slot: u64.describe('in which it was confirmed'),
  }),
  z.strictObject({ event: z.literal('rejected'), user: address, to: status, problem: text }),
  z.strictObject({ event: z.literal('expired'), signature, users: count.describe('statuses in the transaction') }),
  z.strictObject({
    event: z.literal('summary'),
    users: count,
    up: count,
    down: count,
    transactions: count.describe('confirmed'),
    writesLanded: count,
    writesFailed: count,
    mismatches: count.describe('users whose status on the ledger differs from the simulated switch'),
  }),
];

const ready = z.strictObject({
  event: z.literal('ready'),
  rpcUrl: text,
  wsUrl: text.describe('of the ledger’s subscriptions'),
  programId: address,
  device: address,
  keypair: text.describe('path of the metrics publisher’s key file'),
  foundationKeypair: text.describe('path of the foundation’s key file'),
  contributorKeypair: text.describe('path of the key file of the contributor that owns the devices'),
  eapiUrl: text,
  eapiSocket: text,
  snmp: text.describe('`host:port` over UDP'),
  grpc: text.describe('`host:port` over TCP'),
  stateIngestUrl: text.optional().describe('only with `--state-ingest-port`'),
});

const migrateDemo = [
  z.strictObject({ event: z.literal('phase'), phase: z.int().min(1).max(6), done: text }),
  z.strictObject({
    event: z.literal('summary'),
    users: count,
    activated: count,
    created: count,
    deleted: count,
    clean: flag.describe('the audit at the end found nothing'),
  }),
];

const checkEvent = z.strictObject({
  event: z.literal('check'),
  name: text,
  state: z.enum(['ok', 'warn', 'fail', 'skipped']),
  detail: text,
  remedy: text.nullable().describe('what to do; for `warn` and `fail`'),
});
same<typeof checkEvent, CheckEvent>(true);
const check = [checkEvent, z.strictObject({ event: z.literal('summary'), ok: count, warn: count, fail: count, skipped: count })];

const userRow = z.strictObject({
  event: z.literal('user'),
  user: address,
  device: address,
  deviceCode: text.nullable(),
  tunnelId: count,
  tunnelNet: text,
  clientIp: text,
  userType: text,
  accountStatus: text,
  state: z.enum(USER_STATES),
  ledgerStatus: status.describe('in the record, whatever its age'),
  ageMs: ms.nullable().describe('age of the record; null without one, or if the time of its slot is unknown'),
  lastUpMs: ms.nullable().describe('how long ago it was last reported up; null if never, or unknown'),
  reportedAtSlot: u64.describe('0 for never'),
  lastUpAtSlot: u64.describe('0 for never'),
  rttNs: u64.describe('nanoseconds; 0 without a sample'),
  tenant: text.nullable().optional().describe('code or address; only with `--columns tenant`'),
  dzIp: text.optional().describe('only with `--columns dz-ip`'),
  accessPass: z
    .strictObject({
      address,
      kind: text,
      status: text,
      userPayer: address,
      lastAccessEpoch: u64.nullable().describe('null if it never expires'),
    })
    .nullable()
    .optional()
    .describe('only with `--columns access-pass`'),
});
same<typeof userRow, UserRow>(true);
const notes = z.array(text).describe('what limits the answer');
const statusLines = [
  userRow,
  z.strictObject({
    event: z.literal('summary'),
    slot: u64,
    users: count,
    ...(Object.fromEntries(USER_STATES.map((state) => [state, count])) as Record<(typeof USER_STATES)[number], typeof count>),
    undecided: count.describe('users that a filter could not judge'),
    notes,
  }),
];

const history = [
  z.strictObject({
    event: z.literal('period'),
    user: address,
    from: utc,
    until: utc,
    status: z.enum(['up', 'down', 'unknown', 'absent']),
    reason: z
      .enum(['no-report', 'reported-unknown', 'before-history', 'ledger-halted', 'not-created', 'deleted'])
      .nullable()
      .describe('null for `up` and `down`, which were reported'),
    slot: u64.nullable(),
    rttNs: u64.nullable().describe('nanoseconds'),
    reports: count.describe('the first one and its refreshes'),
    device: address.nullable(),
    writer: address.nullable().describe('who signed the report'),
    signature: signature.nullable().describe('of the first report'),
  }),
  z.strictObject({
    event: z.literal('availability'),
    user: address,
    clientIp: text.nullable(),
    from: utc,
    until: utc,
    upMs: ms,
    downMs: ms,
    unknownMs: ms,
    flaps: count,
    longestOutageMs: ms.nullable(),
    longestOutageFrom: utc.nullable(),
    lastReportAt: utc.nullable(),
    incomplete: text.nullable().describe('why the history has a hole'),
  }),
  z.strictObject({
    event: z.literal('summary'),
    slot: u64,
    users: count,
    transactions: count,
    from: utc,
    until: utc,
    validForMs: ms.describe('how long a report is valid'),
    notes,
  }),
];

const layout = z.enum(['deployed', 'drafted']);
const steps = {
  extensions: count.describe('extensions to create'),
  slots: count.describe('slots to mark'),
  backfills: count.describe('entities to backfill'),
  total: count,
};
const applied = { file: text, slot: u64, ...steps, done: count, transactions: count, misfits: count };
const swept = { slot: u64, epoch: u64, passes: count, users: count };
const resources = [
  z.strictObject({
    event: z.literal('pool'),
    layout,
    pool: text,
    account: address,
    device: address.nullable().describe('null for a pool of the network'),
    deviceCode: text.nullable(),
    range: text,
    unit: z.enum(['ids', 'addresses', 'tunnels']),
    capacity: count,
    reserved: count.describe('never given out'),
    taken: count,
    free: count,
    percent: z.number().describe('taken, of what can be given out'),
  }),
  z.strictObject({ event: z.literal('summary'), slot: u64, pools: count, devices: count, unreadable: count }).describe('`show`'),
  z.strictObject({
    event: z.literal('finding'),
    kind: text,
    layout: layout.nullable(),
    pool: text.nullable(),
    device: address.nullable(),
    deviceCode: text.nullable(),
    value: text.nullable().describe('address, network or number; a range for neighboring ones'),
    count,
    holders: z.array(
      z.strictObject({ kind: text, account: address, name: text.optional().describe('of an interface that shares its device’s account') }),
    ),
    detail: text,
    remedy: text,
  }),
  z
    .strictObject({
      event: z.literal('summary'),
      slot: u64,
      pools: count,
      retired: count.describe('deployed pools that are not compared'),
      held: count.describe('values that entities hold'),
      findings: count,
      kinds: z.record(text, count),
    })
    .describe('`audit`'),
  z.strictObject({ event: z.literal('misfit'), kind: text, account: address, detail: text, action: text }).describe('`migrate plan`'),
  z.strictObject({ event: z.literal('plan'), file: text, slot: u64, ...steps, misfits: count }).describe('`migrate plan`'),
  z.strictObject({ event: z.literal('dry-run'), ...applied }).describe('`migrate apply` without `--execute`'),
  z
    .strictObject({ event: z.literal('applied'), ...applied, confirmed: count.describe('transactions') })
    .describe('`migrate apply --execute`'),
  z
    .strictObject({
      event: z.literal('expired'),
      accessPass: address,
      userPayer: address,
      lastAccessEpoch: u64,
      users: z.array(address),
    })
    .describe('`sweep`'),
  z.strictObject({ event: z.literal('dry-run'), ...swept }).describe('`sweep` without `--execute`'),
  z.strictObject({ event: z.literal('swept'), ...swept, confirmed: count.describe('transactions') }).describe('`sweep --execute`'),
];

const bench = z.strictObject({ bench: text, n: z.number(), metric: text, value: z.number(), unit: text });

export interface Output {
  /** Of its file in docs/schemas/. */
  readonly name: string;
  readonly title: string;
  readonly about: string;
  /** The kinds of its lines, or of the whole answer. */
  readonly variants: readonly z.ZodObject[];
}

const output = (name: string, title: string, about: string, ...variants: readonly z.ZodObject[]): Output => ({
  name,
  title,
  about,
  variants,
});

export const OUTPUTS: readonly Output[] = [
  output('run', '`dzd-telemetry run --dry-run --output json`', 'Each intended write once, and again after it changed.', intent),
  output('check', '`dzd-telemetry check --output json`', 'A line a step, then the summary.', ...check),
  output('status', '`dzd-telemetry status --output json`', 'A line a user, then the summary.', ...statusLines),
  output(
    'explain',
    '`dzd-telemetry explain USER --output json`',
    'One user, as in `/status.json`. The optional keys are there when no running agent was asked.',
    explained,
  ),
  output(
    'history',
    '`dzd-telemetry history --output json`',
    'For each user its periods and its availability, then the summary.',
    ...history,
  ),
  output('resources', '`dzd-telemetry resources --output json`', 'The events depend on the action.', ...resources),
  output('demo', '`dzd-localnet demo --output json`', 'Events as they happen; the summary at the end.', ...demo),
  output('localnet', '`dzd-localnet start --output json`', 'One line, once everything listens.', ready),
  output('migrate-demo', '`dzd-localnet migrate-demo --output json`', 'A line a phase, then the summary.', ...migrateDemo),
  output(
    'status-json',
    '`GET /status.json`',
    'Everything that the agent knows of itself, and its verdict. Read only keys that you need: later versions may add some.',
    statusJson,
  ),
  output('debug-user', '`GET /debug/users/USER`', 'One user as in `/status.json`, with its own timeline.', debugUser),
  output('bench', '`npm run bench -- --output json`', 'A line a measurement.', bench),
];
