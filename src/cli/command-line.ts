import yargs from 'yargs';
import { nearest } from '../config/index.ts';
import { type Command, type CommandIo, type Example, type ExitCode, type OptionSpec, type OptionValues, usage } from './command.ts';
import { reportFailure } from './process.ts';

/** The commit that was built; the build puts it in. */
declare const __COMMIT__: string | undefined;
/** Of the build; null in a checkout. */
export const COMMIT = typeof __COMMIT__ === 'string' ? __COMMIT__ : null;

/** What a command line asks for. */
type ParsedCommandLine =
  /** Prints a text and ends with this code. */
  | { readonly kind: 'print'; readonly text: string; readonly exitCode: ExitCode }
  | { readonly kind: 'run'; readonly command: string; readonly start: (io: CommandIo) => Promise<ExitCode> };

/** The program that a command line belongs to. Its name begins each error. */
export interface Program {
  readonly name: string;
  readonly describe: string;
  readonly examples?: readonly Example[];
}

const AGENT: Program = {
  name: 'dzd-telemetry',
  describe: 'Reports the BGP status of the users of a DoubleZero Device to the ledger.',
  examples: [
    ['check --config config.yaml', 'Check switch, ledger, key and configuration'],
    ['run --config config.yaml --dry-run --once', 'Print what the agent would write'],
    ['explain 192.0.2.7 --config config.yaml', 'Explain the status of one user'],
  ],
};

/** Options that every command has. */
const COMMON = ['help', 'h', 'version', 'V', 'show-settings'];
const MAX_COLUMNS = 110;

/**
 * Reads the arguments that follow the program's name. Prints nothing and starts nothing.
 * Throws AgentError `CONFIG__USAGE` with one line that names the option and what was probably meant.
 */
export function parseCommandLine(
  given: readonly string[],
  commands: readonly Command[],
  io: Pick<CommandIo, 'version' | 'stdout'>,
  program: Program = AGENT,
): ParsedCommandLine {
  const { version } = io;
  const args = joinNegativeValues(given, commands);
  refuseTakenNames(args);
  refuseOddSwitches(args, commands);
  const showAll = args.includes('--show-settings');
  let printed = '';
  const keep = (_error: unknown, _argv: unknown, output: string): void => {
    printed = output;
  };
  const verb = args.some((arg) => HELP.has(arg)) ? verbIn(args, commands) : undefined;
  if (verb !== undefined) {
    createParser(program, `$0 ${usageOf(verb)}`, io)
      .options(optionsOf(verb, showAll))
      .epilogue(examplesOf(verb))
      .parseSync(['--help'], {}, keep);
    return { kind: 'print', text: `${printed}\n`, exitCode: 0 };
  }
  const parser = createParser(program, `$0 COMMAND [OPTIONS]\n\n${program.describe}`, io)
    .option('show-settings', { type: 'boolean', describe: 'With --help: list every setting', hidden: !commands.some(hasSettings) })
    .completion('completion', 'Print a completion script for bash or zsh, as SHELL says.')
    .epilogue(examplesOf(program));
  for (const command of commands) {
    parser.command({
      command: command.name,
      describe: command.describe,
      builder: (builder) =>
        builder
          .usage(`$0 ${usageOf(command)}`)
          .options(optionsOf(command, showAll))
          .epilogue(examplesOf(command)),
      handler: (values) => {
        throw new Chosen(command, values);
      },
    });
  }
  const { command: chosen, values: parsed } = parseOrCatch(() => parser.parseSync(args, {}, keep));

  if (printed === version && parsed.output === 'json') {
    return { kind: 'print', text: `${JSON.stringify({ version, commit: COMMIT, node: process.versions.node })}\n`, exitCode: 0 };
  }
  if (args[0] === 'completion' && args[1] !== undefined && !args[1].startsWith('-'))
    throw usage(
      `completion: unexpected argument "${args[1].slice(0, 60)}"; it prints the script for the shell that SHELL names, bash or zsh`,
    );
  if (printed !== '' || args.includes(COMPLETION_REQUEST)) {
    const verbs = verbsToComplete(args, commands);
    return { kind: 'print', text: `${[...verbs, printed].join('\n')}\n`, exitCode: 0 };
  }
  const [word, ...words] = parsed._.map(String);
  if (chosen === undefined && word !== undefined) {
    if (args[0] === '--') throw usage('put the command before the first --');
    const near = meant(
      word,
      commands.map(({ name }) => name),
    );
    throw usage(`unknown command "${word.slice(0, 60)}"${near}`);
  }
  if (chosen === undefined) refuseWithoutCommand(parsed, commands);
  refuseUnknown(parsed, chosen, args);
  if (chosen === undefined) {
    parser.showHelp((text) => {
      printed = text;
    });
    return { kind: 'print', text: `${printed}\n`, exitCode: 2 };
  }
  const { name, argument } = chosen;
  const stray = argument === undefined ? words[0] : argument.many === true ? undefined : words[1];
  if (stray !== undefined) throw usage(`${name}: unexpected argument "${stray.slice(0, 60)}"; options begin with --`);
  if (argument !== undefined && words.includes('')) throw usage(`${name}: an argument is empty; give it a value or leave it out`);
  const values = { ...valuesOf(parsed, chosen), ...(argument !== undefined && words.length > 0 && { [argument.name]: words.join('\n') }) };
  return { kind: 'run', command: name, start: chosen.prepare(values) };
}

