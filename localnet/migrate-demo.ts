import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandIo, ExitCode } from '../src/cli/command.ts';
import { runAgentCommandLine } from '../src/cli/commands.ts';
import { AgentError } from '../src/lib/index.ts';
import {
  type Address,
  accessPassAddress,
  decodeUser,
  type Instruction,
  parseNetworkV4,
  programError,
  UNSPECIFIED_IPV4,
  UNSPECIFIED_NETWORK,
  UserStatus,
  UserType,
} from '../src/serviceability/index.ts';
import * as rfc11 from '../src/serviceability/rfc11/index.ts';
import { createLocalLedger, createSigner, FOUNDATION_SEED, type LocalLedger, parseTransaction, signTransaction } from './ledger/index.ts';
import type { MigrateDemoBody } from './options.ts';
import { printEvent, temporaryFolder, writeSeed } from './start.ts';

/** Short, so that the demo takes seconds; everything else is as on a network. */
const SLOT_MS = 100;
const CODES = ['fra1', 'ams1', 'lon1'];
const PENDING_USERS = 12;
const NEW_USERS = 10;

/** What a network from before RFC-11 holds. */
interface OldNetwork {
  readonly devices: readonly Address[];
  readonly users: readonly Address[];
  /** Users that wait for the activator: status Pending, without a tunnel. */
  readonly pending: readonly Address[];
}

/** Three devices with interfaces, two links, two groups and users, of whom one is banned and some are pending, all as the deployed program keeps them. */
function buildOldNetwork({ admin }: LocalLedger, count: number): OldNetwork {
  const tenants = ['tenant-a', 'tenant-b'].map((code) => admin.createTenant({ code }));
  const publisher = createSigner(FOUNDATION_SEED).address;
  const devices = CODES.map((code, n) =>
    admin.createDevice({ metricsPublisher: publisher, code, dzPrefixes: [parseNetworkV4(`198.19.${n + 1}.0/24`)] }),
  );
  const users = Array.from({ length: count + PENDING_USERS }, (_, n) => {
    const device = at(devices, n % devices.length);
    return admin.createUser(n % 5 === 4 ? { device, userType: UserType.multicast } : { device, tenant: tenants[n % 2] });
  });
  for (const [n, device] of devices.slice(1).entries()) {
    admin.createLink({ deviceA: at(devices, n), deviceZ: device, code: `${CODES[n]}:${CODES[n + 1]}` });
  }
  for (const device of devices) {
    admin.createInterface({ device, name: 'Ethernet1', kind: 'physical' });
    admin.createInterface({ device, name: 'Loopback255', kind: 'loopback', withAddress: true });
  }
  for (const code of ['prices', 'blocks']) admin.createGroup({ code });
  admin.banUser(at(users, 0));
  const pending = users.slice(count);
  const none = { tunnelId: 0, tunnelNet: UNSPECIFIED_NETWORK, dzIp: UNSPECIFIED_IPV4 };
  for (const user of pending) admin.changeUser(user, { status: UserStatus.pending, ...none });
  return { devices, users: users.slice(0, count), pending };
}

/** The foundation's client: an instruction lands at once, and answers with the program's error, if any. */
function createFoundationClient({ bank, programId }: LocalLedger) {
  const signer = createSigner(FOUNDATION_SEED);
  const run = (instruction: Instruction): string | undefined => {
    const landed = bank.include((blockhash) => parseTransaction(signTransaction(signer, blockhash, [instruction])));
    const err = landed?.result.err ?? null;
    if (landed === undefined || err === null) return landed === undefined ? 'not landed' : undefined;
    const cause = typeof err === 'object' && 'InstructionError' in err ? err.InstructionError[1] : err;
    return typeof cause === 'object' && 'Custom' in cause
      ? (rfc11.rfc11Error(cause.Custom) ?? programError(cause.Custom))?.name
      : JSON.stringify(cause);
  };
  return {
    address: signer.address,
    programId,
    run,
    must(instruction: Instruction): void {
      const problem = run(instruction);
      if (problem !== undefined) throw new AgentError('LEDGER__LOCALNET_REFUSED', { method: 'the migration', problem });
    },
  };
}

type FoundationClient = ReturnType<typeof createFoundationClient>;

/**
 * RFC-11's activator at its end. It takes what it gives a pending user out of the bitmaps, so that it and the new instructions never give one slot to two:
 * SetResourceState marks the lowest free slots, ActivateUser (which localnet's administration stands for) writes their values, and BackfillEntitySlots
 * makes the user one that RFC-11 deletes.
 */
function activate({ admin, bank }: LocalLedger, foundation: FoundationClient, user: Address): void {
  const { programId, address: authority } = foundation;
  const { devicePk: device, clientIp, owner } = decodeUser(bank.account(user)?.data ?? new Uint8Array());
  const account = bank.account(rfc11.resourceExtensionAddress(programId, device).address);
  const extension = rfc11.decodeResourceExtension(account?.data ?? new Uint8Array());
  const ids = present(rfc11.idPool(extension, 'tunnelId'));
  const nets = present(rfc11.networkPool(extension, 'userTunnelNet'));
  const [tunnelIdSlot, tunnelNetSlot] = [present(ids.firstFree()), present(nets.firstFree())];
  const on = { programId, device, authority };
  foundation.must(rfc11.setResourceState({ ...on, resourceType: rfc11.ResourceType.tunnelId, slots: [tunnelIdSlot] }));
  foundation.must(rfc11.setResourceState({ ...on, resourceType: rfc11.ResourceType.userTunnelNet, slots: [tunnelNetSlot] }));
  const tunnelNet = present(nets.networkOf(tunnelNetSlot));
  admin.changeUser(user, { status: UserStatus.activated, tunnelId: ids.idOf(tunnelIdSlot), tunnelNet, dzIp: clientIp });
  const { address: accessPass } = accessPassAddress(programId, clientIp, owner);
  const slots = { tunnelIdSlot, tunnelNetSlot, dzIpSlot: rfc11.NO_SLOT };
  foundation.must(rfc11.backfillEntitySlots({ ...on, entity: user, accessPass, ...slots }));
}

