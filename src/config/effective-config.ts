import { formatDuration } from './duration.ts';
import { redactUrl } from './endpoints.ts';
import type { AgentConfig } from './schema.ts';
import { isMapping, mapSettings, type SettingNode, settingTree } from './setting-tree.ts';

/**
 * The configuration as it could be written in a file, fit to be printed: durations with units, secrets as [hidden], ledger addresses without
 * the part that may be a token.
 */
export function effectiveConfig(config: AgentConfig): Readonly<Record<string, unknown>> {
  const printed = mapSettings(settingTree(), config, print);
  return isMapping(printed) ? printed : {};
}

function print({ meta }: SettingNode, value: unknown): unknown {
  if (meta.secret) return '[hidden]';
  if (meta.form === 'urls' && Array.isArray(value)) return value.map((url) => redactUrl(String(url)));
  if (meta.form === 'duration' && typeof value === 'number') return formatDuration(value);
  return typeof value === 'bigint' ? Number(value) : value;
}
