/** Names of the DoubleZero networks. */
export const ENVIRONMENTS = ['mainnet-beta', 'testnet', 'devnet', 'localnet'] as const;

export type Environment = (typeof ENVIRONMENTS)[number];

/** Short names that the DoubleZero tools take too. */
const ALIASES: Readonly<Record<string, Environment>> = {
  mainnet: 'mainnet-beta',
  m: 'mainnet-beta',
  t: 'testnet',
  d: 'devnet',
  local: 'localnet',
  l: 'localnet',
};

/** What a network's name stands for. */
export interface Preset {
  readonly rpcUrls: readonly string[];
  /** The serviceability program. */
  readonly programId: string;
}

const SHARED_TEST_LEDGER = 'https://doublezerolocalnet.rpcpool.com/8a4fd3f4-0977-449f-88c7-63d4b0f10f16';

/** The public endpoints and program ids that the DoubleZero tools have built in. */
export const PRESETS: Readonly<Record<Environment, Preset>> = {
  'mainnet-beta': {
    rpcUrls: ['https://doublezero-mainnet-beta.rpcpool.com/db336024-e7a8-46b1-80e5-352dd77060ab'],
    programId: 'ser2VaTMAcYTaauMrTSfSrxBaUDq7BLNs2xfUugTAGv',
  },
  testnet: { rpcUrls: [SHARED_TEST_LEDGER], programId: 'DZtnuQ839pSaDMFG5q1ad2V95G82S5EC4RrB3Ndw2Heb' },
  devnet: { rpcUrls: [SHARED_TEST_LEDGER], programId: 'GYhQDKuESrasNZGyhMJhGYFtbzNijYhcrN9poSqCQVah' },
  localnet: { rpcUrls: ['http://127.0.0.1:8899'], programId: '7CTniUa88iJKUHTrCkB4TjAoG6TD7AMivhQeuqN2LPtX' },
};

/** The network of that name or alias, or undefined. */
export function environmentOf(name: string): Environment | undefined {
  const isName = (text: string): text is Environment => ENVIRONMENTS.some((environment) => environment === text);
  return isName(name) ? name : Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
}
