import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Localnet } from '../../localnet/index.ts';
import { writeNewKeypair } from '../../localnet/start.ts';
import { createAbortController, Stopped } from '../../src/lib/index.ts';
import { bgpStatusName } from '../../src/serviceability/index.ts';
import { commandFixture, jsonLines } from './command-fixture.ts';

/** Runs `dzd-telemetry run` with a configuration that names no key. */
async function fixture(settings: Readonly<Record<string, unknown>> = {}) {
  const command = await commandFixture({ keypair: undefined, http: undefined, ...settings });
  return { ...command, run: (...args: readonly string[]) => command.run(['run', ...args]) };
}

const ledgerSays = ({ ledger, device }: Localnet) =>
  [...ledger.admin.users(device).values()].map(({ bgpStatus }) => bgpStatusName(bgpStatus));
describe.concurrent('dry runs', () => {
  test('a dry run prints each intended write as one line of JSON, and sends nothing', async () => {
    await using at = await fixture();
    const { exitCode, stdout } = await at.run('--dry-run', '--once', '--output', 'json');
    expect(exitCode).toBe(0);
    expect(jsonLines(stdout)).toEqual(
      [...at.localnet.ledger.admin.users(at.localnet.device)]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([user, { tunnelNet }]) => ({
          event: 'intent',
          user,
          device: at.localnet.device,
          tunnelNet: `${tunnelNet.address}/31`,
          vrf: expect.stringMatching(/^vrf[12]$/),
          peer: expect.stringMatching(/^169\.254\.0\.[135]$/),
          from: 'unknown',
          to: 'up',
          reason: 'change',
          rttNs: 4_200_000,
          instruction: '6a014016400000000000',
        })),
    );
    expect(at.localnet.ledger.bank.counters.received).toBe(0);
  });

  test('a dry run needs no key, and does not read a configured one', async () => {
    await using at = await fixture({ keypair: '/nonexistent/id.json' });
    expect((await at.run('--dry-run', '--once')).exitCode).toBe(0);
  });

  test('a dry run compares a key of the command line with the publisher of the device', async () => {
    await using at = await fixture();
    expect((await at.run('--dry-run', '--once', '--keypair', at.keypair)).exitCode).toBe(0);
    const other = await writeNewKeypair(at.newFolder());
    const { exitCode, stderr } = await at.run('--dry-run', '--once', '--keypair', other);
    expect([exitCode, stderr.includes('LEDGER__PUBLISHER_MISMATCH')]).toEqual([1, true]);
  });

  test('a dry run fails when the switch is unreadable', async () => {
    await using at = await fixture();
    at.localnet.switchFaults.begin({ kind: 'garbage' });
    const { exitCode, stdout, stderr } = await at.run('--dry-run', '--once', '--output', 'json');
    expect([exitCode, stdout, stderr.includes('EAPI__MALFORMED')]).toEqual([1, '', true]);
    expect(stderr).toMatch(/"level":"error".*"problem":"the switch could not be read.*"msg":"poll failed"/);
    expect(stderr).not.toContain('poll completed');
  });

  test('a dry run fails when the ledger is unreadable', async () => {
    await using at = await fixture();
    at.localnet.ledger.faults.set({ rpc: [{ kind: 'unavailable' }] });
    const { exitCode, stdout, stderr } = await at.run('--dry-run', '--once', '--output', 'json');
    expect([exitCode, stdout, stderr.includes('LEDGER__UNAVAILABLE')]).toEqual([1, '', true]);
  });
});

