import type { Address } from './units.ts';

/** A DoubleZero network, as built into DoubleZero's public clients. */
export interface Network {
  readonly name: 'mainnet-beta' | 'testnet' | 'devnet' | 'localnet';
  /** Other names that DoubleZero's own commands accept. */
  readonly aliases: readonly string[];
  /** The serviceability program. */
  readonly programId: Address;
  /** The program that holds latency samples. */
  readonly telemetryProgramId: Address;
  /** JSON-RPC of the DoubleZero ledger, a Solana cluster of its own. */
  readonly rpcUrl: string;
  readonly wsUrl: string;
  /** The AS number that a device of this network presents to its users. */
  readonly deviceAsn: number;
}

const TEST_LEDGER = 'doublezerolocalnet.rpcpool.com/8a4fd3f4-0977-449f-88c7-63d4b0f10f16';
const MAINNET_LEDGER = 'doublezero-mainnet-beta.rpcpool.com/db336024-e7a8-46b1-80e5-352dd77060ab';
const TEST_TELEMETRY = 'C9xqH76NSm11pBS6maNnY163tWHT8Govww47uyEmSnoG' as Address;

/** DoubleZero's networks; see findNetwork. */
export const NETWORKS: readonly Network[] = [
  {
    name: 'mainnet-beta',
    aliases: ['mainnet', 'm'],
    programId: 'ser2VaTMAcYTaauMrTSfSrxBaUDq7BLNs2xfUugTAGv' as Address,
    telemetryProgramId: 'tE1exJ5VMyoC9ByZeSmgtNzJCFF74G9JAv338sJiqkC' as Address,
    rpcUrl: `https://${MAINNET_LEDGER}`,
    wsUrl: `wss://${MAINNET_LEDGER}`,
    deviceAsn: 209_321,
  },
  {
    name: 'testnet',
    aliases: ['t'],
    programId: 'DZtnuQ839pSaDMFG5q1ad2V95G82S5EC4RrB3Ndw2Heb' as Address,
    telemetryProgramId: '3KogTMmVxc5eUHtjZnwm136H5P8tvPwVu4ufbGPvM7p1' as Address,
    rpcUrl: `https://${TEST_LEDGER}`,
    wsUrl: `wss://${TEST_LEDGER}/whirligig`,
    deviceAsn: 65_342,
  },
  {
    name: 'devnet',
    aliases: ['d'],
    programId: 'GYhQDKuESrasNZGyhMJhGYFtbzNijYhcrN9poSqCQVah' as Address,
    telemetryProgramId: TEST_TELEMETRY,
    rpcUrl: `https://${TEST_LEDGER}`,
    wsUrl: `wss://${TEST_LEDGER}/whirligig`,
    deviceAsn: 21_682,
  },
  {
    name: 'localnet',
    aliases: ['local', 'l'],
    programId: '7CTniUa88iJKUHTrCkB4TjAoG6TD7AMivhQeuqN2LPtX' as Address,
    telemetryProgramId: TEST_TELEMETRY,
    rpcUrl: 'http://localhost:8899',
    wsUrl: 'ws://localhost:8899',
    deviceAsn: 21_682,
  },
];

/** The network with that name or alias, ignoring case; undefined when there is none. */
export function findNetwork(nameOrAlias: string): Network | undefined {
  const wanted = nameOrAlias.toLowerCase();
  return NETWORKS.find((network) => network.name === wanted || network.aliases.includes(wanted));
}
