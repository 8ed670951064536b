import { createSnmpSource } from '../../../src/collector/index.ts';
import { createSimulatedSnmp } from '../../../src/localnet/dzd/snmp/index.ts';
import { describeSwitchSource } from '../source-contract.ts';

/** SNMP has no connection to lose, so each fault costs the whole of its bound. */
const LONGEST_WAIT_MS = 1_000;

describeSwitchSource('SNMPv2c', {
  async start({ sim, faults, clock, timeoutMs }) {
    const agent = createSimulatedSnmp({ switch: sim, faults, community: 'telemetry', clock });
    const { host, port } = await agent.start();
    const source = createSnmpSource({
      name: 'snmp',
      host,
      port,
      community: 'telemetry',
      vrfs: ['default', 'vrf1', { vrf: 'vrf2', community: 'telemetry@vrf2' }],
      timeoutMs: Math.min(timeoutMs, LONGEST_WAIT_MS),
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
    { kind: 'wrong-request-id' },
    { kind: 'empty' },
  ],
  readsRtts: false,
  readsDescriptions: false,
});
