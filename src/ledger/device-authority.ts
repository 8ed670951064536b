import { AgentError } from '../platform/index.ts';
import { AccountDataError, type Address, type Device, decodeDevice, type Slot } from '../serviceability/index.ts';
import type { LedgerRpc } from './ledger-rpc.ts';

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
 * LEDGER__DEVICE_UNKNOWN, LEDGER__DEVICE_WRONG_OWNER, LEDGER__NOT_A_DEVICE or LEDGER__PUBLISHER_MISMATCH, and whatever the RPC throws.
 */
export async function readDeviceAuthority(query: DeviceAuthorityQuery, signal: AbortSignal): Promise<DeviceAuthority> {
  const { rpc, device, programId, publisher } = query;
  const { slot, accounts } = await rpc.accounts([device], signal);
  const account = accounts[0] ?? null;
  if (account === null) throw new AgentError('LEDGER__DEVICE_UNKNOWN', { device });
  if (account.owner !== programId) throw new AgentError('LEDGER__DEVICE_WRONG_OWNER', { device, owner: account.owner, programId });
  const { code, status, metricsPublisherPk } = decode(device, account.data);
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
