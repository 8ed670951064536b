import { AgentError } from '../lib/index.ts';
import { count, jsonLine, tableLines, tableStyle } from '../observability/index.ts';
import { readEpoch, readProgramAccounts } from '../rpc/index.ts';
import { AccessPassStatus, type Address, UserStatus } from '../serviceability/index.ts';
import {
  AUDIT_REMEDIES,
  type AuditFinding,
  type AuditFindingKind,
  auditPools,
  createPassFinder,
  type Holder,
  listPools,
  MAX_SWEPT_USERS,
  type NetworkAccounts,
  type Pool,
  readNetworkAccounts,
  sweepExpiredUsers,
} from '../serviceability/rfc11/index.ts';
import { type CommandBody, type ExitCode, loadChosen } from './command.ts';
import { openLedger } from './ledger.ts';
import { deviceName, loadSigner, type NetworkReading, type ResourcesContext, type ResourcesOptions } from './resources-options.ts';
import type { LabeledInstruction } from './resources-send.ts';

/*
 *   resources ──► every account of the program, in one answer ──► NetworkAccounts ──► show, audit, sweep   (this file)
 *                                                                                └──► migrate              (resources-migrate.ts)
 */

type Action = (context: ResourcesContext) => Promise<ExitCode>;

/** The actions of the command. The code that plans and sends is loaded on demand. */
const ACTIONS: { readonly [Name in ResourcesOptions['action']]: Action } = {
  show,
  audit,
  'migrate plan': async (context) => (await import('./resources-migrate.ts')).plan(context),
  'migrate apply': async (context) => (await import('./resources-migrate.ts')).apply(context),
  sweep,
};

/** `dzd-telemetry resources`: the pools of a network, read from the ledger alone. */
export const resourcesBody: CommandBody<ResourcesOptions> = async (options, io) => {
  const { config } = loadChosen(options, io);
  const { programId, requestTimeout } = config.ledger;
  // The whole program takes longer than the reads of the agent.
  const { rpc, endpoints, close } = openLedger(config.ledger, { endpointTimeoutMs: Math.max(requestTimeout, WHOLE_PROGRAM_MS) });
  const read = async (): Promise<NetworkReading> => {
    const { accounts, ...at } = await readProgramAccounts({ endpoints, programId }, io.signal);
    const network = readNetworkAccounts(programId, accounts);
    if (network.config === undefined) throw new AgentError('RESOURCES__NO_NETWORK', { programId });
    return { ...at, network };
  };
  try {
    return await ACTIONS[options.action]({ options, config, rpc, io, read, epoch: () => readEpoch({ endpoints }, io.signal) });
  } finally {
    await close();
  }
};

const WHOLE_PROGRAM_MS = 30_000;

async function show({
  options: { device: wanted, output },
  io: { stdout, stderr, environment },
  read,
}: ResourcesContext): Promise<ExitCode> {
  const { network, slot } = await read();
  const device = wanted === undefined ? undefined : findDevice(network, wanted);
  const pools = listPools(network).filter((pool) => device === undefined || pool.device === device);
  if (output === 'json') {
    for (const pool of pools) stdout.write(jsonLine(poolEvent(network, pool)));
    stdout.write(
      jsonLine({ event: 'summary', slot, pools: pools.length, devices: network.devices.size, unreadable: network.unreadable.length }),
    );
    return 0;
  }
  const head = ['DEVICE', 'POOL', 'LAYOUT', 'RANGE', 'UNIT', 'CAPACITY', 'RESERVED', 'TAKEN', 'FREE', 'USED'];
  const rows = pools.map((pool) => [
    deviceName(network, pool.device),
    pool.name,
    pool.layout,
    pool.range,
    pool.unit,
    ...[pool.capacity, pool.reserved, pool.taken, freeOf(pool)].map(String),
    `${usedPercent(pool).toFixed(2)}%`,
  ]);
  const style = { ...tableStyle(stdout, environment), drop: ['UNIT', 'LAYOUT', 'RESERVED', 'CAPACITY', 'TAKEN', 'RANGE'] };
  const total = `${count(pools.length, 'pool')} at slot ${slot}`;
  stdout.write(`${[...(rows.length === 0 ? [] : [...tableLines([head, ...rows], style), '']), total].join('\n')}\n`);
  if (network.unreadable.length > 0)
    stderr.write(
      `dzd-telemetry: ${count(network.unreadable.length, 'account is', 'accounts are')} unreadable and not shown; \`resources audit\` lists them\n`,
    );
  return 0;
}

