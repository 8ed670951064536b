import { z } from 'zod';
import type { Address } from '../serviceability/index.ts';
import { addressText, type LocalLedger, ledgerSnapshotSchema } from './ledger/index.ts';
import type { World } from './world.ts';

export const SNAPSHOT_FORMAT = 'dzd-telemetry-localnet';
export const SNAPSHOT_VERSION = 1;

const session = z.strictObject({ user: addressText, rttUs: z.number().min(0).max(60_000_000) });

/** A localnet's state as JSON: its ledger, and which users are connected. */
export const localnetSnapshotSchema = z.strictObject({
  format: z.literal(SNAPSHOT_FORMAT),
  version: z.literal(SNAPSHOT_VERSION),
  device: addressText,
  connected: z.array(session),
  ledger: ledgerSnapshotSchema,
});

export type LocalnetSnapshot = z.input<typeof localnetSnapshotSchema>;

/** The world that a restored ledger holds. Its device gets another publisher when its own is not this one. Throws Error when it has no such device. */
export function restoredWorld({ admin }: LocalLedger, snapshot: LocalnetSnapshot, publisher: Address): World {
  const { device, connected, ledger } = localnetSnapshotSchema.parse(snapshot);
  const found = admin.device(device);
  if (found === undefined) throw new Error(`device: the snapshot holds no device ${device}`);
  if (found.metricsPublisherPk !== publisher) admin.changeDevice(device, { metricsPublisher: publisher });
  const tenants = ledger.accounts
    .flatMap(({ address }) => {
      const tenant = admin.tenant(address);
      return tenant === undefined ? [] : [{ address, vrfId: tenant.vrfId }];
    })
    .sort((a, b) => a.vrfId - b.vrfId);
  return { device, tenants: tenants.map(({ address }) => address), connected };
}
