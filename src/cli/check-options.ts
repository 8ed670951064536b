import type { CommandBody } from './command.ts';
import { type ConfigChoice, readConfigChoice } from './config-options.ts';
import { choiceOption, type OptionValues } from './option-values.ts';

export interface CheckOptions extends ConfigChoice {
  readonly output: 'table' | 'json';
}

export type CheckBody = CommandBody<CheckOptions>;

export function readCheckOptions(values: OptionValues): CheckOptions {
  return { ...readConfigChoice(values), output: choiceOption(values, 'output', ['table', 'json']) };
}
