import { isIPv4 } from 'node:net';
import type { NeighborState, VrfName } from '../../src/bgp/index.ts';
import { type EpochMs, isRecord } from '../../src/lib/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch, SwitchFaults } from './switch.ts';

/** Deviations from a current EOS, all of them observed on real switches. */
export interface EosQuirks {
  /** How AS numbers are written: text (multi-agent), a number (older EOS), or asdot text (`bgp asn notation asdot`). */
  readonly asn: 'text' | 'number' | 'asdot';
  /** Some releases write the epoch seconds of `upDownTime` as text. */
  readonly upDownTime: 'number' | 'text';
  /** `upDownTime` of an unchanged session moves by a microsecond from one answer to the next. */
  readonly jitter: boolean;
  /** `peerTcpInfo` of a session that is down: left out (multi-agent), or present with null in every field (ribd). */
  readonly tcpInfoWhenDown: 'absent' | 'nulls';
  /** Releases before 4.3x leave the description out of the summary. */
  readonly descriptions: boolean;
  /** How the switch reports that BGP is not running: no VRF, no VRF with a warning, or error 1000. */
  readonly noBgp: 'off' | 'no-vrfs' | 'warning' | 'error';
  /** Results come as text that is JSON, as some commands answer. */
  readonly resultsAsText: boolean;
  /** Number of additional IPv6 and link-local peers that carry IPv4 (RFC 5549), in the default VRF. */
  readonly ipv6Peers: number;
  /** An EOS before `timestamps` rejects the parameter. */
  readonly knowsTimestamps: boolean;
}

/** What cEOS 4.33 with the multi-agent model does. */
export const CURRENT_EOS: EosQuirks = {
  asn: 'text',
  upDownTime: 'number',
  jitter: true,
  tcpInfoWhenDown: 'absent',
  descriptions: true,
  noBgp: 'off',
  resultsAsText: false,
  ipv6Peers: 0,
  knowsTimestamps: true,
};

/** `peerTcpInfo` of the neighbor detail; times in microseconds, as the kernel's tcp_info has them. */
function renderTcpInfo({ state, rttUs }: SimulatedNeighbor, { tcpInfoWhenDown }: EosQuirks): Record<string, unknown> {
  const up = state === 'established';
  if (!up && tcpInfoWhenDown === 'absent') return {};
  const info = {
    state: 'ESTABLISHED',
    options: 7,
    sendWindowScale: 9,
    rcvWindowScale: 7,
    retransTimeout: 200_000 + rttUs,
    delayedAckTimeout: 40_000,
    maxSegmentSize: 1_436,
    sndRtt: rttUs,
    sndRttVariance: Math.floor(rttUs / 2),
    slowStartThreshold: 2_147_483_647,
    congestionWindow: 10,
    // Zero, or values that make no sense as a time, in every capture: no reader should take this for the round-trip time.
    rcvRtt: 291_896_960,
    rcvWindow: 14_600,
    totalRetrans: 0,
    outputQueueLength: 0,
    outputMaxQueueLength: 88_064,
    inputQueueLength: 0,
    inputMaxQueueLength: 131_072,
    connectionOptions: { timestampsEnabled: true, selectiveAcknowledgments: true, windowScaleEnabled: true, explicitCongestion: false },
  };
  return { peerTcpInfo: up ? info : Object.fromEntries(Object.keys(info).map((key) => [key, null])) };
}

/** The CLI's own rendering, for `format: text`: the summary as its table, the rest as `name: value` lines. */
export function renderText(command: string, result: Readonly<Record<string, unknown>>): string {
  if (!command.startsWith('show ip bgp summary') || !isRecord(result.vrfs)) return lines(result);
  return Object.entries(result.vrfs)
    .map(([vrf, value]) => (isRecord(value) ? table(vrf, value) : ''))
    .join('\n');
}

function table(vrf: string, { routerId, asn, peers }: Readonly<Record<string, unknown>>): string {
  const head = [
    `BGP summary information for VRF ${vrf}`,
    `Router identifier ${String(routerId)}, local AS number ${String(asn)}`,
    '  Neighbor         V AS           MsgRcvd   MsgSent  InQ OutQ  State',
  ];
  const rows = Object.entries(isRecord(peers) ? peers : {}).map(([address, peer]) => {
    const { asn: remote, msgReceived, msgSent, peerState } = isRecord(peer) ? peer : {};
    const state = peerState === 'Established' ? 'Estab' : String(peerState);
    return `  ${address.padEnd(16)} 4 ${String(remote).padEnd(10)} ${String(msgReceived).padStart(9)} ${String(msgSent).padStart(9)}    0    0  ${state}`;
  });
  return `${[...head, ...rows].join('\n')}\n`;
}