describe.concurrent('writing runs', () => {
  test('run --once writes what differs, and nothing the second time', async () => {
    await using at = await fixture();
    expect((await at.run('--once', '--keypair', at.keypair)).exitCode).toBe(0);
    expect(ledgerSays(at.localnet)).toEqual(['up', 'up', 'up']);
    const { received } = at.localnet.ledger.bank.counters;
    expect((await at.run('--once', '--keypair', at.keypair)).exitCode).toBe(0);
    expect(at.localnet.ledger.bank.counters.received).toBe(received);
  });

  test('run --once warns of a key file that other users can read', async () => {
    await using at = await fixture();
    chmodSync(at.keypair, 0o644);
    const { exitCode, stderr } = await at.run('--once', '--keypair', at.keypair);
    expect([exitCode, stderr.includes(`${at.keypair} is readable by other users of this host; run: chmod 400`)]).toEqual([0, true]);
  });

  test.for([
    ['is not there', undefined, 'does not exist'],
    ['is empty', '', 'it is empty'],
    ['is no key', '{"not":"a key"}', 'it is JSON, but not an array'],
    ['is half a key', '[1,2,3]', 'it has 3 numbers instead of 64'],
  ] as const)('a key file that %s ends with 2 before any request', async ([, content, problem]) => {
    await using at = await fixture();
    const file = join(at.newFolder(), 'id.json');
    if (content !== undefined) writeFileSync(file, content, { mode: 0o600 });
    const { exitCode, stderr } = await at.run('--once', '--keypair', file);
    expect([exitCode, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(problem)]);
    expect(at.localnet.ledger.bank.counters.received).toBe(0);
  });

  test('run without a key file ends with 2 and names the ways to set one', async () => {
    await using at = await fixture();
    const { exitCode, stderr } = await at.run('--once');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--keypair, DZD_KEYPAIR or `keypair`')]);
  });

  test('a key that is not the publisher of the device ends with 1 and writes nothing', async () => {
    await using at = await fixture();
    const { exitCode, stderr } = await at.run('--once', '--keypair', await writeNewKeypair(at.newFolder()));
    expect([exitCode, stderr.includes('LEDGER__PUBLISHER_MISMATCH')]).toEqual([1, true]);
    expect(at.localnet.ledger.bank.counters.received).toBe(0);
    expect(ledgerSays(at.localnet)).toEqual(['unknown', 'unknown', 'unknown']);
  });

  test('a device that the ledger lacks ends with 1 and is named', async () => {
    await using at = await fixture();
    const elsewhere = at.publisher;
    const { exitCode, stderr } = await at.run('--once', '--keypair', at.keypair, '--device', elsewhere);
    expect([exitCode, stderr.includes(elsewhere), stderr.includes('LEDGER__DEVICE_')]).toEqual([1, true, true]);
  });
});

describe.concurrent('a listen address that is not free', () => {
  /** Runs the agent until its log has had each of these texts in order; `reached` runs at each. */
  async function runUntil(listen: string, texts: readonly string[], reached: (text: string) => void = () => undefined) {
    await using at = await commandFixture({ http: { listen } });
    const life = createAbortController();
    const left = [...texts];
    const { exitCode, stderr } = await at.run(['run'], life.signal, (text) => {
      if (left[0] === undefined || !text.includes(left[0])) return;
      reached(left.shift() ?? '');
      if (left.length === 0) life.abort(new Stopped('SIGTERM'));
    });
    const log = jsonLines(stderr) as readonly { readonly msg: string; readonly error?: { readonly message: string } }[];
    return { exitCode, log, ledger: ledgerSays(at.localnet) };
  }
  const NOT_SERVED = 'status, metrics and health are not served yet; the agent runs and retries';

  test('an address that this host does not have yet is retried, and the agent writes meanwhile', async () => {
    const { exitCode, log, ledger } = await runUntil('192.0.2.1:50100', [NOT_SERVED, 'status written']);
    expect([exitCode, log.filter(({ msg }) => msg === NOT_SERVED).map(({ error }) => error?.message)]).toEqual([
      0,
      [
        'http.listen: cannot listen on 192.0.2.1:50100: this host has no such address: listen EADDRNOTAVAIL: address not available 192.0.2.1:50100',
      ],
    ]);
    expect(ledger).toContain('up');
  });

  test('a port in use is retried until it is free, and then serves', async () => {
    const other = createServer();
    const listen = await new Promise<string>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${Object(other.address()).port}`));
    });
    const { exitCode, log } = await runUntil(listen, [NOT_SERVED, 'serving status'], (text) => {
      if (text === NOT_SERVED) other.close();
    });
    expect([exitCode, log.find(({ msg }) => msg === NOT_SERVED)?.error?.message]).toEqual([
      0,
      `http.listen: cannot listen on ${listen}: another process uses it: listen EADDRINUSE: address already in use ${listen}`,
    ]);
  });
});
