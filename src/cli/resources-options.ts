import { type AgentConfig, didYouMean, loadKeypair, orList } from '../config/index.ts';
import { AgentError } from '../lib/index.ts';
import type { LedgerRpc, ProgramAccounts } from '../rpc/index.ts';
import { type Address, ZERO_ADDRESS } from '../serviceability/index.ts';
import type { NetworkAccounts } from '../serviceability/rfc11/index.ts';
import {
  type CommandIo,
  choiceOption,
  isOn,
  type OptionValues,
  readConfigChoice,
  textOption,
  usage,
  wholeNumberOption,
} from './command.ts';

/** The name of the words that follow the command. */
export const ACTION = 'action';
const ACTIONS = ['show', 'audit', 'migrate plan', 'migrate apply', 'sweep'] as const;

export type ResourcesOptions = ReturnType<typeof readResourcesOptions>;

/** Throws AgentError `CONFIG__USAGE` for words or options that do not fit together. */
export function readResourcesOptions(values: OptionValues) {
  const words = textOption(values, ACTION)?.split('\n') ?? [];
  const action = ACTIONS.find((each) => each === words.slice(0, each.split(' ').length).join(' '));
  if (action === undefined) {
    const asked = words.slice(0, 2).join(' ');
    const given = asked === '' ? '' : `, not ${JSON.stringify(asked.slice(0, 60))}${didYouMean(asked, ACTIONS)}`;
    throw usage(`resources: expected ${orList(ACTIONS)}${given}`);
  }
  const rest = words.slice(action.split(' ').length);
  const [file, ...surplus] = action === 'migrate apply' ? rest : [undefined, ...rest];
  if (surplus[0] !== undefined) throw usage(`resources ${action}: unexpected argument "${surplus[0].slice(0, 60)}"; options begin with --`);
  const out = textOption(values, 'out');
  if (action === 'migrate apply' && file === undefined)
    throw usage('resources migrate apply needs the plan file: resources migrate apply FILE');
  if (action === 'migrate plan' && out === undefined) throw usage('resources migrate plan needs --out FILE');
  if (action !== 'migrate plan' && out !== undefined) throw usage(`resources ${action} takes no --out`);
  const reservedStart = wholeNumberOption(values, 'reserved-start', { min: 0, max: 255 });
  if (action !== 'migrate plan' && reservedStart !== undefined) throw usage(`resources ${action} takes no --reserved-start`);
  const execute = isOn(values, 'execute');
  if (execute && action !== 'migrate apply' && action !== 'sweep') throw usage(`resources ${action} sends nothing and takes no --execute`);
  const { configFile, settings } = readConfigChoice(values);
  const { device, ...others } = settings;
  if (device !== undefined && action !== 'show') throw usage(`resources ${action} is for the whole network and takes no --device`);
  return {
    configFile,
    // The configuration requires a device; these commands are for a network.
    settings: { ...others, device: ZERO_ADDRESS },
    action,
    /** A public key or a code; undefined: all devices. */
    device,
    /** Of `migrate plan` and `migrate apply`. */
    planFile: file ?? out,
    /** Of `migrate plan`: slots at the start of each DoubleZero prefix that are never given out. */
    reservedStart,
    /** Send transactions instead of describing them. */
    execute,
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

/** A network as it was read. */
export interface NetworkReading extends Omit<ProgramAccounts, 'accounts'> {
  readonly network: NetworkAccounts;
}

/** What an action of `resources` works with. */
export interface ResourcesContext {
  readonly options: ResourcesOptions;
  readonly config: AgentConfig;
  readonly rpc: LedgerRpc;
  readonly io: CommandIo;
  /** Reads every account of the program now. Throws AgentError `LEDGER__…`. */
  read(): Promise<NetworkReading>;
  /** The epoch of the ledger now. Throws AgentError `LEDGER__…`. */
  epoch(): Promise<bigint>;
}

/** The key that sends what this action decides. Throws AgentError `RESOURCES__NO_KEY`, or `CONFIG__KEYPAIR_…`. */
export function loadSigner({ keypair }: AgentConfig, action: ResourcesOptions['action']) {
  if (keypair === undefined) throw new AgentError('RESOURCES__NO_KEY', { action: `resources ${action}` });
  return loadKeypair(keypair).keypair;
}

/** The device's code where it has one. */
export const deviceName = ({ devices }: NetworkAccounts, device: Address | undefined): string =>
  device === undefined ? '-' : (devices.get(device)?.code ?? device);
