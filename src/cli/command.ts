import {
  didYouMean,
  environmentNameOf,
  type LoadedConfig,
  loadConfig,
  parseDuration,
  plainSettings,
  settingTree,
} from '../config/index.ts';
import { AgentError } from '../lib/index.ts';

/** The values of the options, by name; an option that was not given is absent. */
export type OptionValues = Readonly<Record<string, string | boolean>>;

export const usage = (problem: string): AgentError => new AgentError('CONFIG__USAGE', { problem });

/** Whether a boolean option was given. */
export function isOn(values: OptionValues, name: string): boolean {
  return values[name] === true;
}

/** The text of an option, or undefined. Throws AgentError `CONFIG__USAGE` for an option without a value. */
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

/** A time in milliseconds above 0, or undefined. Throws AgentError `CONFIG__USAGE`. */
export function durationOption(values: OptionValues, name: string): number | undefined {
  const text = textOption(values, name);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0 && ms <= MAX_TIMER_MS) return ms;
  throw usage(`--${name}: expected a duration above 0 and up to 24d, such as "30s", got ${JSON.stringify(text)}`);
}

/** The runtime's timers hold 31 bits. */
const MAX_TIMER_MS = 24 * 86_400_000;

/** One of a few names; by default the first. Throws AgentError `CONFIG__USAGE`. */
export function choiceOption<const T extends string>(values: OptionValues, name: string, choices: readonly [T, ...T[]]): T {
  const text = textOption(values, name);
  if (text === undefined) return choices[0];
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw usage(`--${name}: expected ${choices.join(' or ')}, got ${JSON.stringify(text)}${didYouMean(text, choices)}`);
}

/** A stream for text. Writing to a closed one does nothing. */
export interface Output {
  write(text: string): void;
  /** Absent for a terminal, which cannot show them. */
  writeBytes?(bytes: Uint8Array): void;
  readonly isTerminal: boolean;
  /** Whether it leads to systemd's journal, where each line begins with its priority. */
  readonly isJournal?: boolean;
  /** Width of the terminal. */
  readonly columns: number | undefined;
}

/** The only parts of the process that a command may use. */
export interface CommandIo {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts with a Stopped at the first SIGINT or SIGTERM, and when standard output is closed. */
  readonly signal: AbortSignal;
  /** Calls this listener at each SIGHUP from now on; without one, SIGHUP aborts `signal`. */
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
  /** Placeholder of the value in the help. */
  readonly value?: string;
  readonly alias?: string;
  readonly group?: string;
  /** Only in `--help --show-settings`. */
  readonly hidden?: boolean;
}

/** A command line without the program's name, and what it does. */
export type Example = readonly [line: string, describe: string];

/** The help of one verb, such as `user create`. */
export interface VerbHelp {
  /** The words that follow it. */
  readonly takes: string;
  readonly describe: string;
  /** Those of the command's options that it takes. */
  readonly options: readonly string[];
  readonly examples: readonly Example[];
}

interface CommandHelp {
  readonly name: string;
  readonly describe: string;
  readonly examples?: readonly Example[];
  /** First words of the argument that have a help of their own. */
  readonly verbs?: Readonly<Record<string, VerbHelp>>;
  /** A word after the command's name; with `many` any number of them, joined by line feeds. Commands get it among the values of the options. */
  readonly argument?: { readonly name: string; readonly describe: string; readonly many?: boolean; readonly optional?: boolean };
  readonly options: Readonly<Record<string, OptionSpec>>;
}

/** A command whose option types are hidden. */
export interface Command extends CommandHelp {
  /** Checks the values at once, and returns a function that runs the command. Throws AgentError `CONFIG__USAGE`. */
  prepare(values: OptionValues): (io: CommandIo) => Promise<ExitCode>;
}

/** `read` checks the values of the options. `load` imports the body, so that only the command that runs costs memory and time. */
export function defineCommand<Options>({
  read,
  load,
  ...help
}: CommandHelp & { readonly read: (values: OptionValues) => Options; readonly load: () => Promise<CommandBody<Options>> }): Command {
  return {
    ...help,
    prepare(values) {
      const options = read(values);
      return async (io) => {
        const body = await load();
        io.signal.throwIfAborted();
        return body(options, io);
      };
    },
  };
}

/** The configuration of a command. */
export interface ConfigChoice {
  /** The file that `--config` names. */
  readonly configFile?: string;
  /** Flags that are settings, as they were written, by setting. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Settings that every help shows, with the placeholder of their value. */
const PROMINENT: Readonly<Record<string, Pick<OptionSpec, 'value' | 'alias'>>> = {
  env: { value: 'NAME' },
  device: { value: 'PUBKEY' },
  keypair: { value: 'FILE' },
  'log.level': { value: 'LEVEL', alias: 'log-level' },
  'log.format': { value: 'FORMAT', alias: 'log-format' },
};

function settingOptions(): Readonly<Record<string, OptionSpec>> {
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

/** `--config`, and every setting as a flag. */
export function configOptions(): Readonly<Record<string, OptionSpec>> {
  return { config: { type: 'string', value: 'FILE', describe: 'Configuration file; also DZD_CONFIG' }, ...settingOptions() };
}

export function readConfigChoice(values: OptionValues): ConfigChoice {
  const settings = plainSettings(settingTree()).flatMap(({ key }) => {
    const text = textOption(values, key);
    return text === undefined ? [] : [[key, text] as const];
  });
  return { configFile: textOption(values, 'config'), settings: Object.fromEntries(settings) };
}

/** Throws AgentError `CONFIG__…`. */
export function loadChosen({ configFile, settings }: ConfigChoice, { environment }: Pick<CommandIo, 'environment'>): LoadedConfig {
  return loadConfig({ file: configFile, flags: settings, environment });
}
