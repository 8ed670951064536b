import { createSimulatedSnmp } from '../../../localnet/switch/snmp.ts';
import type { SimulatedSnmpUser } from '../../../localnet/switch/snmp-usm.ts';
import { createSnmpSource, type SnmpUser, type SwitchSource } from '../../../src/collector/index.ts';
import { describeSwitchSource, type SourceFixture, type SourceHarness } from '../source-contract.ts';

/** SNMP has no connection to lose, so a VRF that the switch leaves out costs the whole of its bound: the suite's is made shorter. */
const TIMEOUT_MS = 4_000;

const USER: SnmpUser & SimulatedSnmpUser = {
  name: 'telemetry',
  auth: { protocol: 'sha256', password: 'authentic-words' },
  priv: { protocol: 'aes', password: 'private-words' },
};

interface Setting {
  readonly version: '2c' | '3';
  readonly mib: 'bgp4' | 'arista';
  readonly vrfs: 'auto' | readonly string[];
}

function harness({ version, mib, vrfs }: Setting): SourceHarness {
  return {
    async start({ sim, faults, clock }: SourceFixture) {
      const agent = createSimulatedSnmp({ switch: sim, faults, community: 'telemetry', user: USER, clock });
      const { host, port } = await agent.start();
      const source: SwitchSource = createSnmpSource({
        name: 'snmp',
        host,
        port,
        ...(version === '3' ? { user: USER } : { community: 'telemetry' }),
        vrfs,
        mib,
        timeoutMs: TIMEOUT_MS,
        maxRows: 5_000,
        clock,
      });
      return { source, where: `${host}:${port}`, stop: () => agent.stop() };
    },
    // Over UDP `refuse` is the same silence as `hang`.
    fatalFaults: [
      { kind: 'hang' },
      { kind: 'cut' },
      { kind: 'garbage' },
      { kind: 'wrong-types' },
      // Over SNMPv3 the number that counts is the message's, which is authenticated.
      ...(version === '3' ? [] : [{ kind: 'wrong-request-id' } as const]),
      { kind: 'empty' },
    ],
    readsRtts: false,
    readsDescriptions: mib === 'arista',
  };
}

describeSwitchSource('SNMPv2c with BGP4-MIB', harness({ version: '2c', mib: 'bgp4', vrfs: ['default', 'vrf1', 'vrf2'] }));
describeSwitchSource('SNMPv2c with ARISTA-BGP4V2-MIB', harness({ version: '2c', mib: 'arista', vrfs: 'auto' }));
describeSwitchSource('SNMPv3 with ARISTA-BGP4V2-MIB', harness({ version: '3', mib: 'arista', vrfs: 'auto' }));