function findDevice({ devices }: NetworkAccounts, wanted: string): Address {
  for (const [address, { code }] of devices) if (address === wanted || code === wanted) return address;
  throw new AgentError('LEDGER__DEVICE_UNKNOWN', { device: wanted });
}

const freeOf = ({ capacity, reserved, taken }: Pool): number => Math.max(0, capacity - reserved - taken);

/** Of the slots that can be given out. */
function usedPercent({ capacity, reserved, taken }: Pool): number {
  return capacity > reserved ? (100 * taken) / (capacity - reserved) : 0;
}

function codeOf({ devices }: NetworkAccounts, device: Address | undefined): string | null {
  return device === undefined ? null : (devices.get(device)?.code ?? null);
}

function poolEvent(network: NetworkAccounts, pool: Pool) {
  const { layout, name, account, device, range, unit, capacity, reserved, taken } = pool;
  const percent = Math.round(usedPercent(pool) * 100) / 100;
  return {
    event: 'pool',
    layout,
    pool: name,
    account,
    device: device ?? null,
    deviceCode: codeOf(network, device),
    range,
    unit,
    capacity,
    reserved,
    taken,
    free: freeOf(pool),
    percent,
  };
}

async function audit({ options: { output }, io: { stdout, environment }, read }: ResourcesContext): Promise<ExitCode> {
  const { network, slot } = await read();
  const { findings, pools, claims, retired } = auditPools(network);
  if (output === 'json') {
    for (const finding of findings) stdout.write(jsonLine(findingEvent(network, finding)));
    stdout.write(
      jsonLine({ event: 'summary', slot, pools, retired, held: claims, findings: findings.length, kinds: countKinds(findings) }),
    );
  } else {
    const head = ['FINDING', 'DEVICE', 'POOL', 'VALUE', 'HOLDERS', 'DETAIL'];
    const rows = findings
      .slice(0, MAX_ROWS)
      .map((finding) => [
        finding.kind,
        deviceName(network, finding.device),
        finding.pool === undefined ? '-' : `${finding.pool} (${finding.layout})`,
        finding.value ?? '-',
        finding.holders.map(holderText).join(', ') || '-',
        finding.detail,
      ]);
    const kinds = Object.keys(countKinds(findings)) as readonly AuditFindingKind[];
    const lines = [
      ...(rows.length === 0 ? [] : [...findingLines([head, ...rows], tableStyle(stdout, environment)), '', 'What to do:']),
      ...tableLines(kinds.map((kind) => [`  ${kind}`, AUDIT_REMEDIES[kind]])),
      ...(rows.length < findings.length ? [`… and ${findings.length - rows.length} more: --output json prints all`] : []),
      ...(rows.length === 0 ? [] : ['']),
      `${count(findings.length, 'finding')} at slot ${slot}: ${count(claims, 'held value')} compared with ${count(pools, 'pool')}`,
      ...(retired === 0
        ? []
        : [`${count(retired, 'deployed pool is', 'deployed pools are')} not compared: every entity has its slots in drafted ones`]),
    ];
    stdout.write(`${lines.join('\n')}\n`);
  }
  return findings.length === 0 ? 0 : 1;
}

/** Narrower terminals do not show DETAIL, the last column: it would leave only a few characters for the keys. */
const WIDTH_WITH_DETAIL = 140;

function findingLines(rows: readonly (readonly string[])[], style: ReturnType<typeof tableStyle>): readonly string[] {
  const isNarrow = style.columns !== undefined && style.columns < WIDTH_WITH_DETAIL;
  return tableLines(isNarrow ? rows.map((row) => row.slice(0, -1)) : rows, { ...style, drop: ['POOL'] });
}

/** Of a table for people. */
const MAX_ROWS = 1_000;

