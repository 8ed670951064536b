import { didYouMean, parseDuration } from '../config/index.ts';
import { type Address, type Ipv4, isAddress, isIpv4 } from '../serviceability/index.ts';
import {
  type ConfigChoice,
  choiceOption,
  durationOption,
  isOn,
  type OptionValues,
  readConfigChoice,
  textOption,
  usage,
} from './command.ts';
import { EXTRA_COLUMNS, USER_STATES } from './user-rows.ts';

export type RunOptions = ReturnType<typeof readRunOptions>;

export function readRunOptions(values: OptionValues) {
  const dryRun = isOn(values, 'dry-run');
  const output = choiceOption(values, 'output', ['table', 'json']);
  if (values.output !== undefined && !dryRun) throw usage('--output requires --dry-run; log.format sets the format of the log');
  return {
    ...readConfigChoice(values),
    /** Print each intended write instead of sending it. */
    dryRun,
    /** End after one tick and its writes. */
    once: isOn(values, 'once'),
    output,
  };
}

export type CheckOptions = ReturnType<typeof readCheckOptions>;

export function readCheckOptions(values: OptionValues) {
  return { ...readConfigChoice(values), output: choiceOption(values, 'output', ['table', 'json']) };
}

/** How the command line names a user. */
export type Wanted =
  | { readonly by: 'pubkey'; readonly user: Address }
  | { readonly by: 'client-ip'; readonly clientIp: Ipv4 }
  | { readonly by: 'tunnel'; readonly tunnelId: number };

export type ExplainOptions = ReturnType<typeof readExplainOptions>;

/** The name of the word that follows the command. */
export const WANTED = 'user';
const LARGEST_TUNNEL_ID = 65_535;
const LISTS_USERS = '`dzd-telemetry status` lists the users';

export function readExplainOptions(values: OptionValues) {
  const text = textOption(values, WANTED);
  if (text === undefined) throw usage('explain needs a user: its public key, client address or tunnel id');
  const wanted = readWanted(text);
  if (wanted === undefined)
    throw usage(`explain: ${JSON.stringify(text.slice(0, 60))} is not a public key, an IPv4 address or a tunnel id; ${LISTS_USERS}`);
  return {
    ...readConfigChoice(values),
    wanted,
    /** As it was written. */
    text,
    /** Read switch and ledger instead of asking the running agent. */
    fresh: isOn(values, 'fresh'),
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

function readWanted(text: string): Wanted | undefined {
  if (isIpv4(text)) return { by: 'client-ip', clientIp: text };
  if (/^\d{1,5}$/.test(text) && Number(text) <= LARGEST_TUNNEL_ID) return { by: 'tunnel', tunnelId: Number(text) };
  if (isAddress(text)) return { by: 'pubkey', user: text };
  return undefined;
}

export type SupportOptions = ConfigChoice;

export type HistoryOptions = ReturnType<typeof readHistoryOptions>;

const DEFAULT_SINCE_MS = 7 * 86_400_000;

export function readHistoryOptions(values: OptionValues) {
  const choice = readConfigChoice(values);
  const text = textOption(values, WANTED);
  const wanted = text === undefined ? undefined : readWanted(text);
  if (wanted?.by === 'tunnel')
    throw usage(`history needs the public key or the client address of a user: tunnel ids are reused; ${LISTS_USERS}`);
  if (text !== undefined && wanted === undefined)
    throw usage(`history: ${JSON.stringify(text.slice(0, 60))} is not a public key or an IPv4 address; ${LISTS_USERS}`);
  if (wanted !== undefined && choice.settings.device !== undefined) throw usage('a user and --device exclude each other');
  return {
    ...choice,
    /** Undefined: all users of the device. */
    wanted,
    /** As it was written. */
    text,
    /** Length of the window that ends now, milliseconds. */
    sinceMs: ageOption(values, 'since') ?? DEFAULT_SINCE_MS,
    /** How long a report stands, milliseconds; undefined: the refresh interval and a margin. */
    validForMs: ageOption(values, 'stale-after'),
    output: choiceOption(values, 'output', ['table', 'json', 'csv']),
  };
}

const LONGEST_AGE_MS = 3_650 * 86_400_000;

/** A length of time in the past, milliseconds above 0, or undefined. Throws AgentError `CONFIG__USAGE`. */
function ageOption(values: OptionValues, name: string): number | undefined {
  const text = textOption(values, name);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0 && ms <= LONGEST_AGE_MS) return ms;
  throw usage(`--${name}: expected a duration above 0 and up to 3650d, such as "7d", got ${JSON.stringify(text)}`);
}

export type StatusOptions = ReturnType<typeof readStatusOptions>;

export const SORT_FIELDS = ['state', 'user', 'device', 'tunnel', 'client-ip', 'rtt', 'age'] as const;
export type SortField = (typeof SORT_FIELDS)[number];

const DEFAULT_WATCH_MS = 5_000;
/** Twice the default refresh interval of this agent. */
const DEFAULT_STALE_MS = 2 * 3_600_000;

export function readStatusOptions(values: OptionValues) {
  const choice = readConfigChoice(values);
  const all = isOn(values, 'all');
  if (all && choice.settings.device !== undefined) throw usage('--all and --device exclude each other');
  const interval = durationOption(values, 'interval');
  const watch = isOn(values, 'watch');
  if (interval !== undefined && !watch) throw usage('--interval requires --watch');
  return {
    ...choice,
    /** Every device of the network instead of one. */
    all,
    /** Milliseconds between two readings; undefined: read once. */
    watchMs: watch ? (interval ?? DEFAULT_WATCH_MS) : undefined,
    sort: choiceOption(values, 'sort', SORT_FIELDS),
    /** Undefined: all of them. */
    filter: listOption(values, 'filter', USER_STATES),
    staleAfterMs: durationOption(values, 'stale-after') ?? DEFAULT_STALE_MS,
    staleForMs: ageOption(values, 'stale-for'),
    downForMs: ageOption(values, 'down-for'),
    neverConnected: isOn(values, 'never-connected'),
    /** Shown in addition. */
    columns: listOption(values, 'columns', EXTRA_COLUMNS) ?? [],
    output: choiceOption(values, 'output', ['table', 'json', 'csv']),
  };
}

/** The names in a list separated by commas, each once; undefined without the option. Throws AgentError `CONFIG__USAGE`. */
function listOption<const T extends string>(values: OptionValues, name: string, choices: readonly T[]): readonly T[] | undefined {
  const words = textOption(values, name)?.split(',');
  const names = words?.map((word) => {
    const found = choices.find((choice) => choice === word.trim());
    if (found !== undefined) return found;
    throw usage(`--${name}: expected ${choices.join(', ')}, got ${JSON.stringify(word)}${didYouMean(word, choices)}`);
  });
  return names === undefined ? undefined : [...new Set(names)];
}
