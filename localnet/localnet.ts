import { Stopped, systemClock } from '../src/lib/index.ts';
import type { Address } from '../src/serviceability/index.ts';
import { createLocalLedger, type LocalLedger } from './ledger/index.ts';
import { createStateIngestServer } from './state-ingest.ts';
import { createSwitchMethods } from './switch/admin-rpc.ts';
import {
  createSimulatedEapi,
  createSimulatedGrpc,
  createSimulatedSnmp,
  createSimulatedSwitch,
  createSwitchFaults,
  type SimulatedSnmpUser,
} from './switch/index.ts';
import {
  createLocalnetController,
  createLocalUser,
  genesisWorld,
  type Localnet,
  type LocalnetOptions,
  PUBLISHER_BALANCE,
  restoredWorld,
  type SessionTruth,
  SNAPSHOT_FORMAT,
  SNAPSHOT_VERSION,
  usualWorld,
  type World,
} from './world.ts';

/** Other DZDs and route reflectors: every switch has neighbors that are not users. */
const FABRIC_ASN = 65_342;
const FABRIC_PEERS = ['172.16.0.1', '172.16.0.3', '10.0.0.11'];
export const LOCALNET_COMMUNITY = 'public';
/** Reads the switch by SNMPv3, each VRF in the context of its name. */
export const LOCALNET_SNMP_USER = {
  name: 'localnet',
  auth: { protocol: 'sha', password: 'localnet-auth' },
  priv: { protocol: 'aes', password: 'localnet-priv' },
} as const satisfies SimulatedSnmpUser;
const CONTROLLER_INTERVAL_MS = 500;

function beginWith(ledger: LocalLedger, options: LocalnetOptions): World {
  const { restore, genesis, publisher } = options;
  if (restore !== undefined) return restoredWorld(ledger, restore, publisher);
  return genesis === undefined ? usualWorld(ledger.admin, options) : genesisWorld(ledger.admin, genesis, publisher);
}

/**
 * A whole DoubleZero for one device in this process, on loopback.
 *
 *   ledger (JSON-RPC) ── users ──► controller ──► switch (eAPI over HTTP, a Unix socket and gRPC, SNMP) ◄── clients connect and leave
 */
export function createLocalnet(options: LocalnetOptions): Localnet {
  const { clock = systemClock, random = Math.random, publisher } = options;
  const ledger = createLocalLedger({
    clock,
    random,
    port: options.rpcPort,
    slotMs: options.slotMs,
    slotsPerEpoch: options.slotsPerEpoch,
    program: options.program,
    restore: options.restore?.ledger,
    methods: createSwitchMethods(() => localnet),
  });
  const { admin } = ledger;
  const world = beginWith(ledger, options);
  const { device } = world;
  if (ledger.bank.account(publisher) === undefined) admin.fund(publisher, PUBLISHER_BALANCE);

  const sim = createSimulatedSwitch({ clock, hostname: 'lo-dz001' });
  for (const vrf of ['vrf1', 'vrf2']) sim.addVrf(vrf);
  for (const address of FABRIC_PEERS) {
    sim.configure({ vrf: 'default', address, remoteAs: FABRIC_ASN, description: `fabric-${address}` });
    sim.establish('default', address);
  }
  const switchFaults = createSwitchFaults();
  const eapi = createSimulatedEapi({
    switch: sim,
    faults: switchFaults,
    clock,
    port: options.eapiPort,
    socketPath: options.eapiSocket,
    tls: options.eapiTls,
  });
  const grpc = createSimulatedGrpc({
    switch: sim,
    faults: switchFaults,
    clock,
    port: options.grpcPort,
  });
  const snmp = createSimulatedSnmp({
    switch: sim,
    faults: switchFaults,
    community: LOCALNET_COMMUNITY,
    user: LOCALNET_SNMP_USER,
    clock,
    port: options.snmpPort,
  });
  const stateIngest = createStateIngestServer({
    publisherOf: (address) => admin.device(address)?.metricsPublisherPk,
    clock,
    port: options.stateIngestPort,
  });
  const controller = createLocalnetController({ admin, device, sim });

  controller.sync();

  const stopping = new AbortController();
  /** Users created over JSON-RPC get their neighbor a little later, as on a real network. */
  async function pushConfiguration(): Promise<void> {
    while (!stopping.signal.aborted) {
      controller.sync();
      await clock.sleep(CONTROLLER_INTERVAL_MS, stopping.signal).catch(() => undefined);
    }
  }

  const localnet: Localnet = {
    ledger,
    sim,
    switchFaults,
    snmp,
    stateIngest,
    device,
    programId: ledger.programId,
    async start() {
      const [{ rpcUrl, wsUrl }, { url, socketPath }, { host, port }, grpcAddress] = await Promise.all([
        ledger.start(),
        eapi.start(),
        snmp.start(),
        grpc.start(),
      ]);
      const stateIngestUrl = options.stateIngestPort === undefined ? undefined : (await stateIngest.start()).url;
      void pushConfiguration();
      return {
        rpcUrl,
        wsUrl,
        eapiUrl: url,
        eapiSocket: socketPath,
        snmp: { host, port, community: LOCALNET_COMMUNITY },
        grpc: grpcAddress,
        stateIngestUrl,
      };
    },
    async stop() {
      stopping.abort(new Stopped('localnet stops'));
      await Promise.allSettled([ledger.stop(), eapi.stop(), snmp.stop(), grpc.stop(), stateIngest.stop()]);
    },
    addUser(newcomer) {
      const user = createLocalUser(admin, world, newcomer ?? {});
      controller.sync();
      return user;
    },
    /** By DeleteUser. */
    removeUser(user) {
      admin.deleteUser(user);
      controller.sync();
    },
    connect(user, rttUs) {
      const session = controller.sessionOf(user);
      if (session === undefined) return;
      // Reads every user: not for each of thousands that connect at once.
      if (sim.find(session.vrf, session.address) === undefined) controller.sync();
      sim.establish(session.vrf, session.address, rttUs);
    },
    disconnect(user, idleReason) {
      const session = controller.sessionOf(user);
      if (session !== undefined) sim.drop(session.vrf, session.address, idleReason === undefined ? 'active' : 'idle', idleReason);
    },
    snapshot() {
      const connected = [...localnet.truth().keys()].flatMap((user) => {
        const session = controller.sessionOf(user);
        const neighbor = session === undefined ? undefined : sim.find(session.vrf, session.address);
        return neighbor?.state === 'established' ? [{ user, rttUs: neighbor.rttUs }] : [];
      });
      return { format: SNAPSHOT_FORMAT, version: SNAPSHOT_VERSION, device, connected, ledger: ledger.snapshot() };
    },
    truth() {
      const truth = new Map<Address, SessionTruth>();
      for (const user of admin.users(device).keys()) {
        const session = controller.sessionOf(user);
        if (session !== undefined) truth.set(user, sim.find(session.vrf, session.address)?.state === 'established' ? 'up' : 'down');
      }
      return truth;
    },
  };
  for (const { user, rttUs } of world.connected) localnet.connect(user, rttUs);
  return localnet;
}
