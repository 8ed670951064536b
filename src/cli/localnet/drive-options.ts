import { nearest } from '../../config/index.ts';
import { choiceOption, isOn, type OptionSpec, type OptionValues, textOption, usage } from '../command.ts';
import { type Request, VERBS } from './verbs.ts';

/** What is asked of a localnet that runs. */
export interface DriveOptions {
  /** Of its ledger. */
  readonly rpcUrl: string;
  /** One after the other; the answer of the last is printed. */
  readonly requests: readonly Request[];
  readonly output: 'table' | 'json';
}

export const DEFAULT_RPC_URL = 'http://127.0.0.1:8899';
/** The name of the words that follow the command. */
export const WORDS = 'verb';

const group = 'Driving a localnet that runs:';
export const DRIVE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  'rpc-url': { type: 'string', value: 'URL', describe: `Where its ledger is, ${DEFAULT_RPC_URL} by default`, group },
  'client-ip': { type: 'string', value: 'IP', describe: 'user create: the client address, the next free one by default', group },
  kind: { type: 'string', value: 'unicast|multicast', describe: 'user create: the kind of user', group },
  tenant: { type: 'string', value: '0|1', describe: 'user create: which of the two tenants', group },
  connect: { type: 'boolean', describe: 'user create: connect it, too', group },
  'rtt-us': { type: 'string', value: 'US', describe: 'user connect: the round-trip time in microseconds', group },
};

/** Options that go with every verb. */
const COMMON = ['rpc-url', 'output', WORDS];

export const VERBS_HELP = `nothing to start one, or\n${Object.entries(VERBS)
  .map(([name, { takes, describe }]) => `  ${`${name} ${takes}`.trim().padEnd(34)} ${describe}`)
  .join('\n')}`;

/** undefined when there is no verb, and a localnet is to be started. Throws AgentError `CONFIG__USAGE`. */
export function readDriveOptions(values: OptionValues): DriveOptions | undefined {
  const words = textOption(values, WORDS)?.split('\n');
  if (words === undefined) {
    const stray = Object.keys(DRIVE_OPTIONS).find((name) => values[name] !== undefined && values[name] !== false);
    if (stray !== undefined) throw usage(`--${stray} goes with a verb, such as \`localnet user create\``);
    return undefined;
  }
  const [name, verb] = findVerb(words);
  const stray = Object.keys(values).find((key) => isGiven(values, key) && ![...COMMON, ...(verb.options ?? [])].includes(key));
  if (stray !== undefined) throw usage(`--${stray} does not go with \`localnet ${name}\``);
  const given = words.slice(name.split(' ').length);
  const [least, most] = verb.count;
  if (given.length < least || given.length > most) throw usage(`expected \`localnet ${name}${verb.takes === '' ? '' : ` ${verb.takes}`}\``);
  return {
    rpcUrl: readUrl(textOption(values, 'rpc-url') ?? DEFAULT_RPC_URL),
    requests: verb.requests(given, values),
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

function findVerb(words: readonly string[]) {
  const name = [words.slice(0, 2).join(' '), words[0] ?? ''].find((candidate) => Object.hasOwn(VERBS, candidate));
  const verb = name === undefined ? undefined : VERBS[name];
  if (name !== undefined && verb !== undefined) return [name, verb] as const;
  const text = words.slice(0, 2).join(' ').slice(0, 60);
  const near = nearest(text, Object.keys(VERBS));
  throw usage(
    `localnet knows no ${JSON.stringify(text)}; ${near === undefined ? 'see `dzd-telemetry localnet --help`' : `did you mean "${near}"?`}`,
  );
}

const isGiven = (values: OptionValues, key: string): boolean => isOn(values, key) || typeof values[key] === 'string';

function readUrl(text: string): string {
  const isHttp = URL.canParse(text) && new URL(text).protocol === 'http:';
  if (!isHttp) throw usage(`--rpc-url: expected an address such as ${DEFAULT_RPC_URL}`);
  return text;
}