function countKinds(findings: readonly AuditFinding[]): Readonly<Partial<Record<AuditFindingKind, number>>> {
  const counts: Partial<Record<AuditFindingKind, number>> = {};
  for (const { kind } of findings) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

const holderText = ({ kind, account, name }: Holder): string =>
  `${kind === 'none' ? 'account' : kind} ${name === undefined ? '' : `${name} of `}${account}`;

function findingEvent(network: NetworkAccounts, finding: AuditFinding) {
  const { kind, layout = null, pool = null, device = null, value = null, count, holders, detail } = finding;
  const deviceCode = codeOf(network, finding.device);
  return { event: 'finding', kind, layout, pool, device, deviceCode, value, count, holders, detail, remedy: AUDIT_REMEDIES[kind] };
}

/** An expired access pass with the users that it still lets in. */
interface ExpiredPass {
  readonly accessPass: Address;
  readonly userPayer: Address;
  readonly lastAccessEpoch: bigint;
  readonly users: readonly Address[];
}

/** Expired passes that a sweep changes: with activated users, or not marked as expired yet. Ordered by address. Pure. */
export function findExpired(
  { accessPasses, users }: Pick<NetworkAccounts, 'accessPasses' | 'users'>,
  epoch: bigint,
): readonly ExpiredPass[] {
  const expired = new Map([...accessPasses].filter(([, { lastAccessEpoch }]) => lastAccessEpoch < epoch));
  const passOf = createPassFinder({ accessPasses });
  const usersOf = new Map<Address, Address[]>([...expired.keys()].map((pass) => [pass, []]));
  for (const [address, { value: user, slots }] of users) {
    const own = slots === undefined ? passOf(user) : slots.accessPassPk;
    if (own !== undefined && user.status === UserStatus.activated) usersOf.get(own)?.push(address);
  }
  return [...expired]
    .flatMap(([accessPass, { userPayer, lastAccessEpoch, status }]) => {
      const swept = (usersOf.get(accessPass) ?? []).sort();
      const isDone = swept.length === 0 && status === AccessPassStatus.expired;
      return isDone ? [] : [{ accessPass, userPayer, lastAccessEpoch, users: swept }];
    })
    .sort((a, b) => (a.accessPass < b.accessPass ? -1 : 1));
}

/** A pass without users needs one sweep, too, which marks it as expired. */
function sweepSteps({ accessPass, users }: ExpiredPass, programId: Address, caller: Address): readonly LabeledInstruction[] {
  return Array.from({ length: Math.max(1, Math.ceil(users.length / MAX_SWEPT_USERS)) }, (_, at) => {
    const chunk = users.slice(at * MAX_SWEPT_USERS, (at + 1) * MAX_SWEPT_USERS);
    return {
      label: `SweepExpiredUsers of ${accessPass}`,
      instruction: sweepExpiredUsers({ programId, accessPass, users: chunk, caller }),
    };
  });
}

/** `resources sweep`. Sends only with `--execute`. */
async function sweep({ options, config, io, rpc, read, epoch }: ResourcesContext): Promise<ExitCode> {
  const { programId } = config.ledger;
  const now = await epoch();
  const { network, slot } = await read();
  const passes = findExpired(network, now);
  const users = passes.reduce((sum, pass) => sum + pass.users.length, 0);
  const swept = `${count(passes.length, 'expired access pass', 'expired access passes')} with ${count(users, 'activated user')}`;
  const summary = { slot, epoch: now, passes: passes.length, users };
  const isJson = options.output === 'json';
  if (isJson) for (const pass of passes) io.stdout.write(jsonLine({ event: 'expired', ...pass }));
  else if (passes.length > 0) {
    const rows = passes.map((pass) => [pass.accessPass, pass.userPayer, String(pass.lastAccessEpoch), String(pass.users.length)]);
    const head = ['ACCESS PASS', 'OWNER', 'LAST EPOCH', 'USERS'];
    io.stdout.write(`${tableLines([head, ...rows], tableStyle(io.stdout, io.environment)).join('\n')}\n\n`);
  }
  if (!options.execute) {
    io.stdout.write(
      isJson
        ? jsonLine({ event: 'dry-run', ...summary })
        : `${swept} in epoch ${now}${passes.length === 0 ? '' : '; nothing was sent: repeat with --execute'}\n`,
    );
    return 0;
  }
  const signer = loadSigner(config, 'sweep');
  const steps = passes.flatMap((pass) => sweepSteps(pass, programId, signer.address));
  const { sendWithProgress } = await import('./resources-send.ts');
  const sent = await sendWithProgress({ rpc, signer, groups: [steps] }, io);
  if (sent === undefined) return 1;
  io.stdout.write(
    isJson
      ? jsonLine({ event: 'swept', ...summary, confirmed: sent.confirmed })
      : `${swept} swept in ${count(sent.confirmed, 'transaction')}\n`,
  );
  return 0;
}
