import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { NotifyRunner } from './sd-notify.ts';

/** Longer than a busy switch takes to start a small program. */
const TIMEOUT_MS = 5_000;

/**
 * Tells the service manager through the program `systemd-notify`, as Node.js has no datagrams over Unix sockets. The manager has to accept
 * what children of the service say: `NotifyAccess=all` in the unit.
 */
export function createNotifyRunner({ NOTIFY_SOCKET, PATH }: Readonly<Record<string, string | undefined>>): NotifyRunner {
  const run = promisify(execFile);
  return async (assignments) => {
    await run('systemd-notify', [...assignments], {
      timeout: TIMEOUT_MS,
      // Nothing else of our environment is its business.
      env: { PATH: PATH ?? '/usr/bin:/bin', ...(NOTIFY_SOCKET === undefined ? {} : { NOTIFY_SOCKET }) },
    });
  };
}
