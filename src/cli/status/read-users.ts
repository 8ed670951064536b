import { AgentError } from '../../lib/index.ts';
import { type LedgerRpc, readNetworkUsers, type SingleEndpoint } from '../../rpc/index.ts';
import { AccountDataError, type Address, type Device, decodeDevice, type Slot } from '../../serviceability/index.ts';
import { type UserRow, userRows } from './user-rows.ts';

export interface UsersReaderOptions {
  readonly rpc: Pick<LedgerRpc, 'accounts' | 'recentSlotTimeMs'>;
  readonly endpoints: readonly SingleEndpoint[];
  readonly programId: Address;
  /** Absent: the users of every device. */
  readonly device?: Address;
  readonly staleAfterMs: number;
}

export interface UsersReading {
  readonly slot: Slot;
  readonly rows: readonly UserRow[];
}

/**
 * Reads users and their devices, and how long a slot takes. Throws AgentError `LEDGER__…`: LEDGER__DEVICE_UNKNOWN for a device that is named
 * and not there.
 */
export async function readUserRows(options: UsersReaderOptions, signal: AbortSignal): Promise<UsersReading> {
  const { rpc, endpoints, programId, device, staleAfterMs } = options;
  const only = device === undefined ? {} : { device };
  const [{ slot, users }, slotTimeMs] = await Promise.all([
    readNetworkUsers({ endpoints, programId, ...only }, signal),
    rpc.recentSlotTimeMs(signal),
  ]);
  const wanted = device === undefined ? [...new Set([...users.values()].map(({ user }) => user.devicePk))] : [device];
  const devices = await readDevices(wanted, options, signal);
  if (device !== undefined && !devices.has(device)) throw new AgentError('LEDGER__DEVICE_UNKNOWN', { device });
  // Without a measured slot an age cannot be told from zero by a guess: NaN makes every record of any age stale.
  const freshness = { slot, slotTimeMs: slotTimeMs ?? Number.NaN, staleAfterMs };
  return { slot, rows: userRows({ users, devices, freshness }) };
}

async function readDevices(
  addresses: readonly Address[],
  { rpc, programId }: UsersReaderOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<Address, Device>> {
  const devices = new Map<Address, Device>();
  if (addresses.length === 0) return devices;
  const { accounts } = await rpc.accounts(addresses, signal);
  addresses.forEach((address, index) => {
    const account = accounts[index];
    if (account === undefined || account === null || account.owner !== programId) return;
    try {
      devices.set(address, decodeDevice(account.data));
    } catch (error) {
      if (!(error instanceof AccountDataError)) throw error;
    }
  });
  return devices;
}
