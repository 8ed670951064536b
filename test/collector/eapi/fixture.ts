import {
  createSimulatedEapi,
  createSimulatedSwitch,
  createSwitchFaults,
  type EapiAddresses,
  type SimulatedEapi,
  type SimulatedEapiOptions,
  type SimulatedSwitch,
  type SwitchFaults,
} from '../../../localnet/switch/index.ts';
import { createEapiSource, type EapiSource, type EapiSourceOptions } from '../../../src/collector/eapi/source.ts';
import { systemClock } from '../../../src/lib/index.ts';

export const USER = { username: 'telemetry', password: 'only-for-this-test' };

export interface EapiFixture extends EapiAddresses {
  readonly sim: SimulatedSwitch;
  readonly faults: SwitchFaults;
  readonly server: SimulatedEapi;
  readonly source: EapiSource;
  end(): Promise<void>;
}

/** A switch with `169.254.0.1` Established and `169.254.0.3` Active in vrf1, its eAPI, and a source that reads it. */
export async function startEapiFixture(
  server: Partial<SimulatedEapiOptions> = {},
  options: (at: EapiAddresses) => Partial<EapiSourceOptions> = () => ({}),
): Promise<EapiFixture> {
  const sim = createSimulatedSwitch({ clock: systemClock });
  const faults = createSwitchFaults();
  sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000, description: 'USER-500', rttUs: 4_287 });
  sim.configure({ vrf: 'vrf1', address: '169.254.0.3', remoteAs: 65_000, description: 'USER-501' });
  sim.establish('vrf1', '169.254.0.1');
  const eapi = createSimulatedEapi({ switch: sim, faults, ...server });
  const addresses = await eapi.start();
  const source = createEapiSource({ endpoint: addresses.url, clock: systemClock, timeoutMs: 5_000, ...options(addresses) });
  return {
    sim,
    faults,
    server: eapi,
    ...addresses,
    source,
    async end() {
      await source.close();
      await eapi.stop();
    },
  };
}

export const never = new AbortController().signal;
