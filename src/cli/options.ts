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
import { EXTRA_COLUMNS, type ExtraColumn, type Selection, USER_STATES, type UserState } from './user-rows.ts';

export interface RunOptions extends ConfigChoice {
  /** Print each intended write instead of sending it. */
  readonly dryRun: boolean;
  /** End after one tick and its writes. */
  readonly once: boolean;
  readonly output: 'table' | 'json';
}

export function readRunOptions(values: OptionValues): RunOptions {
  return {
    ...readConfigChoice(values),
    dryRun: isOn(values, 'dry-run'),
    once: isOn(values, 'once'),
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

export interface CheckOptions extends ConfigChoice {
  readonly output: 'table' | 'json';
}

export function readCheckOptions(values: OptionValues): CheckOptions {
  return { ...readConfigChoice(values), output: choiceOption(values, 'output', ['table', 'json']) };
}

/** How the command line names a user. */
export type Wanted =
  | { readonly by: 'pubkey'; readonly user: Address }
  | { readonly by: 'client-ip'; readonly clientIp: Ipv4 }
  | { readonly by: 'tunnel'; readonly tunnelId: number };

export interface ExplainOptions extends ConfigChoice {
  readonly wanted: Wanted;
  /** As it was written. */
  readonly text: string;
  /** Read switch and ledger instead of asking the running agent. */
  readonly fresh: boolean;
  readonly output: 'table' | 'json';
}

/** The name of the word that follows the command. */
export const WANTED = 'user';
const LARGEST_TUNNEL_ID = 65_535;

export function readExplainOptions(values: OptionValues): ExplainOptions {
  const text = textOption(values, WANTED);
  if (text === undefined) throw usage('explain needs a user: its public key, client address or tunnel id');
  return {
    ...readConfigChoice(values),
    wanted: readWanted(text),
    text,
    fresh: isOn(values, 'fresh'),
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

function readWanted(text: string): Wanted {
  if (isIpv4(text)) return { by: 'client-ip', clientIp: text };
  if (/^\d{1,5}$/.test(text) && Number(text) <= LARGEST_TUNNEL_ID) return { by: 'tunnel', tunnelId: Number(text) };
  if (isAddress(text)) return { by: 'pubkey', user: text };
  throw usage(`${JSON.stringify(text.slice(0, 60))} is not a public key, an IPv4 address or a tunnel id`);
}

export type SupportOptions = ConfigChoice;

export interface HistoryOptions extends ConfigChoice {
  /** Absent: all users of the device. */
  readonly wanted?: Exclude<Wanted, { readonly by: 'tunnel' }>;
  /** As it was written. */
  readonly text?: string;
  /** Length of the window that ends now, milliseconds. */
  readonly sinceMs: number;
  /** How long a report stands, milliseconds; absent: the refresh interval and a margin. */
  readonly validForMs?: number;
  readonly output: 'table' | 'json' | 'csv';
}

const DEFAULT_SINCE_MS = 7 * 86_400_000;

export function readHistoryOptions(values: OptionValues): HistoryOptions {
  const choice = readConfigChoice(values);
  const text = textOption(values, WANTED);
  const wanted = text === undefined ? undefined : readWanted(text);
  if (wanted?.by === 'tunnel') throw usage('history needs the public key or the client address of a user: tunnel ids are given out again');
  if (wanted !== undefined && choice.settings.device !== undefined) throw usage('a user and --device exclude each other');
  return {
    ...choice,
    wanted,
    text,
    sinceMs: ageOption(values, 'since') ?? DEFAULT_SINCE_MS,
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
  throw usage(`--${name}: expected a duration such as "7d" of at most 3650d, got ${JSON.stringify(text)}`);
}

export interface StatusOptions extends ConfigChoice, Selection {
  /** Every device of the network instead of one. */
  readonly all: boolean;
  /** Absent: read once. Milliseconds between two readings. */
  readonly watchMs?: number;
  readonly sort: SortField;
  /** Absent: all of them. */
  readonly filter?: readonly UserState[];
  readonly staleAfterMs: number;
  /** Shown in addition. */
  readonly columns: readonly ExtraColumn[];
  readonly output: 'table' | 'json' | 'csv';
}

export const SORT_FIELDS = ['state', 'user', 'device', 'tunnel', 'client-ip', 'rtt', 'age'] as const;
export type SortField = (typeof SORT_FIELDS)[number];

const DEFAULT_WATCH_MS = 5_000;
/** Twice the default refresh interval of this agent. */
const DEFAULT_STALE_MS = 2 * 3_600_000;

export function readStatusOptions(values: OptionValues): StatusOptions {
  const choice = readConfigChoice(values);
  const all = isOn(values, 'all');
  if (all && choice.settings.device !== undefined) throw usage('--all and --device exclude each other');
  const interval = durationOption(values, 'interval');
  const watch = isOn(values, 'watch');
  if (interval !== undefined && !watch) throw usage('--interval requires --watch');
  return {
    ...choice,
    all,
    watchMs: watch ? (interval ?? DEFAULT_WATCH_MS) : undefined,
    sort: choiceOption(values, 'sort', SORT_FIELDS),
    filter: listOption(values, 'filter', USER_STATES),
    staleAfterMs: durationOption(values, 'stale-after') ?? DEFAULT_STALE_MS,
    staleForMs: ageOption(values, 'stale-for'),
    downForMs: ageOption(values, 'down-for'),
    neverConnected: isOn(values, 'never-connected'),
    columns: listOption(values, 'columns', EXTRA_COLUMNS) ?? [],
    output: choiceOption(values, 'output', ['table', 'json', 'csv']),
  };
}

/** Names of a list, separated by commas, or undefined. Throws AgentError `CONFIG__USAGE`. */
function listOption<const T extends string>(values: OptionValues, name: string, choices: readonly T[]): readonly T[] | undefined {
  return textOption(values, name)
    ?.split(',')
    .map((word) => {
      const found = choices.find((choice) => choice === word.trim());
      if (found !== undefined) return found;
      throw usage(`--${name}: expected ${choices.join(', ')}, got ${JSON.stringify(word)}${didYouMean(word, choices)}`);
    });
}
