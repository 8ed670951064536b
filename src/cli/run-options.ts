import { environmentNameOf, plainSettings, settingTree } from '../config/index.ts';
import type { CommandBody, OptionSpec } from './command.ts';
import { choiceOption, isOn, type OptionValues, textOption } from './option-values.ts';

export interface RunOptions {
  /** The file that `--config` names. */
  readonly configFile?: string;
  /** Flags that are settings, as they were written, by setting. */
  readonly settings: Readonly<Record<string, string>>;
  /** Print each intended write instead of sending it. */
  readonly dryRun: boolean;
  /** End after the first tick and what it wrote. */
  readonly once: boolean;
  readonly output: 'table' | 'json';
}

export type RunBody = CommandBody<RunOptions>;

/** Settings that the help text shows, and what stands for their value. */
const PROMINENT: Readonly<Record<string, Pick<OptionSpec, 'value' | 'alias'>>> = {
  env: { value: 'NAME' },
  device: { value: 'PUBKEY' },
  keypair: { value: 'FILE' },
  'log.level': { value: 'LEVEL', alias: 'log-level' },
  'log.format': { value: 'FORMAT', alias: 'log-format' },
};

export function readRunOptions(values: OptionValues): RunOptions {
  const configFile = textOption(values, 'config');
  return {
    ...(configFile === undefined ? {} : { configFile }),
    settings: settingsOf(values),
    dryRun: isOn(values, 'dry-run'),
    once: isOn(values, 'once'),
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

export function settingOptions(): Readonly<Record<string, OptionSpec>> {
  const options = plainSettings(settingTree()).map(({ key, meta, default: standard }) => {
    const prominent = PROMINENT[key];
    const group = prominent === undefined ? { group: 'Settings (see docs/configuration.md):', hidden: true } : {};
    const byDefault = typeof standard === 'object' || standard === undefined ? '' : `, by default ${String(standard)}`;
    return [
      key,
      { type: 'string', describe: `${meta.description} Also ${environmentNameOf(key)}${byDefault}`, ...group, ...prominent },
    ] as const;
  });
  return Object.fromEntries(options);
}

/** Flags that are settings, as they were written, by setting. */
export function settingsOf(values: OptionValues): Readonly<Record<string, string>> {
  const given = plainSettings(settingTree()).flatMap(({ key }) => {
    const text = textOption(values, key);
    return text === undefined ? [] : [[key, text] as const];
  });
  return Object.fromEntries(given);
}
