import { type Address, type Ipv4, isAddress, isIpv4 } from '../serviceability/index.ts';
import type { CommandBody } from './command.ts';
import { type ConfigChoice, readConfigChoice } from './config-options.ts';
import { choiceOption, isOn, type OptionValues, textOption, usage } from './option-values.ts';

/** What a user is asked for by. */
export type Wanted =
  | { readonly by: 'pubkey'; readonly user: Address }
  | { readonly by: 'client-ip'; readonly clientIp: Ipv4 }
  | { readonly by: 'tunnel'; readonly tunnelId: number };

export interface ExplainOptions extends ConfigChoice {
  readonly wanted: Wanted;
  /** As it was written. */
  readonly text: string;
  /** Do not ask a running agent. */
  readonly fresh: boolean;
  readonly output: 'table' | 'json';
}

export type ExplainBody = CommandBody<ExplainOptions>;

/** The name of the word that follows the command. */
export const WANTED = 'user';
const LARGEST_TUNNEL_ID = 65_535;

export function readExplainOptions(values: OptionValues): ExplainOptions {
  const text = textOption(values, WANTED);
  if (text === undefined) throw usage('explain needs to know whom: the public key, the client address or the tunnel id of a user');
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
  throw usage(`${JSON.stringify(text.slice(0, 60))} is no public key, no IPv4 address and no tunnel id`);
}
