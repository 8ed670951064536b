import { nearest } from '../config/index.ts';
import type { CommandBody } from './command.ts';
import { type ConfigChoice, readConfigChoice } from './config-options.ts';
import { choiceOption, durationOption, isOn, type OptionValues, textOption, usage } from './option-values.ts';
import { USER_STATES, type UserState } from './status/user-rows.ts';

export interface StatusOptions extends ConfigChoice {
  /** Every device of the network instead of one. */
  readonly all: boolean;
  /** Absent: read once. Milliseconds between two readings. */
  readonly watchMs?: number;
  readonly sort: SortField;
  /** Absent: all of them. */
  readonly filter?: readonly UserState[];
  readonly staleAfterMs: number;
  readonly output: 'table' | 'json';
}

export type StatusBody = CommandBody<StatusOptions>;

export const SORT_FIELDS = ['state', 'user', 'device', 'tunnel', 'client-ip', 'rtt', 'age'] as const;
export type SortField = (typeof SORT_FIELDS)[number];

const DEFAULT_WATCH_MS = 5_000;
/** Twice the refresh interval of this agent's default. */
const DEFAULT_STALE_MS = 2 * 3_600_000;

export function readStatusOptions(values: OptionValues): StatusOptions {
  const choice = readConfigChoice(values);
  const all = isOn(values, 'all');
  if (all && choice.settings.device !== undefined) throw usage('--all and --device exclude each other: all devices, or one');
  const interval = durationOption(values, 'interval');
  const watch = isOn(values, 'watch');
  if (interval !== undefined && !watch) throw usage('--interval goes with --watch');
  const filter = filterOption(values);
  return {
    ...choice,
    all,
    ...(watch ? { watchMs: interval ?? DEFAULT_WATCH_MS } : {}),
    sort: choiceOption(values, 'sort', SORT_FIELDS),
    ...(filter === undefined ? {} : { filter }),
    staleAfterMs: durationOption(values, 'stale-after') ?? DEFAULT_STALE_MS,
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

function filterOption(values: OptionValues): readonly UserState[] | undefined {
  return textOption(values, 'filter')
    ?.split(',')
    .map((word) => {
      const found = USER_STATES.find((state) => state === word.trim());
      if (found !== undefined) return found;
      const near = nearest(word, USER_STATES);
      const hint = near === undefined ? '' : `, did you mean "${near}"?`;
      throw usage(`--filter: expected ${USER_STATES.join(', ')}, got ${JSON.stringify(word)}${hint}`);
    });
}
