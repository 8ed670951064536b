import { createSimulatedSs } from '../../../localnet/switch/index.ts';
import { createSocketsSource } from '../../../src/collector/sockets/source.ts';
import { describeSwitchSource } from '../source-contract.ts';

describeSwitchSource('Kernel sockets', {
  async start({ sim, faults, clock, timeoutMs }) {
    const namespaces = createSimulatedSs({ switch: sim, faults, clock });
    const source = createSocketsSource({ folder: '/run/simulated-netns', namespaces, timeoutMs, clock });
    // A host without the namespaces is one whose switch has stopped.
    return { source, where: '/run/simulated-netns', stop: async () => void faults.begin({ kind: 'refuse' }) };
  },
  fatalFaults: [{ kind: 'refuse' }, { kind: 'hang' }, { kind: 'cut' }, { kind: 'garbage' }, { kind: 'wrong-types' }, { kind: 'empty' }],
  readsDescriptions: false,
  seesHiddenFlaps: false,
  seesSessionsThatAreDown: false,
});