/** The completion script calls the program with this option to list what may follow. */
export const COMPLETION_REQUEST = '--get-yargs-completions';

/** Values stay as they were written. */
const AS_WRITTEN = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'duplicate-arguments-array': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'short-option-groups': false,
} as const;

const HELP: ReadonlySet<string> = new Set(['--help', '-h']);

function createParser(program: Program, usageText: string, { version, stdout }: Pick<CommandIo, 'version' | 'stdout'>) {
  return yargs([])
    .scriptName(program.name)
    .usage(usageText)
    .locale('en')
    .wrap(Math.min(stdout.columns ?? MAX_COLUMNS, MAX_COLUMNS))
    .parserConfiguration(AS_WRITTEN)
    .help('help', 'Show this help')
    .alias('help', 'h')
    .version('version', 'Show the version; with --output json, commit and Node.js, too', version)
    .alias('version', 'V')
    .exitProcess(false)
    .fail(false);
}

/** The handler throws the command that it found: after a handler that returns, yargs lays out a help text, 50 ms or more at each start. */
class Chosen {
  constructor(
    readonly command: Command | undefined,
    readonly values: Parsed,
  ) {}
}

type Parsed = Readonly<Record<string, unknown>> & { readonly _: readonly (string | number)[] };

function parseOrCatch(parse: () => Parsed): Chosen {
  try {
    return new Chosen(undefined, parse());
  } catch (error) {
    if (error instanceof Chosen) return error;
    throw error;
  }
}

/** `user create` of `user create --help`, as a command of its own. */
function verbIn([first, second]: readonly string[], commands: readonly Command[]): Omit<Command, 'prepare'> | undefined {
  const command = commands.find(({ name }) => name === first);
  const verb = Object.entries(command?.verbs ?? {}).find(([name]) => name === second)?.[1];
  if (command === undefined || verb === undefined) return undefined;
  const { takes, describe, examples } = verb;
  // The help of all verbs says whose option it is.
  const options = Object.entries(command.options)
    .filter(([name]) => verb.options.includes(name))
    .map(([name, option]) => [name, { ...option, describe: option.describe.replace(`${first} ${second}: `, '') }] as const);
  return { name: [first, second, takes].join(' ').trim(), describe, examples, options: Object.fromEntries(options) };
}

/** yargs lists options and commands only. */
function verbsToComplete(args: readonly string[], commands: readonly Command[]): readonly string[] {
  const [request, , first, second = '', ...more] = args;
  const verbs = commands.find(({ name }) => name === first)?.verbs ?? {};
  return request === COMPLETION_REQUEST && more.length === 0 ? Object.keys(verbs).filter((verb) => verb.startsWith(second)) : [];
}

function examplesOf({ examples = [] }: { readonly examples?: readonly Example[] }): string {
  return examples.length === 0
    ? ''
    : ['Examples:', ...examples.flatMap(([line, describe]) => [`  $0 ${line}`, `      ${describe}`])].join('\n');
}

function usageOf({ name, describe, argument }: Pick<Command, 'name' | 'describe' | 'argument'>): string {
  if (argument === undefined) return `${name} [OPTIONS]\n\n${describe}`;
  const word = argument.name.toUpperCase();
  return `${name} ${argument.many === true ? `[${word}…]` : argument.optional === true ? `[${word}]` : word} [OPTIONS]\n\n${describe}\n\n${word}: ${argument.describe}`;
}

function optionsOf({ options }: Pick<Command, 'options'>, showAll: boolean) {
  const entries = Object.entries(options).map(([name, { type, describe, value, alias, group, hidden = false }]) => {
    const text = value === undefined ? describe : `${describe} [${value}]`;
    return [name, { type, describe: text, alias, group, hidden: hidden && !showAll }] as const;
  });
  return Object.fromEntries(entries);
}

