import { AgentError } from '../lib/index.ts';
import { AccountDataError, type Address, type Device, decodeDevice, type Slot } from '../serviceability/index.ts';
import type { AccountInfo, LedgerRpc } from './ledger-rpc.ts';

/** What the ledger says about the device that we report for. */
export interface DeviceAuthority {
  /** The slot for which the endpoint answered. */
  readonly slot: Slot;
  readonly device: Address;
  /** The device's name, e.g. `ams-dz001`. */
  readonly code: string;
  /** Byte value, see DeviceStatus. */
  readonly status: number;
  /** The only key whose reports the program takes for this device. */
  readonly metricsPublisher: Address;
}

export interface DeviceAuthorityQuery {
  readonly rpc: Pick<LedgerRpc, 'accounts'>;
  readonly device: Address;
  readonly programId: Address;
  /** Our key; without it (a dry run) the device's publisher is not compared. */
  readonly publisher?: Address;
}

/**
 * Reads the Device account and checks that we may report for it, as the program does for every SetUserBGPStatus. Throws AgentError
 * LEDGER__DEVICE_UNKNOWN, LEDGER__DEVICE_WRONG_OWNER or LEDGER__NOT_A_DEVICE when every endpoint that serves says so,
 * LEDGER__PUBLISHER_MISMATCH, and whatever the RPC throws. An endpoint that lacks what another one has is set aside.
 */
export async function readDeviceAuthority(query: DeviceAuthorityQuery, signal: AbortSignal): Promise<DeviceAuthority> {
  const { rpc, device, programId, publisher } = query;
  const readDevice = (account: AccountInfo | null | undefined): Device => {
    if (account === null || account === undefined) throw new AgentError('LEDGER__DEVICE_UNKNOWN', { device });
    if (account.owner !== programId) throw new AgentError('LEDGER__DEVICE_WRONG_OWNER', { device, owner: account.owner, programId });
    return decode(device, account.data);
  };
  const { slot, accounts } = await rpc.accounts([device], signal, { prove: ([account]) => void readDevice(account) });
  const { code, status, metricsPublisherPk } = readDevice(accounts[0]);
  if (publisher !== undefined && metricsPublisherPk !== publisher) {
    throw new AgentError('LEDGER__PUBLISHER_MISMATCH', { device, expected: publisher, actual: metricsPublisherPk });
  }
  return { slot, device, code, status, metricsPublisher: metricsPublisherPk };
}

function decode(device: Address, data: Uint8Array): Device {
  try {
    return decodeDevice(data);
  } catch (error) {
    if (!(error instanceof AccountDataError)) throw error;
    throw new AgentError('LEDGER__NOT_A_DEVICE', { device, problem: error.message }, { cause: error });
  }
}
