import {
  type Address,
  encodeGlobalConfig,
  encodeGlobalState,
  encodeProgramConfig,
  globalConfigAddress,
  globalStateAddress,
  lamports,
  NETWORKS,
  parseNetworkV4,
  programConfigAddress,
  ZERO_ADDRESS,
} from '../../../serviceability/index.ts';

/** The release whose rules this ledger follows. */
const PROGRAM_VERSION = { major: 0, minor: 34, patch: 0 };
const CLIENT_ASN = 65_000;
const FIRST_BGP_COMMUNITY = 10_000;

/** The accounts that a network has one of: ProgramConfig, GlobalConfig and GlobalState, with the numbers of a DoubleZero localnet and one founder. */
export function networkAccounts(programId: Address, owner: Address): ReadonlyMap<Address, Uint8Array> {
  const state = globalStateAddress(programId);
  const program = programConfigAddress(programId);
  const config = globalConfigAddress(programId);
  const localAsn = NETWORKS.find(({ name }) => name === 'localnet')?.deviceAsn ?? 0;
  return new Map([
    [
      program.address,
      encodeProgramConfig({ bumpSeed: program.bump, version: PROGRAM_VERSION, minCompatibleVersion: { major: 0, minor: 1, patch: 0 } }),
    ],
    [
      config.address,
      encodeGlobalConfig({
        owner,
        bumpSeed: config.bump,
        localAsn,
        remoteAsn: CLIENT_ASN,
        deviceTunnelBlock: parseNetworkV4('172.16.0.0/16'),
        userTunnelBlock: parseNetworkV4('169.254.0.0/16'),
        multicastGroupBlock: parseNetworkV4('233.84.178.0/24'),
        nextBgpCommunity: FIRST_BGP_COMMUNITY,
        multicastPublisherBlock: parseNetworkV4('198.19.248.0/24'),
      }),
    ],
    [
      state.address,
      encodeGlobalState({
        bumpSeed: state.bump,
        accountIndex: 0n,
        foundationAllowlist: [owner],
        deviceAllowlist: [],
        userAllowlist: [],
        activatorAuthorityPk: ZERO_ADDRESS,
        sentinelAuthorityPk: ZERO_ADDRESS,
        contributorAirdropLamports: lamports(0),
        userAirdropLamports: lamports(0),
        healthOraclePk: ZERO_ADDRESS,
        qaAllowlist: [],
        featureFlags: 0n,
        feedAuthorityPk: ZERO_ADDRESS,
      }),
    ],
  ]);
}
