import type { SimulatedSwitch } from '../simulated-switch.ts';
import { spread } from './render-values.ts';

/*
 * What raw snapshots are taken of. Whoever takes them passes them on unread: these answers are drawn from the simulation and have something to
 * say, but their models are not those of EOS.
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
