import { isDeepStrictEqual } from 'node:util';
import type { AgentConfig } from './schema.ts';
import { member, plainSettings, settingTree } from './setting-tree.ts';

export interface KeptUntilRestart {
  /** The new configuration with the values of the running one where a reload changes nothing. */
  readonly config: AgentConfig;
  /** Keys that were changed and wait for a restart, in the order of the schema. */
  readonly waiting: readonly string[];
}

/**
 * What of a configuration that was read again can be taken by a reload. The key, the device, the log and the window outlive it: the agent is
 * built anew between them.
 */
export function keepUntilRestart(running: AgentConfig, read: AgentConfig): KeptUntilRestart {
  const waiting = plainSettings(settingTree())
    .filter(({ key, meta }) => !meta.reloadable && !isDeepStrictEqual(valueAt(running, key), valueAt(read, key)))
    .map(({ key }) => key);
  const { keypair: _, ...rest } = read;
  const { device, keypair, http, log } = running;
  return { config: { ...rest, device, http, log, ...(keypair === undefined ? {} : { keypair }) }, waiting };
}

const valueAt = (config: AgentConfig, key: string): unknown => key.split('.').reduce<unknown>(member, config);
