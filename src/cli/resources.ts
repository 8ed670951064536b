import { AgentError } from '../lib/index.ts';
import { count, jsonLine, tableLines, tableStyle } from '../observability/index.ts';
import { readEpoch, readProgramAccounts } from '../rpc/index.ts';
import type { Address } from '../serviceability/index.ts';
import {
  AUDIT_REMEDIES,
  type AuditFinding,
  type AuditFindingKind,
  auditPools,
  type Holder,
  listPools,
  type NetworkAccounts,
  type Pool,
  readNetworkAccounts,
} from '../serviceability/rfc11/index.ts';
import { type CommandBody, type ExitCode, loadChosen } from './command.ts';
import { openLedger } from './ledger.ts';
import { deviceName, type NetworkReading, type ResourcesContext, type ResourcesOptions } from './resources-options.ts';

/*
 *   resources ──► every account of the program, in one answer ──► NetworkAccounts ──► show, audit   (this file)
 *                                                                                ├──► migrate       (resources-migrate.ts)
 *                                                                                └──► sweep         (resources-sweep.ts)
 */

type Action = (context: ResourcesContext) => Promise<ExitCode>;

/** Each action of the command. What only one of them needs is loaded on demand. */
const ACTIONS: { readonly [Name in ResourcesOptions['action']]: Action } = {
  show,
  audit,
  'migrate plan': async (context) => (await import('./resources-migrate.ts')).plan(context),
  'migrate apply': async (context) => (await import('./resources-migrate.ts')).apply(context),
  sweep: async (context) => (await import('./resources-sweep.ts')).sweep(context),
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
  const style = { ...tableStyle(stdout, environment), drop: ['UNIT', 'LAYOUT', 'RESERVED'] };
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

function poolEvent(network: NetworkAccounts, pool: Pool) {
  const { layout, name, account, device, range, unit, capacity, reserved, taken } = pool;
  const code = device === undefined ? null : (network.devices.get(device)?.code ?? null);
  const percent = Math.round(usedPercent(pool) * 100) / 100;
  return {
    event: 'pool',
    layout,
    pool: name,
    account,
    device: device ?? null,
    deviceCode: code,
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
  const deviceCode = device === null ? null : (network.devices.get(device)?.code ?? null);
  return { event: 'finding', kind, layout, pool, device, deviceCode, value, count, holders, detail, remedy: AUDIT_REMEDIES[kind] };
}
