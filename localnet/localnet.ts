import * as z from 'zod';
import { Stopped, systemClock } from '../src/lib/index.ts';
import { AccountType, type Address, decodeDevice, type Ipv4, isIpv4 } from '../src/serviceability/index.ts';
import {
  addressParam,
  createLocalLedger,
  invalidParams,
  type LocalLedger,
  type RpcMethods,
  readParams,
  WorldError,
} from './ledger/index.ts';
import { createStateIngestServer } from './state-ingest.ts';
import {
  createSimulatedEapi,
  createSimulatedGrpc,
  createSimulatedSnmp,
  createSimulatedSwitch,
  createSwitchFaults,
  type SimulatedSnmpUser,
} from './switch/index.ts';
import type { SwitchFault } from './switch/switch.ts';
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

const vrf = z.string().min(1).max(100);
const fault: z.ZodType<SwitchFault> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal(['refuse', 'hang', 'cut', 'garbage', 'wrong-types', 'empty', 'wrong-request-id']) }),
  z.strictObject({ kind: z.literal('slow'), delayMs: z.number().min(0).max(600_000) }),
  z.strictObject({ kind: z.literal(['vrf-missing', 'vrf-failing']), vrf }),
  z.strictObject({ kind: z.literal('http-status'), status: z.literal([401, 403, 404, 500, 502, 503]) }),
  z.strictObject({ kind: z.literal('command-error'), code: z.int(), errors: z.array(z.string()), command: z.exactOptional(z.string()) }),
  z.strictObject({
    kind: z.literal('large-answer'),
    command: z.string(),
    bytes: z
      .int()
      .min(0)
      .max(64 << 20),
  }),
]);
const newUser = z.strictObject({
  clientIp: z.custom<Ipv4>(isIpv4, 'expected an IPv4 address').optional(),
  kind: z.exactOptional(z.enum(['unicast', 'multicast'])),
  tenant: z.exactOptional(z.literal([0, 1])),
  connect: z.exactOptional(z.boolean()),
});
const newDevice = z.strictObject({
  code: z.string().regex(/^[A-Za-z0-9_:.-]{1,32}$/, 'expected a code of 1 to 32 letters, digits, and _ : . -'),
});
const oneDevice = z.strictObject({ device: addressParam });
const oneUser = z.strictObject({ user: addressParam, rttUs: z.number().min(0).max(60_000_000).optional() });
const disconnected = z.strictObject({ user: addressParam, reason: z.exactOptional(z.enum(['Admin', 'NoInterface', 'MaxPath'])) });

/**
 * `localnet_…` methods for clients and switch, over the ledger's JSON-RPC. Each takes one object (docs/localnet.md).
 */
function createSwitchMethods(localnet: () => Localnet): RpcMethods {
  const existing = (user: Address): Address => {
    if (localnet().truth().has(user)) return user;
    throw invalidParams(`${user} is not an activated user of the device`);
  };
  const refusing = <T>(change: () => T): T => {
    try {
      return change();
    } catch (error) {
      throw error instanceof WorldError ? invalidParams(error.message) : error;
    }
  };
  return {
    localnet_connectUser(_, [params]) {
      const { user, rttUs } = readParams(oneUser, params ?? {});
      localnet().connect(existing(user), rttUs);
      return null;
    },
    localnet_disconnectUser(_, [params]) {
      const { user, reason } = readParams(disconnected, params ?? {});
      localnet().disconnect(existing(user), reason);
      return null;
    },
    /** Like `addUser`: creates the user, configures it on the switch, and connects it if requested. */
    localnet_addUser(_, [params]) {
      const { connect, clientIp, ...wanted } = readParams(newUser, params ?? {});
      const user = refusing(() => localnet().addUser({ ...wanted, clientIp }));
      if (connect === true) localnet().connect(user);
      return { address: user };
    },
    /** A further device, on the ledger only, with the publisher of the first; with RFC-11, with its extension. */
    localnet_addDevice(_, [params]) {
      const { code } = readParams(newDevice, params ?? {});
      const { device, ledger } = localnet();
      const { admin } = ledger;
      const metricsPublisher = admin.device(device)?.metricsPublisherPk;
      if (metricsPublisher === undefined) throw invalidParams('the localnet has no device');
      for (const [address, { data }] of ledger.bank.replica().view('processed').accountsOf(ledger.programId))
        if (data[0] === AccountType.device && decodeDevice(data).code === code)
          throw invalidParams(`${address} already has the code ${code}`);
      const address = refusing(() => admin.createDevice({ code, metricsPublisher }));
      if (admin.program === 'rfc11') refusing(() => admin.createExtension(address));
      return { address };
    },
    /** A further device; the first one is the switch's. */
    localnet_deleteDevice(_, [params]) {
      const { device } = readParams(oneDevice, params ?? {});
      if (device === localnet().device) throw invalidParams('the switch stands for this device, so it stays');
      refusing(() => localnet().ledger.admin.deleteDevice(device));
      return null;
    },
    localnet_device() {
      const { device, programId, ledger } = localnet();
      const { code, status, publicIp, metricsPublisherPk } = ledger.admin.device(device) ?? {};
      return {
        address: device,
        programId,
        code,
        status,
        publicIp,
        metricsPublisher: metricsPublisherPk,
        users: ledger.admin.users(device).size,
      };
    },
    localnet_snapshot: () => localnet().snapshot(),
    localnet_rebootSwitch() {
      localnet().sim.reboot();
      return null;
    },
    localnet_beginSwitchFault(_, [params]) {
      localnet().switchFaults.begin(readParams(fault, params ?? {}));
      return localnet().switchFaults.active();
    },
    localnet_switchFaults: () => localnet().switchFaults.active(),
    localnet_clearSwitchFaults() {
      localnet().switchFaults.clear();
      return [];
    },
    /** The actual session state by user, to which the ledger should converge. */
    localnet_truth: () => Object.fromEntries(localnet().truth()),
  };
}

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
