import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { DEFAULT_KINDS } from '../../localnet/state-ingest.ts';
import { createEapiShowRunner } from '../../src/collector/eapi/source.ts';
import type { Namespaces } from '../../src/collector/sockets/source.ts';
import { seededRandom, systemClock } from '../../src/lib/index.ts';
import {
  createCollectItem,
  createReadBgpSockets,
  createSnapshotter,
  createStateIngest,
  type Snapshotter,
} from '../../src/snapshots/index.ts';
import { type AgentFixture, type AtEnd, PATIENTLY, type SnapshotterPlace, settledFixture } from '../support/agent-fixture.ts';

const ALL_KINDS = ['bgp-sockets', ...DEFAULT_KINDS];

/** What `ss` would print on the switch: the sessions that are up. */
function socketsOf({ localnet: { sim } }: SnapshotterPlace): Namespaces {
  return {
    list: async () => ['default', 'ns-vrf1', 'ns-vrf2'],
    sockets: async (namespace) =>
      sim
        .neighbors(namespace.replace('ns-', ''))
        .filter(({ state }) => state === 'established')
        .map(({ address }) => `ESTAB 0 0 169.254.0.0:179 ${address}:50000 cubic wscale:7,7 rto:204 rtt:1.5/0.5\n`)
        .join(''),
  };
}

/** Rounds twice a second, through the same eAPI as the polls. */
function quickSnapshotter(place: SnapshotterPlace): Snapshotter {
  const { localnet, addresses, signer, reporter } = place;
  const shows = createEapiShowRunner({ endpoint: `unix://${addresses.eapiSocket}`, timeoutMs: 5_000, maxAnswerBytes: 1 << 20 });
  return createSnapshotter({
    device: localnet.device,
    sink: createStateIngest({
      url: addresses.stateIngestUrl ?? '',
      device: localnet.device,
      signer,
      timeoutMs: 5_000,
      clock: systemClock,
    }),
    collect: createCollectItem({ shows, readBgpSockets: createReadBgpSockets({ namespaces: socketsOf(place), timeoutMs: 5_000 }) }),
    intervalMs: 500,
    clock: systemClock,
    random: seededRandom(4),
    reporter,
    onInternalError: (error) => reporter.internalError(error),
    close: () => shows.close(),
  });
}

const bedWithSnapshots = (atEnd: AtEnd): Promise<AgentFixture> => settledFixture(atEnd, { snapshotter: quickSnapshotter });