function lines(result: Readonly<Record<string, unknown>>): string {
  return Object.entries(result)
    .map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}\n`)
    .join('');
}

/** The switch's own AS: the one under which DoubleZero devices run BGP. */
const LOCAL_AS = 65_342;

/** `peerState` of the summary and `state` of the neighbor detail. */
const EOS_STATES: Readonly<Record<NeighborState, string>> = {
  idle: 'Idle',
  connect: 'Connect',
  active: 'Active',
  'open-sent': 'OpenSent',
  'open-confirm': 'OpenConfirm',
  established: 'Established',
  unrecognized: 'NotNegotiated',
};

function renderAs(asn: number, { asn: notation }: EosQuirks): string | number {
  if (notation === 'number') return asn;
  return notation === 'asdot' && asn > 0xffff ? `${asn >>> 16}.${asn & 0xffff}` : String(asn);
}

/**
 * Epoch seconds of a change, with microseconds. `answer` counts responses: like on a real switch, the last microsecond varies between
 * responses.
 */
function renderChangeTime(changedAt: EpochMs, answer: number, { upDownTime, jitter }: EosQuirks): number | string {
  const seconds = changedAt / 1_000 + 0.000_273 + (jitter && answer % 2 === 1 ? 0.000_001 : 0);
  return upDownTime === 'text' ? seconds.toFixed(6) : Number(seconds.toFixed(6));
}

/** A number that differs from peer to peer and stays the same from answer to answer. */
function spread(text: string, below: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return hash % below;
}

/*
 * Commands for raw snapshots, which readers forward unread: responses reflect the simulation, but their models are not those of EOS.
 */

const PORTS = 32;
const FIRST_TUNNEL = 15_000_000;
const GROUP = '233.84.178.0';

/** `show snmp mib ifmib ifindex`: the ports, and the tunnel of each user. */
export function renderInterfaceIndexes(sim: SimulatedSwitch): Record<string, unknown> {
  const ports = Array.from({ length: PORTS }, (_, port): [string, number] => [`Ethernet${port + 1}`, port + 1]);
  const tunnels = sim
    .vrfs()
    .flatMap((vrf) => sim.neighbors(vrf))
    .flatMap(({ description }): [string, number][] => {
      const id = /^USER-(\d+)$/.exec(description ?? '')?.[1];
      return id === undefined ? [] : [[`Tunnel${id}`, FIRST_TUNNEL + Number(id)]];
    });
  return { ifIndex: Object.fromEntries([...ports, ...tunnels]) };
}

/** `show isis database detail`. */
export function renderIsisDatabase(sim: SimulatedSwitch): Record<string, unknown> {
  const lsp = { sequence: spread(sim.hostname, 10_000), checksum: spread(sim.hostname, 65_536), lifetime: 900, hostname: sim.hostname };
  return { vrfs: { default: { isisInstances: { 1: { level: { 2: { lsps: { [`${sim.hostname}.00-00`]: lsp } } } } } } } };
}

/** `show ip mroute`. */
export function renderMroutes(sim: SimulatedSwitch): Record<string, unknown> {
  const sources = multicastClients(sim).map((address) => [address, { creationTime: sim.bootedAt() / 1_000, routeFlags: 'SLN' }]);
  return { groups: { [GROUP]: { groupSources: Object.fromEntries(sources) } } };
}

/** `show ip mroute count`. */
export function renderMrouteCount(sim: SimulatedSwitch): Record<string, unknown> {
  return { groups: 1, starG: 1, sG: multicastClients(sim).length };
}

/** `show ip msdp summary`. */
export function renderMsdpSummary(sim: SimulatedSwitch): Record<string, unknown> {
  const peers = sim.neighbors('default').filter(({ description }) => description?.startsWith('fabric-'));
  return { peers: Object.fromEntries(peers.map(({ address, remoteAs }) => [address, { state: 'Up', asNumber: remoteAs, saCount: 0 }])) };
}

/** `show ip msdp pim sa-cache`, `show ip msdp sa-cache`, `show ip msdp sa-cache rejected`. */
export function renderSaCache(): Record<string, unknown> {
  return { entries: [] };
}

function multicastClients(sim: SimulatedSwitch): readonly string[] {
  return sim
    .neighbors('default')
    .filter(({ description, state }) => state === 'established' && description?.startsWith('USER-'))
    .map(({ address }) => address);
}

/** The input of a rendering. */
export interface Scene {
  readonly sim: SimulatedSwitch;
  readonly faults: SwitchFaults;
  readonly eosQuirks: EosQuirks;
  /** Number of responses so far. */
  readonly answer: number;
}

/** `show ip bgp summary vrf …`: the shape of EOS 4.30 to 4.34, one object a VRF. */
export function renderSummary(scene: Scene, vrfs: readonly VrfName[]): Record<string, unknown> {
  const { faults, eosQuirks } = scene;
  if (eosQuirks.noBgp === 'warning') return { vrfs: {}, warnings: ['BGP inactive'] };
  if (eosQuirks.noBgp === 'no-vrfs' || faults.current('empty') !== undefined) return { vrfs: {} };
  const shown = vrfs.filter((vrf) => !faults.affects('vrf-missing', vrf));
  return { vrfs: Object.fromEntries(shown.map((vrf) => [vrf, renderVrf(scene, vrf)])) };
}

function renderVrf(scene: Scene, vrf: VrfName): Record<string, unknown> {
  const { sim, faults, eosQuirks, answer } = scene;
  const head = { vrf, routerId: `100.0.0.${1 + spread(vrf, 200)}`, asn: renderAs(LOCAL_AS, eosQuirks) };
  // A VRF object without `peers` is how a VRF that could not be read shows itself.
  if (faults.affects('vrf-failing', vrf)) return head;
  if (faults.current('wrong-types') !== undefined) return { ...head, peers: sim.neighbors(vrf).length };
  const peers: Record<string, unknown> = {};
  for (const neighbor of sim.neighbors(vrf)) peers[neighbor.address] = renderPeer(neighbor, sim.now(), answer, eosQuirks);
  if (vrf === 'default') {
    for (let index = 0; index < eosQuirks.ipv6Peers; index += 1) {
      const address = index % 2 === 0 ? `fe80::a8c1:abff:fe94:${(0x4171 + index).toString(16)}%Et${index + 1}` : `2001:db8::${index}`;
      const neighbor: SimulatedNeighbor = {
        address,
        vrf,
        remoteAs: LOCAL_AS,
        state: 'established',
        changedAt: sim.bootedAt(),
        establishedTransitions: 1,
        rttUs: 900,
      };
      peers[address] = renderPeer(neighbor, sim.now(), answer, eosQuirks);
    }
  }
  return { ...head, peers };
}

/** One peer, about a quarter of a kilobyte. */
function renderPeer(neighbor: SimulatedNeighbor, now: EpochMs, answer: number, eosQuirks: EosQuirks): Record<string, unknown> {
  const { address, state, idleReason, description, remoteAs, changedAt } = neighbor;
  const up = state === 'established';
  // `timers bgp 1 3`: a keepalive a second, each way.
  const keepalives = up ? Math.floor((now - changedAt) / 1_000) : 0;
  return {
    ...(state === 'idle' ? { peerStateIdleReason: idleReason ?? 'NoInterface' } : {}),
    ...(eosQuirks.descriptions && description !== undefined ? { description } : {}),
    version: 4,
    msgReceived: keepalives + spread(address, 9),
    msgSent: keepalives + spread(address, 7),
    inMsgQueue: 0,
    outMsgQueue: 0,
    asn: renderAs(remoteAs, eosQuirks),
    prefixAccepted: up ? 1 : 0,
    prefixReceived: up ? 1 : 0,
    upDownTime: renderChangeTime(changedAt, answer, eosQuirks),
    underMaintenance: false,
    peerState: EOS_STATES[state],
    ...(eosQuirks.descriptions ? { prefixAdvertised: up ? 180 : 0 } : {}),
  };
}

/**
 * `show ip bgp neighbors [<addr>] vrf …`: per VRF a list, a few kilobytes a peer, of IPv4-transport peers only. The fields are those of the
 * multi-agent model.
 */
export function renderNeighbors(scene: Scene, vrfs: readonly VrfName[], only?: string): Record<string, unknown> {
  const { sim, faults, eosQuirks } = scene;
  if (eosQuirks.noBgp === 'warning') return { vrfs: {}, warnings: ['BGP inactive'] };
  if (eosQuirks.noBgp === 'no-vrfs' || faults.current('empty') !== undefined) return { vrfs: {} };
  const rendered = vrfs
    .filter((vrf) => !faults.affects('vrf-missing', vrf))
    .map((vrf): [VrfName, unknown] => {
      const named = only === undefined ? undefined : sim.find(vrf, only);
      const asked = only === undefined ? sim.neighbors(vrf) : named === undefined ? [] : [named];
      const shown = asked.filter(({ address }) => isIPv4(address));
      return [vrf, { peerList: shown.map((neighbor) => renderNeighbor(scene, neighbor)) }];
    });
  return { vrfs: Object.fromEntries(rendered) };
}

function renderNeighbor(scene: Scene, neighbor: SimulatedNeighbor): Record<string, unknown> {
  const { sim, eosQuirks, faults } = scene;
  const { address, vrf, remoteAs, state, description, changedAt, establishedTransitions, lastError } = neighbor;
  const up = state === 'established';
  const seconds = Math.max(0, Math.floor((sim.now() - changedAt) / 1_000));
  const local = `169.254.${address.split('.')[2] ?? '0'}.${Math.max(0, Number(address.split('.')[3] ?? 1) - 1)}`;
  return {
    peerAddress: address,
    asn: renderAs(remoteAs, eosQuirks),
    localAsn: renderAs(LOCAL_AS, eosQuirks),
    linkType: remoteAs === LOCAL_AS ? 'internal' : 'external',
    ...(description === undefined ? {} : { description }),
    ...(state === 'idle'
      ? { idleReason: neighbor.idleReason === 'Admin' ? 'Administratively shut down' : 'Peer is not activated in any address-family mode' }
      : {}),
    routerId: up ? address : '0.0.0.0',
    localRouterId: `100.0.0.${1 + spread(vrf, 200)}`,
    vrf,
    version: 4,
    negotiatedVersion: up ? 4 : 0,
    updateGroupIndex: up ? spread(address, 40) : -1,
    peerInUpdateErrors: { inUpdErrWithdraw: 0, inUpdErrIgnore: 0, inUpdErrDisableAfiSafi: 0, disabledAfiSafi: 'none', lastUpdErrTime: 0 },
    lastRcvd: up ? 0 : seconds,
    lastSent: up ? 0 : seconds,
    holdTime: up ? 3 : 0,
    keepaliveTime: up ? 1 : 0,
    configHoldTime: 3,
    configKeepaliveTime: 1,
    minHoldTime: 3,
    configMinHoldTime: 3,
    ...(up ? { holdTimeLeft: 2, keepaliveTimeLeft: 0, ifName: `Tunnel${500 + spread(address, 128)}` } : {}),
    ...(up ? { establishedTime: seconds } : { connectInterval: 5, connectTimeLeft: 3, connectFailed: 0 }),
    ...(lastError === undefined
      ? {}
      : {
          lastErrorCode: lastError.code,
          lastErrorSubcode: lastError.subcode,
          lastErrorTimeInfo: { time: Math.floor(lastError.at / 1_000) },
        }),
    state: faults.current('wrong-types') === undefined ? EOS_STATES[state] : seconds,
    establishedTransitions,
    lastState: up ? 'OpenConfirm' : establishedTransitions > 0 ? 'Established' : 'Idle',
    lastEvent: up ? 'RecvKeepAlive' : 'Start',
    ...renderCapabilities(up),
    inMessageStats: messageStats(up ? seconds : 0, establishedTransitions),
    outMessageStats: messageStats(up ? seconds : 0, establishedTransitions),
    sentMessages: seconds + 2,
    receivedMessages: seconds + 2,
    prefixesSent: up ? 180 : 0,
    prefixesReceived: up ? 1 : 0,
    v4BestPaths: up ? 1 : 0,
    v4BestLuPaths: 0,
    v6PrefixesSent: 0,
    v6PrefixesReceived: 0,
    totalRoutesWarnLimit: 0,
    maxTotalRoutes: 1,
    dropStats: dropStats(),
    ttl: 1,
    maxTtlHops: 255,
    updateSource: local,
    localPort: up ? 179 : 0,
    remotePort: up ? 30_000 + spread(address, 30_000) : 0,
    afiSafiInfo: { ipv4Unicast: { sendEoR: true, receivedEoR: up, nexthopSelf: false, nexthopUnchanged: false, importRouteMap: '' } },
    autoLocalAddress: 'disabled',
    md5AuthEnabled: false,
    bfdEnabled: false,
    passive: true,
    underMaintenance: false,
    routeReflectorClient: false,
    isDynamic: false,
    ...renderTcpInfo(neighbor, eosQuirks),
  };
}

function renderCapabilities(up: boolean): Record<string, unknown> {
  const negotiated = { advertised: true, received: up, enabled: up };
  return {
    neighborCapabilities: {
      multiprotocolCaps: { ipv4Unicast: negotiated },
      ipv4UnicastAddPath: { send: false, receive: false },
      fourOctetAsnCap: negotiated,
      routeRefreshCap: negotiated,
      enhancedRouteRefreshCap: negotiated,
      extendedMessageCap: { advertised: false, received: false, enabled: false },
      gracefulRestartCap: { advertised: true, received: false, enabled: false, restartTime: 300, restarting: false, afiSafi: {} },
    },
    endOfRibs: { ipv4Unicast: { eorSent: up, eorReceived: up, eorSentTime: 0, eorReceivedTime: 0 } },
  };
}

function messageStats(keepalives: number, opens: number): Record<string, number> {
  return { opens, notifications: 0, updates: opens * 2, keepalives, rtRefreshes: 0, queueDepth: 0 };
}

/** Why received routes were dropped; all zero on a healthy peer, and always written out in full. */
function dropStats(): Record<string, number> {
  return {
    inDropAsloop: 0,
    inDropClusterIdLoop: 0,
    inDropMalformedMpbgp: 0,
    inDropOrigId: 0,
    inDropNhLocal: 0,
    inDropNhAfV4: 0,
    inDropNhAfV6: 0,
    inDropEnforceFirstAs: 0,
    prefixDroppedMartianV4: 0,
    prefixDroppedMaxRouteLimitViolatedV4: 0,
    prefixDroppedMartianV6: 0,
    prefixLuDroppedV4: 0,
    prefixLuDroppedMartianV4: 0,
    prefixLuDroppedMaxRouteLimitViolatedV4: 0,
    prefixEvpnDroppedUnsupportedRouteType: 0,
  };
}

/** `show version`, as cEOS 4.33 answers. */
export function renderVersion(sim: SimulatedSwitch): Record<string, unknown> {
  const mac = `00:1c:73:${[3, 5, 7].map((salt) => (spread(`${sim.hostname}${salt}`, 256) | 0x10).toString(16)).join(':')}`;
  return {
    mfgName: 'Arista',
    modelName: 'cEOSLab',
    hardwareRevision: '',
    serialNumber: `SIM${spread(sim.hostname, 1_000_000).toString().padStart(8, '0')}`,
    systemMacAddress: mac,
    hwMacAddress: '00:00:00:00:00:00',
    configMacAddress: '00:00:00:00:00:00',
    version: '4.33.1F-39879738.4331F (engineering build)',
    architecture: 'x86_64',
    internalVersion: '4.33.1F-39879738.4331F',
    internalBuildId: '7d1b8a4c-0000-4000-8000-000000000000',
    imageFormatVersion: '1.0',
    imageOptimization: 'None',
    kernelVersion: '6.1.0',
    cEosToolsVersion: '(unknown)',
    bootupTimestamp: sim.bootedAt() / 1_000,
    uptime: Number(((sim.now() - sim.bootedAt()) / 1_000).toFixed(2)),
    memTotal: 16_299_220,
    memFree: 9_120_112,
    isIntlVersion: false,
  };
}

export function renderHostname(sim: SimulatedSwitch): Record<string, unknown> {
  return { hostname: sim.hostname, fqdn: sim.hostname };
}

export function renderVrfs(sim: SimulatedSwitch): Record<string, unknown> {
  const protocol = { supported: true, protocolState: 'up', routingState: 'up' };
  const vrfs = sim.vrfs().map((vrf, index) => [
    vrf,
    {
      routeDistinguisher: vrf === 'default' ? '' : `65342:${index}`,
      protocols: { ipv4: protocol, ipv6: { ...protocol, routingState: 'down' } },
      vrfState: 'up',
      interfacesV4: [],
      interfacesV6: [],
      interfaces: [],
    },
  ]);
  return { vrfs: Object.fromEntries(vrfs) };
}

export function renderClock(sim: SimulatedSwitch): Record<string, unknown> {
  const now = new Date(sim.now());
  return {
    utcTime: sim.now() / 1_000,
    timezone: 'UTC',
    localTime: {
      year: now.getUTCFullYear(),
      month: now.getUTCMonth() + 1,
      dayOfMonth: now.getUTCDate(),
      hour: now.getUTCHours(),
      min: now.getUTCMinutes(),
      sec: now.getUTCSeconds(),
      dayOfWeek: (now.getUTCDay() + 6) % 7,
      dayOfYear: Math.floor((now.getTime() - Date.UTC(now.getUTCFullYear(), 0, 1)) / 86_400_000) + 1,
      daylightSavingsAdjust: 0,
    },
    clockSource: { local: true },
  };
}
