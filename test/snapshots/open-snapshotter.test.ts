import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { createLocalnet, type Localnet, type LocalnetAddresses } from '../../localnet/index.ts';
import { DEFAULT_KINDS } from '../../localnet/state-ingest.ts';
import { openSnapshotter } from '../../src/agent/from-config.ts';
import { loadConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { recordingReporter } from '../support/recording-reporter.ts';
import { PUBLISHER } from './fixture.ts';

const ALL_KINDS = ['bgp-sockets', ...DEFAULT_KINDS].sort();

interface Opened {
  readonly localnet: Localnet;
  readonly folder: string;
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
  readonly isOpen: boolean;
  until(holds: () => boolean): Promise<void>;
}

/** Opens and starts what a configuration file says, on a localnet; `netns` in its folder stands for the network namespaces. */
async function open(
  snapshots: (at: LocalnetAddresses) => Record<string, unknown>,
  options: { readonly dryRun?: boolean; readonly sources?: (at: LocalnetAddresses, folder: string) => unknown } = {},
): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'dzd-snapshots-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'netns'));
  const localnet = createLocalnet({ users: 2, publisher: PUBLISHER.address, stateIngestPort: 0 });
  onTestFinished(() => localnet.stop());
  const addresses = await localnet.start();
  const sources = options.sources?.(addresses, folder) ?? [
    { type: 'eapi', url: `unix://${addresses.eapiSocket}` },
    { type: 'sockets', folder: join(folder, 'netns') },
  ];
  const file = join(folder, 'config.yaml');
  writeFileSync(file, stringify({ env: 'localnet', device: localnet.device, collector: { sources }, snapshots: snapshots(addresses) }));
  const { lines, reporter } = recordingReporter();
  const warnings: string[] = [];
  const snapshotter = await openSnapshotter({
    config: loadConfig({ file, environment: {} }).config,
    ...(options.dryRun === true ? {} : { signer: PUBLISHER }),
    clock: systemClock,
    random: Math.random,
    reporter,
    warn: (line) => warnings.push(line),
  });
  onTestFinished(async () => snapshotter?.stop());
  snapshotter?.start();
  return {
    localnet,
    folder,
    lines,
    warnings,
    isOpen: snapshotter !== undefined,
    async until(holds) {
      const deadline = performance.now() + 15_000;
      while (!holds()) {
        if (performance.now() > deadline) throw new Error(`not within 15 s; log: ${lines.join(' | ')}`);
        await systemClock.sleep(10);
      }
    },
  };
}

describe('configured snapshots', () => {
  test('no snapshots are taken unless configured', async () => {
    const { isOpen, warnings } = await open(() => ({ sink: 'none' }));
    expect([isOpen, warnings]).toEqual([false, []]);
  });

  test('snapshots go to the state-ingest server, from eAPI and from the namespaces of the sockets source', async () => {
    const { localnet, until, lines } = await open(({ stateIngestUrl }) => ({ sink: 'state-ingest', url: stateIngestUrl }));
    await until(() => localnet.stateIngest.snapshots().length === ALL_KINDS.length);
    expect(
      localnet.stateIngest
        .snapshots()
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(ALL_KINDS);
    expect(lines.filter((line) => !line.startsWith('snapshot of '))).toEqual([]);
  });

  test('snapshots go through gRPC where that is the source', async () => {
    const { localnet, until } = await open(({ stateIngestUrl }) => ({ sink: 'state-ingest', url: stateIngestUrl }), {
      sources: ({ grpc }) => [{ type: 'eapi', url: `grpc://${grpc.host}:${grpc.port}` }],
    });
    await until(() => localnet.stateIngest.snapshots().some(({ kind }) => kind === 'snmp-mib-ifmib-ifindex'));
    const snapshot = localnet.stateIngest.snapshots().find(({ kind }) => kind === 'snmp-mib-ifmib-ifindex');
    expect(JSON.parse(snapshot?.bytes.toString() ?? '')).toMatchObject({ data: { ifIndex: { Ethernet1: 1, Tunnel500: 15_000_500 } } });
  });

  test('snapshots go into the folder, for the kinds that are configured', async () => {
    const { folder, until, lines } = await open(
      () => ({ sink: 'folder', directory: 'snapshots', collect: ['show version', 'bgp-sockets'] }),
      {
        dryRun: true,
      },
    );
    await until(() => lines.length === 2);
    const names = readdirSync(join(folder, 'snapshots'));
    expect(names.map((name) => name.replace(/^\d{8}T\d{6}Z-/, '')).sort()).toEqual(['bgp-sockets.json', 'version.json']);
    const version = names.find((name) => name.endsWith('-version.json')) ?? '';
    expect(JSON.parse(readFileSync(join(folder, 'snapshots', version), 'utf8'))).toMatchObject({ data: { mfgName: 'Arista' } });
  });

  test('snapshots are not sent in a dry run', async () => {
    const { isOpen, warnings } = await open(({ stateIngestUrl }) => ({ sink: 'state-ingest', url: stateIngestUrl }), { dryRun: true });
    expect([isOpen, warnings]).toEqual([false, ['a dry run sends no snapshots']]);
  });

  test('snapshots without an eapi source are those that need none', async () => {
    const { until, lines } = await open(() => ({ sink: 'folder', directory: 'snapshots', collect: ['show version', 'bgp-sockets'] }), {
      sources: (_, folder) => [{ type: 'sockets', folder: join(folder, 'netns') }],
    });
    await until(() => lines.length === 2);
    expect([...lines].sort()).toEqual(['no snapshot of version: SNAPSHOT__NO_SHOW_SOURCE', 'snapshot of bgp-sockets']);
  });
});