function valuesOf(parsed: Readonly<Record<string, unknown>>, { options }: Command): OptionValues {
  const values: Record<string, string | boolean> = {};
  for (const name of Object.keys(options)) {
    const value = parsed[name];
    if (typeof value === 'string' || typeof value === 'boolean') values[name] = value;
  }
  return values;
}

/** An option of a command is not unknown: the command is missing. */
function refuseWithoutCommand(parsed: Readonly<Record<string, unknown>>, commands: readonly Command[]): void {
  const option = Object.keys(parsed).find((key) => commands.some(({ options }) => key in options));
  if (option === undefined) return;
  throw usage(`--${option} needs a command before it: ${commands.map(({ name }) => name).join(', ')}`);
}

/** yargs does not suggest options, and a secret must not be repeated. */
function refuseUnknown(parsed: Readonly<Record<string, unknown>>, command: Command | undefined, args: readonly string[]): void {
  const known = [...Object.entries(command?.options ?? {}).flatMap(namesOf), ...COMMON];
  const name = Object.keys(parsed).find((key) => !['_', '$0', ...known].includes(key));
  if (name === undefined) return;
  const shown = name.slice(0, 60);
  if (/password|community|secret|token/i.test(name)) {
    throw usage(`--${shown}: secrets are not accepted as flags; set passwordFile or communityFile in the configuration file`);
  }
  const dashes = args.some((arg) => arg.startsWith(`--${name}`)) ? '--' : '-';
  throw usage(`unknown option ${dashes}${shown}${meant(name, known, '--')}`);
}

/** Names what was probably meant; a single letter is too short for a guess. */
function meant(text: string, candidates: readonly string[], prefix = ''): string {
  const near = nearest(
    text,
    candidates.filter(({ length }) => length > 1),
  );
  return near === undefined ? '' : `, did you mean "${prefix}${near}"?`;
}

const namesOf = ([name, { alias }]: readonly [string, OptionSpec]): readonly string[] => (alias === undefined ? [name] : [name, alias]);

/** yargs reads `-1s` as an option, even after an option that needs a value. The error must name that option. */
function joinNegativeValues(args: readonly string[], commands: readonly Command[]): readonly string[] {
  const options = commands.flatMap((command) => Object.entries(command.options)).filter(([, { type }]) => type === 'string');
  const takesValue = new Set(options.flatMap(namesOf).map((name) => `--${name}`));
  const joined: string[] = [];
  for (const arg of args) {
    const last = joined.at(-1);
    if (last !== undefined && takesValue.has(last) && /^-[\d.]/.test(arg)) joined.splice(-1, 1, `${last}=${arg}`);
    else joined.push(arg);
  }
  return joined;
}

/** Keys of yargs in the parsed options, and names that every object inherits. `--_` and `--constructor` break yargs. */
const isTakenByYargs = (name: string): boolean => name === '_' || name === '$0' || name in Object.prototype;

function refuseTakenNames(args: readonly string[]): void {
  const name = args.map((arg) => /^--?([^=]+)/.exec(arg)?.[1] ?? '').find(isTakenByYargs);
  if (name !== undefined) throw usage(`unknown option --${name}`);
}

/** yargs reads `--dry-run=no` as false, and a run that was meant to be dry would write. */
function refuseOddSwitches(args: readonly string[], commands: readonly Command[]): void {
  for (const arg of args) {
    const [, name = '', value = ''] = /^--([^=]+)=(.*)$/s.exec(arg) ?? [];
    const isSwitch = commands.some(({ options }) => options[name]?.type === 'boolean');
    if (isSwitch && value !== 'true' && value !== 'false') throw usage(`--${name}: expected true or false, got "${value.slice(0, 60)}"`);
  }
}

const hasSettings = ({ options }: Command): boolean => Object.values(options).some(({ hidden }) => hidden === true);

/** Runs the command that the arguments name, to its exit code. Never throws. */
export async function runCommandLine(
  args: readonly string[],
  commands: readonly Command[],
  io: CommandIo,
  program: Program = AGENT,
): Promise<ExitCode> {
  try {
    const parsed = parseCommandLine(args, commands, io, program);
    if (parsed.kind === 'run') return await parsed.start(io);
    (parsed.exitCode === 0 ? io.stdout : io.stderr).write(parsed.text);
    return parsed.exitCode;
  } catch (error) {
    return reportFailure(error, io, program.name);
  }
}
