/*
 * A localnet in a process of its own, so that what the bench measures is the agent alone.
 *
 *   bench ── { id, op, args } ──► this process ── { id, value } or { id, error } ──► bench
 */

import { createLocalnet, type Localnet } from '../../localnet/index.ts';
import type { SwitchFault } from '../../localnet/switch/index.ts';
import { seededRandom } from '../../src/lib/index.ts';
import { type Address, BgpStatus, tunnelSides, UserType, ZERO_ADDRESS } from '../../src/serviceability/index.ts';
import { TUNNEL_IDS } from '../../src/serviceability/rfc11/index.ts';
import { machineMs } from './bench.ts';

export interface HostStart {
  readonly users: number;
  readonly publisher: Address;
  readonly slotMs: number;
  /** Added to each answer of the ledger, milliseconds. */
  readonly latencyMs: number;
  /** With a state-ingest server. */
  readonly stateIngest?: boolean;
}

/** Patches of the ledger's faults, as `localnet_setFaults` takes them; the latency stays. */
export type HostFaults = Parameters<Localnet['ledger']['faults']['set']>[0];

interface Session {
  readonly vrf: string;
  readonly address: string;
}

interface Request {
  readonly id: number;
  readonly op: string;
  readonly args: unknown;
}

let localnet: Localnet | undefined;
let latencyMs = 0;
let sessions: ReadonlyMap<Address, Session> = new Map();
let landed = 0;

const running = (): Localnet => {
  if (localnet === undefined) throw new Error('the localnet was not started');
  return localnet;
};
const delay = () => (latencyMs > 0 ? [{ kind: 'delay' as const, delayMs: latencyMs }] : []);

function readSessions(): void {
  const { ledger, device } = running();
  const found = new Map<Address, Session>();
  for (const [address, user] of ledger.admin.users(device)) {
    const sides = tunnelSides(user.tunnelNet);
    const isMulticast = user.userType === UserType.multicast;
    const vrfId = user.tenantPk === ZERO_ADDRESS ? 1 : (ledger.admin.tenant(user.tenantPk)?.vrfId ?? 1);
    if (sides !== undefined) found.set(address, { vrf: isMulticast ? 'default' : `vrf${vrfId}`, address: sides.clientSide });
  }
  sessions = found;
}

const operations: Readonly<Record<string, (args: never) => unknown>> = {
  async start({ users, publisher, slotMs, latencyMs: latency, stateIngest = false }: HostStart) {
    latencyMs = latency;
    // The first two show the tenants. Adding one by one through the localnet would read all users each time.
    localnet = createLocalnet({
      users: 2,
      random: seededRandom(1),
      publisher,
      slotMs,
      // RFC-11 has not that many tunnel ids.
      program: users > TUNNEL_IDS.usableSlots ? 'deployed' : 'rfc11',
      ...(stateIngest ? { stateIngestPort: 0 } : {}),
    });
    const { ledger, device, programId } = localnet;
    const tenants = [...ledger.admin.users(device).values()].map(({ tenantPk }) => tenantPk);
    for (let n = 2; n < users; n += 1) {
      ledger.admin.createUser({ device, ...(n % 5 === 4 ? { userType: UserType.multicast } : { tenant: tenants[n % 2] }) });
    }
    ledger.bank.onLanded(() => {
      landed += 1;
    });
    const addresses = await localnet.start();
    ledger.faults.set({ rpc: delay() });
    readSessions();
    return { ...addresses, device, programId };
  },
  /** All sessions, or the first so many, change within one millisecond or two. Answers with when they had. */
  flip({ to, first = Number.POSITIVE_INFINITY }: { readonly to: 'up' | 'down'; readonly first?: number }) {
    const { sim } = running();
    for (const { vrf, address } of [...sessions.values()].slice(0, first)) {
      if (to === 'up') sim.establish(vrf, address);
      else sim.drop(vrf, address);
    }
    return machineMs();
  },
  faults(patch: HostFaults) {
    running().ledger.faults.set({ ...patch, rpc: [...(patch.rpc ?? []), ...delay()] });
    return machineMs();
  },
  /** Replaces the faults of the switch. */
  switchFaults({ faults }: { readonly faults: readonly SwitchFault[] }) {
    running().switchFaults.clear();
    for (const fault of faults) running().switchFaults.begin(fault);
  },
  mismatches() {
    const { ledger, device } = running();
    const truth = running().truth();
    let wrong = 0;
    for (const [address, { bgpStatus }] of ledger.admin.users(device)) {
      if (bgpStatus !== (truth.get(address) === 'up' ? BgpStatus.up : BgpStatus.down)) wrong += 1;
    }
    return wrong;
  },
  landed: () => landed,
  add() {
    const user = running().addUser();
    running().connect(user);
    readSessions();
    return user;
  },
  remove({ user }: { readonly user: Address }) {
    running().removeUser(user);
    readSessions();
  },
  async stop() {
    await localnet?.stop();
  },
};

process.on('message', (request: Request) => {
  const operation = operations[request.op];
  Promise.resolve()
    .then(() => operation?.(request.args as never))
    .then(
      (value) => process.send?.({ id: request.id, value }),
      (error: unknown) => process.send?.({ id: request.id, error: String(error) }),
    );
});
process.on('disconnect', () => process.exit(0));
