import { expect, test, vi } from 'vitest';
import type { AgentCounts } from '../../src/agent/counts.ts';
import { openAdminServer, staleAfterMs } from '../../src/cli/daemon.ts';
import { loadConfig } from '../../src/config/index.ts';
import { AgentError } from '../../src/lib/index.ts';
import { createLogger } from '../../src/observability/index.ts';
import { DEVICE, keyNumber } from '../support/bgp-builders.ts';

function configOf(rpcUrls: string, interval: string) {
  const flags = {
    env: 'localnet',
    device: DEVICE,
    'http.listen': '127.0.0.1:0',
    'ledger.rpcUrls': rpcUrls,
    'collector.interval': interval,
  };
  return loadConfig({ flags, environment: {}, defaultFile: '/nonexistent' }).config;
}

const agentThatWaited = (endpoint: string, delayed: number) => ({
  counts: (): AgentCounts => ({
    endpoints: [{ endpoint, requests: 9, delayed, delayedMs: 0, gaveUp: 0, refused: 0 }],
    dropCounters: [],
  }),
});

async function openWindow(atEnd: (stop: () => Promise<void>) => void, interval = '5s') {
  const lines: Record<string, string>[] = [];
  const log = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const window = await openAdminServer({
    config: configOf('http://a.example', interval),
    version: '1.2.3',
    commit: null,
    publisher: keyNumber(7),
    logger: createLogger({ level: 'info', format: 'json', destination: log }),
    reload: async () => ({ successful: true, message: 'taken' }),
  });
  atEnd(() => window.close());
  const shown = async () => {
    const text = await (await fetch(new URL('/metrics', lines.findLast(({ url }) => url !== undefined)?.url))).text();
    return text.split('\n').filter((line) => /^dzd_telemetry_(endpoint_up|rpc_delayed_requests_total|interval_seconds)/.test(line));
  };
  return { window, shown, lines };
}

test('an agent whose ticks never end is logged, although no tick says so', async ({ onTestFinished }) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const { lines } = await openWindow(onTestFinished);
  vi.advanceTimersByTime(120_000);
  expect(lines.filter(({ findings }) => findings?.includes('agent-silent'))).toMatchObject([
    { level: 'error', problem: expect.stringMatching(/^No tick has completed for /) },
  ]);
});

test('an agent whose interval is long is not silent between two ticks', async ({ onTestFinished }) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const { lines } = await openWindow(onTestFinished, '2m');
  vi.advanceTimersByTime(11 * 60_000);
  expect(lines.filter(({ findings }) => findings?.includes('agent-silent'))).toEqual([]);
  vi.advanceTimersByTime(3 * 60_000);
  expect(lines.filter(({ findings }) => findings?.includes('agent-silent')).length).toBe(1);
});

test('after a reload the admin server shows the new agent, without problems of the old one', async ({ onTestFinished }) => {
  const { window, shown } = await openWindow(onTestFinished);
  window.watch(agentThatWaited('http://a.example', 3), configOf('http://a.example', '5s'));
  window.reporter.endpoint({
    endpoint: 'http://a.example',
    state: 'lost',
    error: new AgentError('LEDGER__NO_ENDPOINT', { problems: 'none' }),
  });
  const before = [
    'dzd_telemetry_rpc_delayed_requests_total{endpoint="http://a.example"} 3',
    'dzd_telemetry_interval_seconds 5',
    'dzd_telemetry_endpoint_up{endpoint="http://a.example"} 0',
  ];
  expect(await shown()).toEqual(before);

  window.watch(agentThatWaited('http://b.example', 0), configOf('http://b.example', '7s'));
  expect(await shown()).toEqual(before);
  window.reloaded({ successful: true, message: '' });
  expect(await shown()).toEqual([
    'dzd_telemetry_rpc_delayed_requests_total{endpoint="http://b.example"} 0',
    'dzd_telemetry_interval_seconds 7',
    'dzd_telemetry_endpoint_up{endpoint="http://b.example"} 1',
  ]);
});

test('a failed reload leaves the admin server unchanged', async ({ onTestFinished }) => {
  const { window, shown } = await openWindow(onTestFinished);
  window.watch(agentThatWaited('http://a.example', 3), configOf('http://a.example', '5s'));
  const before = await shown();
  window.reloaded({ successful: false, message: 'no' });
  expect(await shown()).toEqual(before);
});

test('an agent is unhealthy after the longest time between two ticks: each SNMP source polled twice', () => {
  const { collector } = configOf('http://127.0.0.1:1', '5s');
  const snmp = { type: 'snmp', pollTimeout: 40_000 };
  const after = (sources: readonly unknown[], interval = 5_000) =>
    staleAfterMs({ collector: { ...collector, interval, sources } as typeof collector });
  expect([after([]), after([], 60_000), after([snmp]), after([snmp, snmp])]).toEqual([30_000, 360_000, 87_000, 169_000]);
});
