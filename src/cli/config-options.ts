import { type LoadedConfig, loadConfig } from '../config/index.ts';
import type { CommandIo, OptionSpec } from './command.ts';
import { type OptionValues, textOption } from './option-values.ts';
import { settingOptions, settingsOf } from './run-options.ts';

/** Which configuration a command works by. */
export interface ConfigChoice {
  /** The file that `--config` names. */
  readonly configFile?: string;
  /** Flags that are settings, as they were written, by setting. */
  readonly settings: Readonly<Record<string, string>>;
}

/** `--config`, and every setting as a flag. */
export function configOptions(): Readonly<Record<string, OptionSpec>> {
  return { config: { type: 'string', value: 'FILE', describe: 'Configuration file; also DZD_CONFIG' }, ...settingOptions() };
}

export function readConfigChoice(values: OptionValues): ConfigChoice {
  const configFile = textOption(values, 'config');
  return { ...(configFile === undefined ? {} : { configFile }), settings: settingsOf(values) };
}

/** Loads it as `run` would. Throws AgentError `CONFIG__…`. */
export function loadChosen({ configFile, settings }: ConfigChoice, { environment }: Pick<CommandIo, 'environment'>): LoadedConfig {
  return loadConfig({ ...(configFile === undefined ? {} : { file: configFile }), flags: settings, environment });
}
