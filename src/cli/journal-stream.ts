import { fstatSync } from 'node:fs';

/**
 * Whether what is written to this file descriptor goes to systemd's journal: `JOURNAL_STREAM` of the environment names device and inode of the
 * stream that systemd connected (systemd.exec(5)). A redirection after that leads elsewhere, and then the numbers differ.
 */
export function leadsToJournal(descriptor: number, { JOURNAL_STREAM: stream = '' }: Readonly<Record<string, string | undefined>>): boolean {
  const [, device, inode] = /^(\d+):(\d+)$/.exec(stream) ?? [];
  if (device === undefined || inode === undefined) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return dev === BigInt(device) && ino === BigInt(inode);
  } catch {
    return false;
  }
}
