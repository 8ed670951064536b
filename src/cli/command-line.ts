import yargs from 'yargs';
import { nearest } from '../config/index.ts';
import { printable } from '../observability/index.ts';
import { type Command, type CommandIo, type ExitCode, type OptionSpec, type OptionValues, usage } from './command.ts';
import { reportFailure } from './process.ts';

/** What a command line asks for. */
type ParsedCommandLine =
  /** A text to print, and how to end after it. */
  | { readonly kind: 'print'; readonly text: string; readonly exitCode: ExitCode }
  | { readonly kind: 'run'; readonly command: string; readonly start: (io: CommandIo) => Promise<ExitCode> };

/** What a command line belongs to, for the usage text and before each error. */
export interface Program {
  readonly name: string;
  readonly describe: string;
}

const AGENT: Program = {
  name: 'dzd-telemetry',
  describe: 'Tells the DoubleZero ledger which users of a device are really connected.',
};

/** Options that every command has. */
const COMMON = ['help', 'h', 'version', 'show-settings'];

/**
 * Reads the arguments that follow the program's name. Pure: nothing is printed and nothing started.
 * Throws AgentError `CONFIG__USAGE` with one line that names the option and what was probably meant.
 */
export function parseCommandLine(
  args: readonly string[],
  commands: readonly Command[],
  version: string,
  program: Program = AGENT,
): ParsedCommandLine {
  refuseOddSwitches(args, commands);
  const showAll = args.includes('--show-settings');
  let chosen: Command | undefined;
  let printed = '';
  const parser = yargs([])
    .scriptName(program.name)
    .usage(`$0 COMMAND [OPTIONS]\n\n${program.describe}`)
    .locale('en')
    .wrap(110)
    .parserConfiguration(AS_WRITTEN)
    .help('help', 'Show this help')
    .alias('help', 'h')
    .version('version', 'Show the version', version)
    .option('show-settings', { type: 'boolean', describe: 'With --help: list every setting', hidden: !commands.some(hasSettings) })
    .exitProcess(false)
    .fail(false);
  for (const command of commands) {
    parser.command({
      command: command.name,
      describe: command.describe,
      builder: (builder) => builder.usage(usageOf(command)).options(optionsOf(command, showAll)),
      handler: () => {
        chosen = command;
      },
    });
  }
  const parsed = parser.parseSync(args, {}, (_error, _argv, output) => {
    printed = output;
  });

  if (printed !== '') return { kind: 'print', text: `${printed}\n`, exitCode: 0 };
  const words = parsed._.map(String);
  if (chosen === undefined) {
    const [word] = words;
    if (word !== undefined)
      throw usage(
        `unknown command ${quoted(word)}${hint(
          word,
          commands.map((command) => command.name),
        )}`,
      );
    refuseUnknown(parsed, []);
    let help = '';
    parser.showHelp((text) => {
      help = text;
    });
    return { kind: 'print', text: `${help}\n`, exitCode: 2 };
  }
  refuseUnknown(parsed, namesOf(chosen));
  const { argument } = chosen;
  const [word, stray] =
    argument === undefined ? [undefined, words[1]] : argument.many === true ? [words.slice(1).join('\n') || undefined] : words.slice(1);
  if (stray !== undefined) throw usage(`${chosen.name}: unexpected argument ${quoted(stray)}; options begin with --`);
  const given = argument === undefined || word === undefined ? {} : { [argument.name]: word };
  return { kind: 'run', command: chosen.name, start: chosen.prepare({ ...valuesOf(parsed, chosen), ...given }) };
}

/** The parser is to hand on what was written, not what it makes of it. */
const AS_WRITTEN = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'duplicate-arguments-array': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'short-option-groups': false,
} as const;

function usageOf({ name, describe, argument }: Command): string {
  const word =
    argument === undefined ? '' : argument.many === true ? ` [${argument.name.toUpperCase()}…]` : ` ${argument.name.toUpperCase()}`;
  const meaning = argument === undefined ? '' : `\n\n${argument.name.toUpperCase()}: ${argument.describe}`;
  return `$0 ${name}${word} [OPTIONS]\n\n${describe}${meaning}`;
}

function optionsOf({ options }: Command, showAll: boolean) {
  const entries = Object.entries(options).map(([name, { type, describe, value, alias, group, hidden }]) => {
    const text = value === undefined ? describe : `${describe} [${value}]`;
    return [name, { type, describe: text, ...(alias && { alias }), ...(group && { group }), ...(hidden && { hidden: !showAll }) }] as const;
  });
  return Object.fromEntries(entries);
}

const namesOf = ({ options }: Command): readonly string[] =>
  Object.entries(options).flatMap(([name, { alias }]) => (alias === undefined ? [name] : [name, alias]));

function valuesOf(parsed: Readonly<Record<string, unknown>>, { options }: Command): OptionValues {
  const values: Record<string, string | boolean> = {};
  for (const name of Object.keys(options)) {
    const value = parsed[name];
    if (typeof value === 'string' || typeof value === 'boolean') values[name] = value;
  }
  return values;
}

function refuseUnknown(parsed: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const names = [...known, ...COMMON];
  const name = Object.keys(parsed).find((key) => key !== '_' && key !== '$0' && !names.includes(key));
  if (name === undefined) return;
  if (/password|community|secret|token/i.test(name)) {
    throw usage(`--${shown(name)}: secrets are not accepted as flags; set passwordFile or communityFile in the configuration file`);
  }
  const dashes = name.length === 1 ? '-' : '--';
  throw usage(`unknown option ${dashes}${shown(name)}${hint(name, names, '--')}`);
}

/** `--dry-run=no` would be read as false, and a run that was meant to be dry would write: only true and false are values of a switch. */
function refuseOddSwitches(args: readonly string[], commands: readonly Command[]): void {
  const isSwitch = (name: string): boolean => commands.some(({ options }) => isBoolean(options[name]));
  for (const arg of args) {
    const [, name = '', value = ''] = /^--([^=]+)=(.*)$/s.exec(arg) ?? [];
    if (isSwitch(name) && value !== 'true' && value !== 'false') throw usage(`--${name}: expected true or false, got ${quoted(value)}`);
  }
}

const hasSettings = ({ options }: Command): boolean => Object.values(options).some(({ hidden }) => hidden === true);
const isBoolean = (option: OptionSpec | undefined): boolean => option?.type === 'boolean';

function hint(text: string, candidates: readonly string[], prefix = ''): string {
  const near = nearest(
    text,
    candidates.filter((candidate) => candidate.length > 1),
  );
  return near === undefined ? '' : `, did you mean "${prefix}${near}"?`;
}

const shown = (text: string): string => printable(text.slice(0, 60));
const quoted = (text: string): string => `"${shown(text)}"`;

/** Runs what the arguments ask for, from the first check to the exit code. Never throws. */
export async function runCommandLine(
  args: readonly string[],
  commands: readonly Command[],
  io: CommandIo,
  program: Program = AGENT,
): Promise<ExitCode> {
  try {
    const parsed = parseCommandLine(args, commands, io.version, program);
    if (parsed.kind === 'run') return await parsed.start(io);
    (parsed.exitCode === 0 ? io.stdout : io.stderr).write(parsed.text);
    return parsed.exitCode;
  } catch (error) {
    return reportFailure(error, io, program.name);
  }
}
