import * as z from 'zod';
import { decodeText, readSmallFile, writeWhole } from '../config/index.ts';
import { AgentError, describeError, JsonTooComplex, oneLine, requireSimpleJson, systemClock } from '../lib/index.ts';
import { count, jsonLine, tableLines } from '../observability/index.ts';
import { type Address, isAddress } from '../serviceability/index.ts';
import {
  DZ_IP_RESERVED,
  MISFIT_ACTIONS,
  type MigrationPlan,
  type Misfit,
  type MisfitKind,
  type NetworkAccounts,
  NO_ID_SLOT,
  NO_SLOT,
  planInstructions,
  planMigration,
  planSteps,
  RESOURCE_TYPES,
} from '../serviceability/rfc11/index.ts';
import type { ExitCode } from './command.ts';
import { deviceName, loadSigner, type NetworkReading, type ResourcesContext } from './resources-options.ts';
import { type LabeledInstruction, packTransactions, type SendOptions, sendWithProgress } from './resources-send.ts';

/*
 *   migrate plan   network ──► planMigration ──► plan file
 *   migrate apply  plan file + network as it is now ──► what remains of the plan ──► transactions ──► read again: nothing remains
 *
 * The plan file is a promise to people who reviewed it: `apply` does what is in it, and of that only what remains. Anything else that the network needs now
 * makes the plan stale.
 */

const FORMAT = 'dzd-telemetry migration plan 1';

/** `resources migrate plan --out FILE`. Reads only. */
export async function plan({ options, config, io, read }: ResourcesContext): Promise<ExitCode> {
  const file = options.planFile ?? '';
  const reading = await read();
  const dzIpReservedStart = options.reservedStart ?? DZ_IP_RESERVED.reservedStart;
  const made = planMigration(reading.network, { dzIpReservedStart });
  writePlan(file, made, { programId: config.ledger.programId, dzIpReservedStart, ...reading });
  const steps = stepsOf(made);
  if (options.output === 'json') {
    for (const misfit of made.misfits) io.stdout.write(jsonLine({ event: 'misfit', ...misfit, action: MISFIT_ACTIONS[misfit.kind] }));
    io.stdout.write(jsonLine({ event: 'plan', file, slot: reading.slot, ...steps, misfits: made.misfits.length }));
    return 0;
  }
  io.stdout.write(
    `${[...misfitLines(made.misfits, reading.network), `${describeSteps(steps)}; plan of slot ${reading.slot} in ${file}`].join('\n')}\n`,
  );
  return 0;
}

/** `resources migrate apply FILE`. Sends only with `--execute`. */
export async function apply({ options, config, io, rpc, read }: ResourcesContext): Promise<ExitCode> {
  const file = options.planFile ?? '';
  const { programId } = config.ledger;
  const wanted = readPlan(file);
  const planOf = (network: NetworkAccounts): MigrationPlan => planMigration(network, { dzIpReservedStart: wanted.dzIpReservedStart });
  const signer = options.execute || config.keypair !== undefined ? loadSigner(config, 'migrate apply') : undefined;
  const before = await read();
  requireSameNetwork(wanted, { programId, genesisHash: before.genesisHash }, file);
  const rest = planOf(before.network);
  requirePlanned(rest, wanted, file);
  const foundation = before.network.globalState?.foundationAllowlist ?? [];
  if (signer !== undefined && !foundation.includes(signer.address))
    throw new AgentError('RESOURCES__NOT_ALLOWED', { signer: signer.address });

  // Without a key, the transactions of one that is allowed: their number depends on it.
  const authority = signer?.address ?? foundation[0] ?? programId;
  const planned = planInstructions(rest, { programId, authority });
  const groups = [2, 3, 4].map((phase) => planned.filter((each) => each.phase === phase));
  const transactions = groups.reduce((sum, group) => sum + packTransactions(group, authority).length, 0);
  const steps = stepsOf(rest);
  const done = planSteps(wanted).size - planSteps(rest).size;
  const summary = { file, slot: before.slot, ...steps, done, transactions, misfits: rest.misfits.length };
  const isJson = options.output === 'json';
  if (!options.execute || signer === undefined) {
    const sends =
      transactions === 0
        ? 'nothing remains'
        : `${count(transactions, 'transaction')} would be sent; nothing was sent: repeat with --execute`;
    const text = `${describeSteps(steps)}; ${count(done, 'step is', 'steps are')} done or void\n${sends}\n`;
    io.stdout.write(isJson ? jsonLine({ event: 'dry-run', ...summary }) : text);
    return 0;
  }

  const stillNeeded = createStepCheck(async () => planInstructions(planOf((await read()).network), { programId, authority }));
  const sent = await sendWithProgress({ rpc, signer, groups, stillNeeded }, io);
  if (sent === undefined) return 1;
  const after = await readFrom(sent.newestSlot, read, io.signal);
  const left = stepsOf(planOf(after.network));
  if (left.total > 0) throw new AgentError('RESOURCES__INCOMPLETE', { problem: `${describeSteps(left)} remain` });
  const verified = `verified at slot ${after.slot}: nothing remains. Check with \`dzd-telemetry resources audit\`.`;
  const text = `${describeSteps(steps)}; ${count(done, 'step was', 'steps were')} done or void\n${count(sent.confirmed, 'transaction')} confirmed; ${verified}\n`;
  io.stdout.write(isJson ? jsonLine({ event: 'applied', ...summary, confirmed: sent.confirmed, slot: after.slot }) : text);
  return 0;
}

