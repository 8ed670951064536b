import { describeError, systemClock } from '../lib/index.ts';
import { jsonLine } from '../observability/index.ts';
import { createLedgerRpc, openEndpoints } from '../rpc/index.ts';
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
    let told: string | undefined;
    while (watchMs !== undefined) {
      await clock.sleep(watchMs, io.signal);
      try {
        show(await read(), options, io);
        told = undefined;
      } catch (error) {
        io.signal.throwIfAborted();
        // Who watches wants to see the ledger come back, and has read the problem once.
        const problem = describeError(error);
        if (problem !== told) io.stderr.write(`dzd-telemetry: ${problem}; what was read before stays, and is read again\n`);
        told = problem;
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
    const columns = stdout.isTerminal ? stdout.columns : undefined;
    const isScreen = watchMs !== undefined && columns !== undefined;
    const screen = isScreen ? { columns, rows: process.stdout.rows ?? 24 } : undefined;
    stdout.write(`${isScreen ? CLEAR : ''}${drawTable(arranged, { withDevice: all, columns, screen })}`);
    return;
  }
  for (const row of arranged) stdout.write(jsonLine(row));
  const counts = Object.fromEntries(USER_STATES.map((state) => [state, arranged.filter((row) => row.state === state).length]));
  stdout.write(jsonLine({ event: 'summary', slot, users: arranged.length, ...counts }));
}
