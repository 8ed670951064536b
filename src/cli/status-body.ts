import { createLedgerRpc, openEndpoints } from '../ledger/index.ts';
import { jsonLine } from '../observability/index.ts';
import { describeError, systemClock } from '../platform/index.ts';
import { ZERO_ADDRESS } from '../serviceability/index.ts';
import type { CommandIo, ExitCode } from './command.ts';
import { loadChosen } from './config-options.ts';
import { arrangeRows } from './status/arrange-rows.ts';
import { drawTable } from './status/draw-table.ts';
import { readUserRows, type UsersReading } from './status/read-users.ts';
import { USER_STATES } from './status/user-rows.ts';
import type { StatusBody, StatusOptions } from './status-options.ts';

const CLEAR = '\u001b[H\u001b[J';

/** `dzd-telemetry status`: the ledger alone, read once or until a signal. */
export const statusBody: StatusBody = async (options, io) => {
  const { all, watchMs, staleAfterMs } = options;
  // All devices need none of their own.
  const settings = all ? { ...options.settings, device: ZERO_ADDRESS } : options.settings;
  const { config } = loadChosen({ ...options, settings }, io);
  const { rpcUrls, programId, requestTimeout } = config.ledger;
  const clock = systemClock;
  const rpc = createLedgerRpc({ urls: rpcUrls, programId, random: Math.random, clock, requestTimeoutMs: requestTimeout });
  const endpoints = openEndpoints({ urls: rpcUrls, clock, timeoutMs: requestTimeout });
  const query = { rpc, endpoints, programId, staleAfterMs, ...(all ? {} : { device: config.device }) };
  const read = (): Promise<UsersReading> => readUserRows(query, io.signal);
  try {
    show(await read(), options, io);
    while (watchMs !== undefined) {
      await clock.sleep(watchMs, io.signal);
      try {
        show(await read(), options, io);
      } catch (error) {
        io.signal.throwIfAborted();
        // Who watches wants to see the ledger come back.
        io.stderr.write(`dzd-telemetry: ${describeError(error)}\n`);
      }
    }
    return 0 satisfies ExitCode;
  } finally {
    await Promise.all([rpc.close(), ...endpoints.map((endpoint) => endpoint.close())]);
  }
};

function show({ slot, rows }: UsersReading, { all, sort, filter, output, watchMs }: StatusOptions, { stdout }: CommandIo): void {
  const arranged = arrangeRows(rows, sort, filter);
  if (output === 'table') {
    const before = watchMs !== undefined && stdout.isTerminal ? CLEAR : '';
    stdout.write(`${before}${drawTable(arranged, { withDevice: all })}`);
    return;
  }
  for (const row of arranged) stdout.write(jsonLine(row));
  const counts = Object.fromEntries(USER_STATES.map((state) => [state, arranged.filter((row) => row.state === state).length]));
  stdout.write(jsonLine({ event: 'summary', slot, users: arranged.length, ...counts }));
}