function requireSameNetwork(planned: NetworkName, actual: NetworkName, file: string): void {
  if (planned.genesisHash === actual.genesisHash && planned.programId === actual.programId) return;
  const nameOf = ({ genesisHash, programId }: NetworkName): string => `genesis hash ${genesisHash}, program ${programId}`;
  throw new AgentError('RESOURCES__WRONG_NETWORK', { file, planned: nameOf(planned), actual: nameOf(actual) });
}

type NetworkName = Readonly<Record<'genesisHash' | 'programId', string>>;

const READ_TRIES = 40;
const READ_PAUSE_MS = 500;

const CHECK_TRIES = 8;

/**
 * Returns the steps that remain. A transaction of an interrupted run may land after this run has read the network. The network shows it about a
 * second later, when it is confirmed. Until then the program rejects its steps.
 */
function createStepCheck(readSteps: () => Promise<readonly LabeledInstruction[]>): NonNullable<SendOptions['stillNeeded']> {
  return async (steps, signal) => {
    for (let attempt = 1; ; attempt++) {
      const remaining = new Set((await readSteps()).map(({ label }) => label));
      const needed = steps.filter(({ label }) => remaining.has(label));
      if (needed.length < steps.length || attempt === CHECK_TRIES) return needed;
      await systemClock.sleep(READ_PAUSE_MS, signal);
    }
  };
}

/** A reading that is not from before the slot: an endpoint may lag. */
async function readFrom(least: bigint | undefined, read: ResourcesContext['read'], signal: AbortSignal): Promise<NetworkReading> {
  for (let attempt = 1; ; attempt++) {
    const reading = await read();
    if (least === undefined || reading.slot >= least) return reading;
    if (attempt === READ_TRIES) throw new AgentError('LEDGER__STALE_ANSWER', { slot: reading.slot, applied: least });
    await systemClock.sleep(READ_PAUSE_MS, signal);
  }
}

/** Throws RESOURCES__PLAN_STALE when the network now needs a step that the plan file does not have. */
function requirePlanned(now: MigrationPlan, wanted: PlanFile, file: string): void {
  const planned = planSteps(wanted);
  const [unplanned, ...others] = [...planSteps(now)].filter((step) => !planned.has(step));
  if (unplanned === undefined) return;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  throw new AgentError('RESOURCES__PLAN_STALE', {
    file,
    slot: wanted.slot,
    problem: `the network has changed, and now it also needs: ${unplanned}${more}`,
  });
}

interface Steps {
  readonly extensions: number;
  readonly slots: number;
  readonly backfills: number;
  readonly total: number;
}

function stepsOf({ extensions, marks, backfills }: Pick<MigrationPlan, 'extensions' | 'marks' | 'backfills'>): Steps {
  const slots = marks.reduce((sum, mark) => sum + mark.slots.length, 0);
  return { extensions: extensions.length, slots, backfills: backfills.length, total: extensions.length + slots + backfills.length };
}

const describeSteps = ({ extensions, slots, backfills }: Steps): string =>
  `${count(extensions, 'extension')} to create, ${count(slots, 'slot')} to mark, ${count(backfills, 'entity', 'entities')} to backfill`;

/** So many misfits of a kind are shown; the plan file has all. */
const SHOWN_A_KIND = 5;

function misfitLines(misfits: readonly Misfit[], network: NetworkAccounts): readonly string[] {
  const kinds = [...new Set(misfits.map(({ kind }) => kind))];
  return kinds.flatMap((kind: MisfitKind) => {
    const all = misfits.filter((misfit) => misfit.kind === kind);
    const rows = all.slice(0, SHOWN_A_KIND).map(({ account, detail }) => [`  ${deviceName(network, account)}`, detail]);
    const more = all.length - rows.length;
    return [
      `${kind}: ${all.length}; ${MISFIT_ACTIONS[kind]}`,
      ...tableLines(rows),
      ...(more > 0 ? [`  … and ${more} more, in the plan file`] : []),
      '',
    ];
  });
}

