import type { OptionValues } from './option-values.ts';

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
export interface ArgumentSpec {
  readonly name: string;
  readonly describe: string;
  /** None, one or several words; they are handed on with a line feed between them. */
  readonly many?: boolean;
}

export interface CommandDefinition<Options> {
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