/** One step of the demo as it is printed. */
interface PhaseEvent {
  readonly event: 'phase';
  readonly phase: number;
  readonly done: string;
}

interface SummaryEvent {
  readonly event: 'summary';
  readonly users: number;
  readonly activated: number;
  readonly created: number;
  readonly deleted: number;
  /** Whether `resources audit` found nothing at the end. */
  readonly clean: boolean;
}

/**
 * `dzd-localnet migrate-demo`: RFC-11's six phases on a network from before, with the commands that an operator would type.
 *
 *   old network ─► program update ─► resources migrate plan, apply ─► new instructions ─► activator empties its queue ─► audit
 */
export const migrateDemoBody: MigrateDemoBody = async ({ users: count, output }, io) => {
  const folder = await temporaryFolder();
  const keypair = await writeSeed(join(folder.path, 'foundation.json'), FOUNDATION_SEED);
  const plan = join(folder.path, 'plan.json');
  const ledger = createLocalLedger({ program: 'legacy', slotMs: SLOT_MS });
  const network = buildOldNetwork(ledger, count);
  const print = (event: PhaseEvent | SummaryEvent): void => printEvent(event, output, io.stdout);
  const phase = (number: number, done: string): void => {
    if (output === 'json') print({ event: 'phase', phase: number, done });
    else io.stdout.write(`\nPhase ${number}: ${done}\n`);
  };
  try {
    const { rpcUrl } = await ledger.start();
    const config = join(folder.path, 'config.yaml');
    await writeFile(config, `env: localnet\nledger:\n  rpcUrls: [${rpcUrl}]\n`);
    const type = operator({ ...io, environment: {} }, output, ['--config', config]);
    const foundation = createFoundationClient(ledger);
    const old = at(network.users, 1);

    phase(1, `the program knows RFC-11; no account has changed. DeleteUser of an old user: ${deleteOld(ledger, foundation, old)}`);
    phase(2, 'extensions, marks and slots are planned from the accounts (phases 2 to 4)');
    await type('resources', 'migrate', 'plan', '--out', plan);
    phase(3, 'and applied');
    await type('resources', 'migrate', 'apply', plan, '--keypair', keypair, '--execute');
    phase(4, `${countTracked(ledger, network.users)} of ${count} users have their slots`);

    const created = Array.from({ length: NEW_USERS }, (_, n) => ledger.admin.createUser({ device: at(network.devices, n % CODES.length) }));
    for (const user of network.users.slice(1, 1 + NEW_USERS)) ledger.admin.deleteUser(user);
    const again = ledger.admin.createUser({ device: present(ledger.admin.user(at(created, 0))).devicePk });
    phase(
      5,
      `${created.length} users are created by CreateAndActivateUser and ${NEW_USERS} old ones deleted; Tunnel${ledger.admin.user(again)?.tunnelId} is given out again`,
    );

    for (const user of network.pending) activate(ledger, foundation, user);
    const waiting = [...ledger.admin.users().values()].filter(({ status }) => status === UserStatus.pending).length;
    phase(6, `the activator has activated ${network.pending.length} pending users; its queue holds ${waiting}, and it ends`);
    // Commands read what is confirmed; the changes above landed in the newest blocks.
    ledger.bank.advance();
    const audited = await type('resources', 'audit');
    const all = [...ledger.admin.users().values()];
    print({
      event: 'summary',
      users: all.length,
      activated: all.filter(({ status }) => status === UserStatus.activated).length,
      created: created.length + 1,
      deleted: NEW_USERS,
      clean: audited === 0,
    });
    return audited === 0 && waiting === 0 ? 0 : 1;
  } finally {
    await ledger.stop();
    await folder.remove();
  }
};

/** Runs commands of `dzd-telemetry` as an operator types them; with `json` only their errors are printed. */
function operator(io: CommandIo, output: 'table' | 'json', place: readonly string[]) {
  return async (...words: readonly string[]): Promise<ExitCode> => {
    if (output === 'table') io.stdout.write(`$ dzd-telemetry ${words.join(' ')}\n`);
    const stdout = output === 'table' ? io.stdout : { ...io.stdout, write: () => undefined };
    const code = await runAgentCommandLine([...words, ...place], { ...io, stdout });
    io.signal.throwIfAborted();
    // An audit with findings is a result; whatever else fails is explained on standard error.
    if (code !== 0 && words[1] !== 'audit')
      throw new AgentError('LEDGER__LOCALNET_REFUSED', { method: words.slice(0, 3).join(' '), problem: `exit code ${code}` });
    return code;
  };
}

/** The program's answer to DeleteUser for a user without slots. */
function deleteOld({ bank }: LocalLedger, foundation: FoundationClient, user: Address): string {
  const { programId, address: authority } = foundation;
  const { devicePk: device, clientIp, owner } = decodeUser(bank.account(user)?.data ?? new Uint8Array());
  const accessPass = accessPassAddress(programId, clientIp, owner).address;
  return foundation.run(rfc11.deleteUser({ programId, user, device, accessPass, authority })) ?? 'done';
}

const countTracked = ({ bank }: LocalLedger, users: readonly Address[]): number =>
  users.filter((user) => rfc11.decodeUserWithSlots(bank.account(user)?.data ?? new Uint8Array()).slots !== undefined).length;

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a pool of the demo is empty');
  return value;
}

const at = <T>(list: readonly T[], index: number): T => present(list[index]);
