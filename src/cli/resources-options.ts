import { type AgentConfig, didYouMean } from '../config/index.ts';
import { ZERO_ADDRESS } from '../serviceability/index.ts';
import {
  type CommandIo,
  type ConfigChoice,
  choiceOption,
  loadChosen,
  type OptionValues,
  readConfigChoice,
  textOption,
  usage,
} from './command.ts';

/** The name of the words that follow the command. */
export const ACTION = 'action';
const ACTIONS = ['show', 'audit'] as const;
type Action = (typeof ACTIONS)[number];

export interface ResourcesOptions extends ConfigChoice {
  readonly action: Action;
  /** A public key or a code; absent: all devices. */
  readonly device: string | undefined;
  readonly output: 'table' | 'json';
}

/** Throws AgentError `CONFIG__USAGE` for words or options that do not fit together. */
export function readResourcesOptions(values: OptionValues): ResourcesOptions {
  const words = textOption(values, ACTION)?.split('\n') ?? [];
  const action = ACTIONS.find((each) => each === words.slice(0, each.split(' ').length).join(' '));
  if (action === undefined) {
    const asked = words.slice(0, 2).join(' ');
    const given = asked === '' ? '' : `, not ${JSON.stringify(asked.slice(0, 60))}${didYouMean(asked, ACTIONS)}`;
    throw usage(`resources: expected ${ACTIONS.slice(0, -1).join(', ')} or ${ACTIONS.at(-1)}${given}`);
  }
  const [surplus] = words.slice(1);
  if (surplus !== undefined) throw usage(`resources ${action}: unexpected argument "${surplus.slice(0, 60)}"; options begin with --`);
  const { configFile, settings } = readConfigChoice(values);
  const { device, ...others } = settings;
  if (device !== undefined && action !== 'show') throw usage(`resources ${action} is for the whole network and takes no --device`);
  return {
    configFile,
    // The configuration requires a device; these commands are for a network.
    settings: { ...others, device: ZERO_ADDRESS },
    action,
    device,
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

/** The configuration of a command for a network. Throws AgentError `CONFIG__…`. */
export function loadNetworkConfig(options: ResourcesOptions, io: Pick<CommandIo, 'environment' | 'stderr'>): AgentConfig {
  return loadChosen(options, io).config;
}
