import { isIPv4 } from 'node:net';
import type { VrfName } from '../../../bgp/index.ts';
import type { SimulatedNeighbor } from '../simulated-switch.ts';
import type { Scene } from './render-summary.ts';
import { renderTcpInfo } from './render-tcp-info.ts';
import { EOS_STATES, LOCAL_AS, renderAs, spread } from './render-values.ts';

/**
 * `show ip bgp neighbors [<addr>] vrf …`: per VRF a list, a few kilobytes a peer, of IPv4-transport peers only. The fields are those of the
 * multi-agent model.
 */
export function renderNeighbors(scene: Scene, vrfs: readonly VrfName[], only?: string): Record<string, unknown> {
  const { sim, faults, oddities } = scene;
  if (oddities.noBgp === 'warning') return { vrfs: {}, warnings: ['BGP inactive'] };
  if (oddities.noBgp === 'no-vrfs' || faults.current('empty') !== undefined) return { vrfs: {} };
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
  const { sim, oddities, faults } = scene;
  const { address, vrf, remoteAs, state, description, changedAt, establishedTransitions } = neighbor;
  const up = state === 'established';
  const seconds = Math.max(0, Math.floor((sim.now() - changedAt) / 1_000));
  const local = `169.254.${address.split('.')[2] ?? '0'}.${Math.max(0, Number(address.split('.')[3] ?? 1) - 1)}`;
  return {
    peerAddress: address,
    asn: renderAs(remoteAs, oddities),
    localAsn: renderAs(LOCAL_AS, oddities),
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
    ...renderTcpInfo(neighbor, oddities),
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
