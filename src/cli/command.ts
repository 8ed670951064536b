import { environmentNameOf, type LoadedConfig, loadConfig, nearest, parseDuration, plainSettings, settingTree } from '../config/index.ts';
import { AgentError } from '../lib/index.ts';

/** What the command line says, by the option's name; absent when it says nothing. */
export type OptionValues = Readonly<Record<string, string | boolean>>;

export const usage = (problem: string): AgentError => new AgentError('CONFIG__USAGE', { problem });

/** Whether a switch was given. */
export function isOn(values: OptionValues, name: string): boolean {
  return values[name] === true;
}

/** The text of an option, or undefined. Throws AgentError `CONFIG__USAGE` when the option stands without one. */
export function textOption(values: OptionValues, name: string): string | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  if (typeof value === 'boolean' || value === '') throw usage(`--${name} needs a value`);
  return value;
}

/** A whole number within inclusive bounds, or undefined. Throws AgentError `CONFIG__USAGE`. */
export function wholeNumberOption(
  values: OptionValues,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const text = textOption(values, name);
  if (text === undefined) return undefined;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw usage(`--${name}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`);
}

/** A time in milliseconds, more than none, or undefined. Throws AgentError `CONFIG__USAGE`. */
export function durationOption(values: OptionValues, name: string): number | undefined {
  const text = textOption(values, name);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0 && ms <= MAX_TIMER_MS) return ms;
  throw usage(`--${name}: expected a duration such as "30s" of at most 24d, got ${JSON.stringify(text)}`);
}

/** The runtime's timers hold 31 bits. */
const MAX_TIMER_MS = 24 * 86_400_000;

/** One of a few names, the first of them when the option is absent. Throws AgentError `CONFIG__USAGE`. */
export function choiceOption<const T extends string>(values: OptionValues, name: string, choices: readonly [T, ...T[]]): T {
  const text = textOption(values, name);
  if (text === undefined) return choices[0];
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  const near = nearest(text, choices);
  const hint = near === undefined ? '' : `, did you mean "${near}"?`;
  throw usage(`--${name}: expected ${choices.join(' or ')}, got ${JSON.stringify(text)}${hint}`);
}

/** A stream that text goes to. Writing to one that was closed does nothing. */
export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Whether it leads to systemd's journal, which takes a priority before each line. */
  readonly isJournal?: boolean;
  /** Of a terminal. */
  readonly columns: number | undefined;
}

/** Everything of the process that a command may touch. */
export interface CommandIo {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts with a Stopped at the first SIGINT or SIGTERM, and when the reader of standard output has gone. */
  readonly signal: AbortSignal;
  /** Calls the listener at each SIGHUP; without one, SIGHUP ends the process as usual. */
  readonly onHangup: (listener: () => void) => void;
  readonly version: string;
}

/** 0: done; 1: failed at run time; 2: bad usage or configuration. */
export type ExitCode = 0 | 1 | 2;

/** Runs a command to its end. Throws AgentError; a `CONFIG__…` one means exit code 2, any other 1. */
export type CommandBody<Options> = (options: Options, io: CommandIo) => Promise<ExitCode>;

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly describe: string;
  /** What stands for the value in the help text. */
  readonly value?: string;
  readonly alias?: string;
  readonly group?: string;
  /** Left out of the help text but for `--help --show-settings`. */
  readonly hidden?: boolean;
}

/** A word that follows the command's name. It is handed on beside the options, under its name. */
interface ArgumentSpec {
  readonly name: string;
  readonly describe: string;
  /** None, one or several words; they are handed on with a line feed between them. */
  readonly many?: boolean;
}

interface CommandDefinition<Options> {
  readonly name: string;
  readonly describe: string;
  /** The one word that the command takes; most take none. */
  readonly argument?: ArgumentSpec;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Checks the values of the flags. Throws AgentError `CONFIG__USAGE`. */
  readonly read: (values: OptionValues) => Options;
  /** Imports the body, so that only the command that runs costs memory and time. */
  readonly load: () => Promise<CommandBody<Options>>;
}

/** A command with its types closed over. */
export interface Command {
  readonly name: string;
  readonly describe: string;
  readonly argument?: ArgumentSpec;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Checks the values at once, and returns what runs the command. Throws AgentError `CONFIG__USAGE`. */
  prepare(values: OptionValues): (io: CommandIo) => Promise<ExitCode>;
}

export function defineCommand<Options>({ name, describe, argument, options, read, load }: CommandDefinition<Options>): Command {
  return {
    name,
    describe,
    ...(argument === undefined ? {} : { argument }),
    options,
    prepare(values) {
      const parsed = read(values);
      return async (io) => (await load())(parsed, io);
    },
  };
}

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
function settingsOf(values: OptionValues): Readonly<Record<string, string>> {
  const given = plainSettings(settingTree()).flatMap(({ key }) => {
    const text = textOption(values, key);
    return text === undefined ? [] : [[key, text] as const];
  });
  return Object.fromEntries(given);
}

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