/** One change after the other is written, whatever happens to the snapshots meanwhile. */
async function expectStatusesToGoOn(fixture: AgentFixture): Promise<void> {
  const { localnet, ledgerSays, until, eventsOf } = fixture;
  localnet.disconnect(fixture.user(1));
  await until('one down', () => ledgerSays()[1] === 'down');
  localnet.connect(fixture.user(1));
  await until('it is up again', () => ledgerSays()[1] === 'up');
  expect(ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
  expect(eventsOf('defect', 'rejected', 'halted')).toEqual([]);
}

describe.concurrent('snapshots of a running agent', PATIENTLY, () => {
  test('every kind arrives, signed by the publisher and with the announced hash', async ({ onTestFinished }) => {
    const fixture = await bedWithSnapshots(onTestFinished);
    const { localnet } = fixture;
    await fixture.until('every kind', () => new Set(localnet.stateIngest.snapshots().map(({ kind }) => kind)).size === ALL_KINDS.length);
    const arrived = localnet.stateIngest.snapshots();
    expect([...new Set(arrived.map(({ kind }) => kind))].sort()).toEqual([...ALL_KINDS].sort());
    for (const { bytes, sha256, hashMatches, kind, timestamp, device } of arrived) {
      expect([hashMatches, createHash('sha256').update(bytes).digest('hex')]).toEqual([true, sha256]);
      expect(JSON.parse(bytes.toString())).toEqual({ metadata: { kind, timestamp, device }, data: expect.anything() });
      expect(device).toBe(localnet.device);
    }
    await fixture.until('all four sessions', () => {
      const last = localnet.stateIngest.snapshots().findLast(({ kind }) => kind === 'bgp-sockets');
      return JSON.parse(last?.bytes.toString() ?? '{}').data?.length === 7;
    });
    const routes = arrived.findLast(({ kind }) => kind === 'ip-mroute-count');
    expect(JSON.parse(routes?.bytes.toString() ?? '').data).toEqual({ groups: 1, starG: 1, sG: 0 });
    expect(fixture.eventsOf('no snapshot', 'snapshots')).toEqual([]);
    await expectStatusesToGoOn(fixture);
  });

  const evil = {
    show_commands: [
      { kind: 'evil', command: 'configure terminal' },
      { kind: 'pipe', command: 'show version | tee flash:x' },
      { kind: 'version', command: 'show version' },
    ],
  };
  const long = { show_commands: Array.from({ length: 10_000 }, (_, n) => ({ kind: `k${n}`, command: 'show version' })) };
  const faults: readonly [string, (fixture: AgentFixture) => void, string][] = [
    [
      'a server whose clock is 10 min off',
      ({ localnet }) => localnet.stateIngest.set({ clockOffsetMs: 600_000 }),
      'snapshots lost: SNAPSHOT__CLOCK_SKEW',
    ],
    ['a server that is not ready', ({ localnet }) => localnet.stateIngest.set({ ready: false }), 'snapshots lost: SNAPSHOT__SERVER_BUSY'],
    [
      'a server that says 401',
      ({ localnet }) => localnet.stateIngest.set({ answer: () => ({ status: 401 }) }),
      'snapshots lost: SNAPSHOT__UNAUTHORIZED',
    ],
    [
      'a bucket that says 413',
      ({ localnet }) => localnet.stateIngest.set({ answer: ({ method }) => (method === 'PUT' ? { status: 413 } : undefined) }),
      'no snapshot of ip-mroute: SNAPSHOT__TOO_LARGE',
    ],
    [
      'an upload URL of another scheme',
      ({ localnet }) => localnet.stateIngest.set({ uploadUrl: () => 'file:///etc/passwd' }),
      'no snapshot of ip-mroute: SNAPSHOT__UPLOAD_REFUSED',
    ],
    [
      'an upload URL that redirects',
      ({ localnet }) =>
        localnet.stateIngest.set({ answer: ({ method }) => (method === 'PUT' ? { status: 302, headers: { location: '/' } } : undefined) }),
      'no snapshot of ip-mroute: SNAPSHOT__UPLOAD_REFUSED',
    ],
    [
      'a list that would configure the switch',
      ({ localnet }) => localnet.stateIngest.set({ stateToCollect: evil }),
      'snapshots refused: kind evil, “configure terminal”, is requested but not collected: it does not begin with `show `; kind pipe, “show version | tee flash:x”, is requested but not collected: it contains more than plain words',
    ],
    [
      'a list of 10,000 entries',
      ({ localnet }) => localnet.stateIngest.set({ stateToCollect: long }),
      'snapshots refused: the rest of the list (9968) is requested but not collected: at most 32 are collected',
    ],
    ['a server that is gone', ({ localnet }) => void localnet.stateIngest.stop(), 'snapshots lost: SNAPSHOT__SERVER_UNREACHABLE'],
  ];
  test.for(faults)('with %s, the agent reports it and writes statuses on', async ([, begin, line], { onTestFinished }) => {
    const fixture = await bedWithSnapshots(onTestFinished);
    begin(fixture);
    await fixture.until(line, () => fixture.lines.includes(line));
    await expectStatusesToGoOn(fixture);
    expect(fixture.eventsOf('snapshots').length).toBeLessThanOrEqual(1);
    expect(fixture.localnet.stateIngest.snapshots().some(({ kind }) => ['evil', 'pipe'].includes(kind))).toBe(false);
  });
});

test('with an answer of 50 MB, the agent gives it up and writes statuses on', PATIENTLY, async ({ onTestFinished }) => {
  const fixture = await bedWithSnapshots(onTestFinished);
  fixture.localnet.switchFaults.begin({ kind: 'large-answer', command: 'show ip mroute', bytes: 50 << 20 });
  await fixture.until('the report', () => fixture.lines.includes('no snapshot of ip-mroute: EAPI__TOO_LARGE'));
  await expectStatusesToGoOn(fixture);
  const [last] = fixture.localnet.stateIngest.snapshots().slice(-1);
  await fixture.until('other kinds', () => fixture.localnet.stateIngest.snapshots().at(-1) !== last);
});
