import type { VrfName } from '../../../bgp/index.ts';
import type { EpochMs } from '../../../lib/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch } from '../simulated-switch.ts';
import type { SwitchFaults } from '../switch-faults.ts';
import type { EapiOddities } from './oddities.ts';
import { EOS_STATES, LOCAL_AS, renderAs, renderChangeTime, spread } from './render-values.ts';

/** What a rendering draws from. */
export interface Scene {
  readonly sim: SimulatedSwitch;
  readonly faults: SwitchFaults;
  readonly oddities: EapiOddities;
  /** How many answers this face has given. */
  readonly answer: number;
}

/** `show ip bgp summary vrf …`: the shape of EOS 4.30 to 4.34, one object a VRF. */
export function renderSummary(scene: Scene, vrfs: readonly VrfName[]): Record<string, unknown> {
  const { faults, oddities } = scene;
  if (oddities.noBgp === 'warning') return { vrfs: {}, warnings: ['BGP inactive'] };
  if (oddities.noBgp === 'no-vrfs' || faults.current('empty') !== undefined) return { vrfs: {} };
  const shown = vrfs.filter((vrf) => !faults.affects('vrf-missing', vrf));
  return { vrfs: Object.fromEntries(shown.map((vrf) => [vrf, renderVrf(scene, vrf)])) };
}

function renderVrf(scene: Scene, vrf: VrfName): Record<string, unknown> {
  const { sim, faults, oddities, answer } = scene;
  const head = { vrf, routerId: `100.0.0.${1 + spread(vrf, 200)}`, asn: renderAs(LOCAL_AS, oddities) };
  // A VRF object without `peers` is how a VRF that could not be read shows itself.
  if (faults.affects('vrf-failing', vrf)) return head;
  if (faults.current('wrong-types') !== undefined) return { ...head, peers: sim.neighbors(vrf).length };
  const peers: Record<string, unknown> = {};
  for (const neighbor of sim.neighbors(vrf)) peers[neighbor.address] = renderPeer(neighbor, sim.now(), answer, oddities);
  if (vrf === 'default') {
    for (let index = 0; index < oddities.ipv6Peers; index += 1) {
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
      peers[address] = renderPeer(neighbor, sim.now(), answer, oddities);
    }
  }
  return { ...head, peers };
}

/** One peer, about a quarter of a kilobyte. */
function renderPeer(neighbor: SimulatedNeighbor, now: EpochMs, answer: number, oddities: EapiOddities): Record<string, unknown> {
  const { address, state, idleReason, description, remoteAs, changedAt } = neighbor;
  const up = state === 'established';
  // `timers bgp 1 3`: a keepalive a second, each way.
  const keepalives = up ? Math.floor((now - changedAt) / 1_000) : 0;
  return {
    ...(state === 'idle' ? { peerStateIdleReason: idleReason ?? 'NoInterface' } : {}),
    ...(oddities.descriptions && description !== undefined ? { description } : {}),
    version: 4,
    msgReceived: keepalives + spread(address, 9),
    msgSent: keepalives + spread(address, 7),
    inMsgQueue: 0,
    outMsgQueue: 0,
    asn: renderAs(remoteAs, oddities),
    prefixAccepted: up ? 1 : 0,
    prefixReceived: up ? 1 : 0,
    upDownTime: renderChangeTime(changedAt, answer, oddities),
    underMaintenance: false,
    peerState: EOS_STATES[state],
    ...(oddities.descriptions ? { prefixAdvertised: up ? 180 : 0 } : {}),
  };
}
