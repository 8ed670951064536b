import { type Address, type Ipv4, lamports, tunnelSides, type User, UserStatus, UserType } from '../../serviceability/index.ts';
import { createLocalnetController, type LocalnetController } from '../controller.ts';
import { createSimulatedSwitch, type SimulatedSwitch } from '../dzd/index.ts';
import { createLocalLedger, createSigner, type Ed25519Signer, type LocalLedger } from '../ledger/index.ts';
import type { Draw } from './draw.ts';
import { createSessionHistory, type SessionHistory, sessionName } from './session-history.ts';
import type { SimulationClock } from './simulation-clock.ts';

/** The ledger and the switch as they truly are, and the hands that change them. */
export interface World {
  readonly ledger: LocalLedger;
  readonly sim: SimulatedSwitch;
  readonly sessions: SessionHistory;
  readonly device: Address;
  readonly signer: Ed25519Signer;
  /** A short name for the story. */
  nameOf(user: Address): string;
  users(): ReadonlyMap<Address, User>;
  /** Whether the user's session is up; undefined for one that has none, being banned or gone. */
  truthOf(user: Address): 'up' | 'down' | undefined;
  createUser(clientIp?: Ipv4): Address;
  deleteUser(user: Address): Ipv4 | undefined;
  banUser(user: Address): void;
  connect(user: Address): void;
  disconnect(user: Address): void;
  /** The controller brings the switch in line with the ledger. */
  push(): void;
  reboot(): void;
  setFunds(sol: number): void;
  /** The ledger goes on from so many slots ago, at most, and counts anew from there; returns how many they were. */
  setBack(slots: number): number;
  /** How far it is from the furthest slot to which it had come. */
  slotsToCatchUp(): number;
  setPublisher(publisher: Address): void;
}

const USER_VRFS = ['vrf1', 'vrf2'];
const FABRIC_PEER = '172.16.0.1';
const USER_SEED_BYTE = 7;

export function createWorld({
  clock,
  draw,
  users,
}: {
  readonly clock: SimulationClock;
  readonly draw: Draw;
  readonly users: number;
}): World {
  const ledger = createLocalLedger({ clock, random: draw.random, rememberedTransactions: 2_048 });
  const { admin } = ledger;
  const signer = createSigner(new Uint8Array(32).fill(USER_SEED_BYTE));
  const device = admin.createDevice({ metricsPublisher: signer.address, code: 'sim-dz1' });
  const tenants = ['a', 'b'].map((code) => admin.createTenant({ code: `tenant-${code}` }));
  const sim = createSimulatedSwitch({ clock, hostname: 'sim-dz1' });
  for (const vrf of USER_VRFS) sim.addVrf(vrf);
  sim.configure({ vrf: 'default', address: FABRIC_PEER, remoteAs: 65_342, description: 'fabric' });
  sim.establish('default', FABRIC_PEER);
  const controller = createLocalnetController({ admin, device, sim });
  const sessions = createSessionHistory(clock);
  const names = new Map<Address, string>();
  /** Those that were created and not deleted: cheaper to ask than the ledger, which tries each of its accounts. */
  const living = new Set<Address>();

  const observe = (): void => sessions.record(establishedSessions(sim));
  const slotNow = (): number => Number(ledger.bank.replica().view('processed').slot);
  let furthest = 0;
  const setFunds = (sol: number): void => admin.fund(signer.address, lamports(BigInt(Math.round(sol * 1e9))));
  const createUser = (clientIp?: Ipv4): Address => {
    const kind = draw.whole(0, 4);
    // The same client comes back as the same kind of user, so at the same address.
    const isMulticast = clientIp === undefined && kind === 4;
    const user = admin.createUser({
      device,
      ...(clientIp === undefined ? {} : { clientIp }),
      ...(isMulticast ? { userType: UserType.multicast } : { tenant: tenants[kind % 2] }),
    });
    if (!names.has(user)) names.set(user, `u${names.size}`);
    living.add(user);
    return user;
  };
  const at = (user: Address, act: (vrf: string, address: string) => void): void => {
    const session = sessionOnSwitch(user, controller, ledger, sim);
    if (session !== undefined) act(session.vrf, session.address);
    observe();
  };

  setFunds(10);
  for (let n = 0; n < users; n += 1) createUser();
  controller.sync();
  ledger.bank.begin();

  return {
    ledger,
    sim,
    sessions,
    device,
    signer,
    nameOf: (user) => names.get(user) ?? user,
    users() {
      const users = new Map<Address, User>();
      for (const address of living) {
        const user = admin.user(address);
        if (user !== undefined) users.set(address, user);
      }
      return users;
    },
    truthOf(address) {
      const user = admin.user(address);
      const sides = user === undefined ? undefined : tunnelSides(user.tunnelNet);
      if (user === undefined || sides === undefined || user.status !== UserStatus.activated) return undefined;
      return sessions.isUp(sessionName(sides.clientSide, user.tunnelId)) ? 'up' : 'down';
    },
    createUser,
    deleteUser(user) {
      const clientIp = admin.user(user)?.clientIp;
      admin.deleteUser(user);
      living.delete(user);
      return clientIp;
    },
    banUser: (user) => admin.banUser(user),
    connect: (user) => at(user, (vrf, address) => sim.establish(vrf, address, draw.whole(500, 90_000))),
    disconnect: (user) => at(user, (vrf, address) => sim.drop(vrf, address, draw.one(['active', 'idle', 'connect'] as const))),
    push() {
      controller.sync();
      observe();
    },
    reboot() {
      sim.reboot();
      observe();
    },
    setFunds,
    setBack(slots) {
      const from = slotNow();
      furthest = Math.max(furthest, from);
      ledger.bank.setBack(BigInt(Math.max(0, from - slots)));
      return from - slotNow();
    },
    slotsToCatchUp: () => Math.max(0, furthest - slotNow()),
    setPublisher: (publisher) => admin.changeDevice(device, { metricsPublisher: publisher }),
  };
}

function establishedSessions(sim: SimulatedSwitch): Set<string> {
  const established = new Set<string>();
  for (const vrf of sim.vrfs()) {
    for (const { state, address, description } of sim.neighbors(vrf)) {
      if (state === 'established') established.add(`${address} ${description ?? ''}`);
    }
  }
  return established;
}

/** Where the user's own neighbor is; undefined while the controller has not pushed it yet. */
function sessionOnSwitch(user: Address, controller: LocalnetController, { admin }: LocalLedger, sim: SimulatedSwitch) {
  const session = controller.sessionOf(user);
  if (session === undefined) return undefined;
  const neighbor = sim.find(session.vrf, session.address);
  return neighbor?.description === `USER-${admin.user(user)?.tunnelId}` ? session : undefined;
}
