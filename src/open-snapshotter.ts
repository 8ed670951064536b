import type { AgentConfig, SnapshotsConfig } from './config/index.ts';
import type { Random } from './lib/index.ts';
import { eapiAccess, type Surroundings } from './open-sources.ts';
import type { Signer } from './publisher/index.ts';
import type { SnapshotReporter, SnapshotSink, Snapshotter } from './snapshots/index.ts';

export interface OpenSnapshotterOptions extends Surroundings {
  readonly config: AgentConfig;
  /** Absent in a dry run, in which nothing is sent. */
  readonly signer?: Signer;
  readonly random: Random;
  readonly reporter: SnapshotReporter & { defect(error: unknown): void };
}

/** Where the switch's network namespaces are mounted, unless a source of type sockets says otherwise. */
const NAMESPACES = '/var/run/netns';

/**
 * What takes the snapshots that the configuration describes; undefined where it describes none. Its code is loaded only then. Throws AgentError
 * `CONFIG__SECRET_UNREADABLE`.
 */
export async function openSnapshotter({
  config,
  signer,
  clock,
  random,
  reporter,
  warn,
}: OpenSnapshotterOptions): Promise<Snapshotter | undefined> {
  const { snapshots, device } = config;
  if (snapshots.sink === 'none') return undefined;
  const sink = await openSink(config, { signer, clock, warn });
  if (sink === undefined) return undefined;
  const { createCollectItem, createReadBgpSockets, createSnapshotter } = await import('./snapshots/index.ts');
  const { createNamespaces } = await import('./collector/sockets/index.ts');
  const shows = await openShowRunner(config);
  const folder = config.collector.sources.find((source) => source.type === 'sockets')?.folder ?? NAMESPACES;
  const namespaces = createNamespaces({ folder, flags: '-tinemoHO' });
  return createSnapshotter({
    device,
    sink,
    collect: createCollectItem({
      ...(shows === undefined ? {} : { shows }),
      readBgpSockets: createReadBgpSockets({ namespaces, timeoutMs: snapshots.commandTimeout }),
    }),
    intervalMs: snapshots.interval,
    clock,
    random,
    reporter,
    onDefect: (error) => reporter.defect(error),
    ...(shows === undefined ? {} : { close: () => shows.close() }),
  });
}

async function openSink(
  { snapshots, device }: AgentConfig,
  { signer, clock, warn }: Surroundings & { readonly signer: Signer | undefined },
): Promise<SnapshotSink | undefined> {
  const { sink, url, directory, requestTimeout } = snapshots;
  if (sink === 'folder' && directory !== undefined) {
    const { createFolderSink } = await import('./snapshots/index.ts');
    return createFolderSink({ directory, ...folderOf(snapshots) });
  }
  if (sink !== 'state-ingest' || url === undefined) return undefined;
  if (signer === undefined) {
    warn('no snapshots are sent in a dry run');
    return undefined;
  }
  const { createStateIngest } = await import('./snapshots/index.ts');
  return createStateIngest({ url, device, signer, timeoutMs: requestTimeout, clock });
}

function folderOf({ collect, maxFiles, maxBytes }: SnapshotsConfig) {
  return { collect, maxFiles, maxBytes };
}

/** Through the configured source, or the first of type eapi; on a connection of its own, so that no poll waits behind an answer of megabytes. */
async function openShowRunner({ snapshots, collector }: AgentConfig) {
  const { source: name, commandTimeout, maxAnswerBytes } = snapshots;
  const source = collector.sources.find((each) => each.type === 'eapi' && (name === undefined || each.name === name));
  if (source?.type !== 'eapi') return undefined;
  const { createEapiShowRunner } = await import('./collector/eapi/index.ts');
  // What there is to warn of was said when the source was opened.
  const access = eapiAccess(source, () => undefined);
  return createEapiShowRunner({ ...access, timeoutMs: commandTimeout, maxAnswerBytes });
}
