/*
 * A simulated switch in a process of its own, so that what the bench measures is the reading alone.
 *
 *   bench ── neighbors ──► this process ── ports of its faces ──► bench;   'bytes' ──► what each face has been asked and has answered
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createSimulatedEapi,
  createSimulatedGrpc,
  createSimulatedSnmp,
  createSimulatedSs,
  createSimulatedSwitch,
  createSwitchFaults,
} from '../../localnet/switch/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { type Relay, tcpRelay, udpRelay } from './relay.ts';
import { addressOfNeighbor, COMMUNITY, type SwitchFaces, VRFS } from './switch-faces.ts';

let folder: string | undefined;
let relays: Readonly<Record<'eapi' | 'grpc' | 'snmp', Relay>> | undefined;

async function start(neighbors: number): Promise<SwitchFaces> {
  const sim = createSimulatedSwitch({ clock: systemClock });
  const faults = createSwitchFaults();
  for (const vrf of VRFS) sim.addVrf(vrf);
  for (let n = 0; n < neighbors; n += 1) {
    const { vrf, address } = addressOfNeighbor(n);
    sim.configure({ vrf, address, remoteAs: 65_000, description: `USER-${500 + n}`, rttUs: 900 + n });
    sim.establish(vrf, address);
  }
  const eapi = await createSimulatedEapi({ switch: sim, faults }).start();
  const grpc = await createSimulatedGrpc({ switch: sim, faults }).start();
  const snmp = await createSimulatedSnmp({ switch: sim, faults, community: COMMUNITY }).start();
  relays = { eapi: await tcpRelay(Number(new URL(eapi.url).port)), grpc: await tcpRelay(grpc.port), snmp: await udpRelay(snmp.port) };

  folder = await mkdtemp(join(tmpdir(), 'dzd-bench-'));
  const netns = join(folder, 'netns');
  const printed = join(folder, 'printed');
  await mkdir(netns);
  await mkdir(printed);
  const ss = createSimulatedSs({ switch: sim, faults });
  for (const namespace of await ss.list()) {
    await writeFile(join(netns, namespace), '');
    await writeFile(join(printed, namespace), await ss.sockets(namespace, new AbortController().signal));
  }
  const ip = join(folder, 'ip');
  await writeFile(ip, `#!/bin/sh\nexec cat "${printed}/$3"\n`, { mode: 0o755 });
  return { eapi: relays.eapi.port, grpc: relays.grpc.port, snmp: relays.snmp.port, netns, ip, ssBytes: ss.bytesOut() };
}

process.on('message', (request: { readonly neighbors: number } | 'bytes' | 'stop') => {
  if (request === 'bytes') process.send?.({ eapi: relays?.eapi.bytes(), grpc: relays?.grpc.bytes(), snmp: relays?.snmp.bytes() });
  else if (request === 'stop') void rm(folder ?? '', { recursive: true, force: true }).finally(() => process.exit(0));
  else void start(request.neighbors).then((protocols) => process.send?.(protocols));
});
