import { AccountType, openAccount } from './account-type.ts';
import { AccountWriter } from './account-writer.ts';
import type { Address, NetworkV4 } from './units.ts';

/** The GlobalConfig account (type 2): the network's numbers and address blocks. A field that the account is too short to hold reads as zero. */
export interface GlobalConfig {
  readonly owner: Address;
  readonly bumpSeed: number;
  readonly localAsn: number;
  readonly remoteAsn: number;
  readonly deviceTunnelBlock: NetworkV4;
  /** Every user's tunnel_net is a /31 of this. */
  readonly userTunnelBlock: NetworkV4;
  readonly multicastGroupBlock: NetworkV4;
  readonly nextBgpCommunity: number;
  readonly multicastPublisherBlock: NetworkV4;
}

/** Reads a GlobalConfig account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeGlobalConfig(data: Uint8Array): GlobalConfig {
  const reader = openAccount(data, 'globalConfig');
  return {
    owner: reader.key(),
    bumpSeed: reader.u8(),
    localAsn: reader.u32(),
    remoteAsn: reader.u32(),
    deviceTunnelBlock: reader.network(),
    userTunnelBlock: reader.network(),
    multicastGroupBlock: reader.network(),
    nextBgpCommunity: reader.u16(),
    multicastPublisherBlock: reader.network(),
  };
}

/** The account's 64 bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeGlobalConfig(config: GlobalConfig): Uint8Array {
  return new AccountWriter()
    .u8(AccountType.globalConfig)
    .key(config.owner)
    .u8(config.bumpSeed)
    .u32(config.localAsn)
    .u32(config.remoteAsn)
    .network(config.deviceTunnelBlock)
    .network(config.userTunnelBlock)
    .network(config.multicastGroupBlock)
    .u16(config.nextBgpCommunity)
    .network(config.multicastPublisherBlock)
    .finish();
}
