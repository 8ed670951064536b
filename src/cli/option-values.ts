import { nearest, parseDuration } from '../config/index.ts';
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