const address = z.custom<Address>(isAddress, 'expected a public key');
const u8 = z.int().min(0).max(0xff);
const u16 = z.int().min(0).max(NO_ID_SLOT);
const u32 = z.int().min(0).max(NO_SLOT);
const KINDS = Object.keys(MISFIT_ACTIONS) as readonly MisfitKind[];

const PLAN_FILE = z.strictObject({
  format: z.literal(FORMAT),
  programId: address,
  genesisHash: address,
  slot: z.int().min(0),
  dzIpReservedStart: u8,
  extensions: z.array(z.strictObject({ associatedWith: address, dzIpReservedStart: u8.optional() })),
  marks: z.array(z.strictObject({ associatedWith: address, resource: z.enum(RESOURCE_TYPES), slots: z.array(u32) })),
  backfills: z.array(
    z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('user'),
        entity: address,
        device: address,
        accessPass: address,
        tunnelNetSlot: u32,
        tunnelIdSlot: u16,
        dzIpSlot: u32,
      }),
      z.strictObject({
        kind: z.literal('link'),
        entity: address,
        sides: z.tuple([address, address]),
        tunnelNetSlot: u32,
        tunnelIdSlot: u16,
        tunnelIdSlotB: u16,
      }),
      z.strictObject({ kind: z.literal('multicastGroup'), entity: address, multicastSlot: u32 }),
    ]),
  ),
  misfits: z.array(z.strictObject({ kind: z.enum(KINDS), account: address, detail: z.string(), action: z.string() })),
});
type PlanFile = z.infer<typeof PLAN_FILE>;

/** The steps of a large network, one a line, so that two plans can be compared by `diff`. */
function writePlan(
  file: string,
  { extensions, marks, backfills, misfits }: MigrationPlan,
  head: NetworkReading & Pick<PlanFile, 'programId' | 'dzIpReservedStart'>,
): void {
  const { programId, genesisHash, slot, dzIpReservedStart } = head;
  const list = (items: readonly unknown[]): string =>
    items.length === 0 ? '[]' : `[\n${items.map((item) => JSON.stringify(item)).join(',\n')}\n]`;
  const fields = {
    format: JSON.stringify(FORMAT),
    programId: JSON.stringify(programId),
    genesisHash: JSON.stringify(genesisHash),
    slot: String(slot),
    dzIpReservedStart: String(dzIpReservedStart),
    extensions: list(extensions),
    marks: list(marks),
    backfills: list(backfills),
    misfits: list(misfits.map((misfit) => ({ ...misfit, action: MISFIT_ACTIONS[misfit.kind] }))),
  };
  const text = `{\n${Object.entries(fields)
    .map(([name, value]) => `${JSON.stringify(name)}: ${value}`)
    .join(',\n')}\n}\n`;
  try {
    writeWhole(file, text);
  } catch (error) {
    throw new AgentError('RESOURCES__PLAN_UNWRITABLE', { file, problem: describeError(error) }, { cause: error });
  }
}

/** A plan of 100,000 users has about 25 MB and 1.6 million values, half of them in its longest list. */
const MAX_PLAN_BYTES = 64 * 1024 * 1024;
const MAX_PLAN_VALUES = 4_000_000;
const MAX_PLAN_MEMBERS = 500_000;

/** Throws RESOURCES__PLAN_UNREADABLE: missing, too large, cut, or not a plan. */
function readPlan(file: string): PlanFile {
  const unreadable = (problem: string, cause?: unknown): AgentError =>
    new AgentError('RESOURCES__PLAN_UNREADABLE', { file, problem }, { cause });
  let text: string;
  try {
    text = decodeText(readSmallFile(file, MAX_PLAN_BYTES).bytes);
  } catch (error) {
    throw unreadable(describeError(error), error);
  }
  let json: unknown;
  try {
    requireSimpleJson(text, MAX_PLAN_VALUES, MAX_PLAN_MEMBERS);
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof JsonTooComplex) throw unreadable(error.message, error);
    // A step ends with a brace, too, but not on a line of its own.
    throw unreadable(text.trimEnd().endsWith('\n}') ? 'it is not JSON' : 'its end is missing', error);
  }
  const parsed = PLAN_FILE.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw unreadable(oneLine(`${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'it is not a plan'}`));
}
