import { DeviceStatus, isAddress, isIpv4 } from '../../serviceability/index.ts';
import { choiceOption, isOn, type OptionValues, textOption, usage, wholeNumberOption } from '../command.ts';

export interface Request {
  readonly method: string;
  /** The one object that the method takes. `user` may be a client address, and `device` is filled in where `needsDevice`. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly needsDevice?: boolean;
  /** Where the answer goes instead of to standard output. */
  readonly file?: string;
}

export interface Verb {
  /** What follows it, for people. */
  readonly takes: string;
  readonly describe: string;
  /** The least and the most words that may follow. */
  readonly count: readonly [number, number];
  /** Options that go with it beside the common ones. */
  readonly options?: readonly string[];
  /** Throws AgentError `CONFIG__USAGE`. */
  readonly requests: (words: readonly string[], values: OptionValues) => readonly Request[];
}

const LONGEST_RTT_US = 60_000_000;
const ANY = Number.POSITIVE_INFINITY;
const show = (method: string): Pick<Verb, 'takes' | 'count' | 'requests'> => ({
  takes: '',
  count: [0, 0],
  requests: () => [{ method, params: {} }],
});
const ofUser = (method: string): Pick<Verb, 'takes' | 'count' | 'requests'> => ({
  takes: 'USER',
  count: [1, 1],
  requests: ([word = '']) => [{ method, params: { user: readUser(word) } }],
});

/** What `dzd-telemetry localnet` can be told to do with one that runs. USER is a public key or a client address. */
export const VERBS: Readonly<Record<string, Verb>> = {
  'user list': { describe: 'the users', ...show('localnet_users') },
  'user create': {
    takes: '',
    count: [0, 0],
    describe: 'a new one, by CreateAndActivateUser',
    options: ['client-ip', 'kind', 'tenant', 'connect'],
    requests: (_, values) => [{ method: 'localnet_addUser', params: newUser(values) }],
  },
  'user delete': { describe: 'by DeleteUser', ...ofUser('localnet_deleteUser') },
  'user ban': { describe: 'by BanUser', ...ofUser('localnet_banUser') },
  'user connect': {
    ...ofUser('localnet_connectUser'),
    describe: 'its BGP session comes up',
    options: ['rtt-us'],
    requests([word = ''], values) {
      const rttUs = wholeNumberOption(values, 'rtt-us', { min: 0, max: LONGEST_RTT_US });
      return [{ method: 'localnet_connectUser', params: { user: readUser(word), ...(rttUs === undefined ? {} : { rttUs }) } }];
    },
  },
  'user disconnect': { describe: 'its BGP session goes down', ...ofUser('localnet_disconnectUser') },
  'device show': { describe: 'the device', ...show('localnet_device') },
  'device publisher': {
    takes: 'PUBKEY',
    count: [1, 1],
    describe: 'the key that may write its statuses',
    requests([word = '']) {
      if (!isAddress(word)) throw usage(`${JSON.stringify(word.slice(0, 60))} is no public key`);
      return [{ method: 'localnet_changeDevice', params: { metricsPublisher: word }, needsDevice: true }];
    },
  },
  'device status': {
    takes: 'NAME',
    count: [1, 1],
    describe: 'activated, drained, …',
    requests([word = '']) {
      const found = Object.entries(DeviceStatus).find(([name]) => name === word);
      if (found === undefined) throw usage(`device status: expected ${Object.keys(DeviceStatus).join(', ')}`);
      return [{ method: 'localnet_changeDevice', params: { status: found[1] }, needsDevice: true }];
    },
  },
  'device reboot': { describe: 'every session goes down', ...show('localnet_rebootSwitch') },
  snapshot: {
    takes: 'FILE',
    count: [1, 1],
    describe: 'write the state to a file, for --restore',
    requests: ([file = '']) => [{ method: 'localnet_snapshot', params: {}, file }],
  },
  'faults show': {
    takes: 'ledger|switch',
    count: [1, 1],
    describe: 'the faults that hold',
    requests: ([side]) => [{ method: side === 'ledger' ? 'localnet_faults' : switchOr(side, 'localnet_switchFaults'), params: {} }],
  },
  'faults set': {
    takes: 'ledger|switch NAME=VALUE…',
    count: [2, ANY],
    describe: 'as in docs/localnet.md; values are JSON',
    requests: ([side, ...pairs]) => [
      { method: side === 'ledger' ? 'localnet_setFaults' : switchOr(side, 'localnet_beginSwitchFault'), params: readPairs(pairs) },
    ],
  },
  'faults clear': {
    takes: '[ledger|switch]',
    count: [0, 1],
    describe: 'end them',
    requests: ([side]) => {
      const ledger = { method: 'localnet_clearFaults', params: {} };
      const device = { method: 'localnet_clearSwitchFaults', params: {} };
      if (side === undefined) return [ledger, device];
      return [side === 'ledger' ? ledger : { ...device, method: switchOr(side, device.method) }];
    },
  },
};

function switchOr(side: string | undefined, method: string): string {
  if (side === 'switch') return method;
  throw usage(`faults are of the ledger or of the switch, not of ${JSON.stringify(side?.slice(0, 60))}`);
}

function newUser(values: OptionValues): Readonly<Record<string, unknown>> {
  const clientIp = textOption(values, 'client-ip');
  if (clientIp !== undefined && !isIpv4(clientIp)) throw usage(`--client-ip: ${JSON.stringify(clientIp.slice(0, 60))} is no IPv4 address`);
  const tenant = wholeNumberOption(values, 'tenant', { min: 0, max: 1 });
  return {
    ...(clientIp === undefined ? {} : { clientIp }),
    kind: choiceOption(values, 'kind', ['unicast', 'multicast']),
    ...(tenant === undefined ? {} : { tenant }),
    connect: isOn(values, 'connect'),
  };
}

function readUser(word: string): string {
  if (isAddress(word) || isIpv4(word)) return word;
  throw usage(`${JSON.stringify(word.slice(0, 60))} is no public key and no client address`);
}

/** `kind=slow delayMs=500`: a value is JSON, or else the text itself. */
function readPairs(pairs: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw usage(`${JSON.stringify(pair.slice(0, 60))} is not NAME=VALUE`);
      return [pair.slice(0, at), parseValue(pair.slice(at + 1))];
    }),
  );
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
