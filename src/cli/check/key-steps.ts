import type { AgentConfig, LoadedConfig } from '../../config/index.ts';
import { isAgentError } from '../../lib/index.ts';
import { DeviceStatus, deviceStatusName } from '../../serviceability/index.ts';
import type { Lookups } from './lookups.ts';
import { fail, ok, Skip, type Step, warn } from './step.ts';
import { effectiveSources } from './words.ts';

/** The configuration itself: it was loaded, or there would be no check. */
export function configurationStep({ config, file, warnings }: LoadedConfig): Step {
  return {
    name: 'configuration',
    look() {
      const what = `${file ?? 'no file'}: network ${config.env}, ${effectiveSources(config)}`;
      if (warnings.length === 0) return ok(what);
      return warn(warnings.join('; '), 'correct what is named, or leave it if it is meant; docs/configuration.md lists every key');
    },
  };
}

export function keySteps({ device }: AgentConfig, { key, authority, given }: Lookups): readonly Step[] {
  return [
    {
      name: 'key',
      look() {
        const { keypair, warnings } = key();
        if (warnings.length > 0) return warn(warnings.join('; '), 'let nobody but the user of this process read it: chmod 400');
        return ok(`${keypair.address}, readable by its owner only`);
      },
    },
    {
      name: 'device',
      async look() {
        const { code, status } = await authority();
        const what = `${code} is ${deviceStatusName(status)}`;
        if (status === DeviceStatus.activated) return ok(what);
        if (status === DeviceStatus.drained)
          return warn(
            what,
            "the controller shuts the sessions of a drained device's users down, so they are reported down; undrain it if that is not meant",
          );
        return fail(what, `have its contributor activate it; \`doublezero device get --code ${code}\` shows it`);
      },
    },
    {
      name: 'publisher',
      async look() {
        const address = ownAddress(key);
        const { metricsPublisher, code } = await given('the device', authority());
        if (metricsPublisher === address) return ok(`the key is the metrics publisher of ${code}`);
        return fail(
          `device ${device} takes reports from its metrics publisher ${metricsPublisher} only, and our key is ${address}`,
          'load the key that the device names, or have its contributor set ours as the metrics publisher (`doublezero device update`)',
        );
      },
    },
  ];
}

/** Throws Skip without a key: why there is none is a finding of its own. */
function ownAddress(key: Lookups['key']) {
  try {
    return key().keypair.address;
  } catch (error) {
    if (isAgentError(error)) throw new Skip('there is no key to compare');
    throw error;
  }
}
