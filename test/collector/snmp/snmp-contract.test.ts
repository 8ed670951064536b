import { createSimulatedSnmp } from '../../../localnet/switch/snmp.ts';
import type { SimulatedSnmpUser } from '../../../localnet/switch/snmp-usm.ts';
import type { SwitchSource } from '../../../src/collector/index.ts';
import type { SnmpUser } from '../../../src/collector/snmp/session.ts';
import { createSnmpSource } from '../../../src/collector/snmp/source.ts';
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
  readonly faults: SourceHarness['fatalFaults'];
}

/** Over UDP `refuse` is the same silence as `hang`. */
const FATAL_FAULTS: SourceHarness['fatalFaults'] = [
  { kind: 'hang' },
  { kind: 'cut' },
  { kind: 'garbage' },
  { kind: 'wrong-types' },
  { kind: 'wrong-request-id' },
  { kind: 'empty' },
];

/** Those that differ by the table that is read. */
const TABLE_FAULTS = FATAL_FAULTS.filter(({ kind }) => ['hang', 'wrong-types', 'empty'].includes(kind));

function harness({ version, mib, vrfs, faults: fatalFaults }: Setting): SourceHarness {
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
    fatalFaults,
    readsRtts: false,
    readsDescriptions: mib === 'arista',
  };
}

describeSwitchSource(
  'SNMPv2c with BGP4-MIB',
  harness({ version: '2c', mib: 'bgp4', vrfs: ['default', 'vrf1', 'vrf2'], faults: FATAL_FAULTS }),
);
describeSwitchSource('SNMPv2c with ARISTA-BGP4V2-MIB', harness({ version: '2c', mib: 'arista', vrfs: 'auto', faults: TABLE_FAULTS }));
// Over SNMPv3 the number that counts is the message's, which is authenticated.
const V3_FAULTS = FATAL_FAULTS.filter(({ kind }) => kind !== 'wrong-request-id');
describeSwitchSource('SNMPv3 with ARISTA-BGP4V2-MIB', harness({ version: '3', mib: 'arista', vrfs: 'auto', faults: V3_FAULTS }));
