/*
 * What is shipped, as it is started: size, start, memory and processor time of the checkout and of the executable, by itself and by the launcher of the packages. After `npm run release`.
 *
 *   out/ ──► sizes
 *   dist/, out/dzd-telemetry ──► `run` against one localnet, all of them at the same time, so that other work on the machine is the same for each
 *
 * What the .deb, the .rpm, the .swix and the image hold is this executable; they differ in size alone. To compare options of Node.js or the environment, the
 * checkout runs once more for each line of DZD_BENCH_NODE: DZD_BENCH_NODE='env MALLOC_ARENA_MAX=1 node --lite-mode' npm run bench -- artifacts
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { systemClock } from '../src/lib/index.ts';
import { addressOf } from '../src/serviceability/index.ts';
import { buildDist, firstIntent } from './start.ts';
import { type Bench, type Emit, machineMs, median } from './support/bench.ts';
import { startHost } from './support/host.ts';

const USERS = 128;
/** By then the start is over, and with it what a start leaves to collect. */
const SETTLED_MS = 75_000;
const SAMPLES = 30;
const SAMPLE_MS = 2_000;
const MB = 1_048_576;

interface Artifact {
  readonly name: string;
  readonly program: readonly [string, ...string[]];
}

const bench: Bench = async (emit, { quick, users: n = USERS, runs = quick ? 1 : 5, hostPath }) => {
  const root = resolve(dirname(hostPath), '../../../..');
  const out = join(root, 'out');
  const executable = join(out, 'dzd-telemetry');
  if (!existsSync(executable)) throw new Error('there is no out/dzd-telemetry: npm run release makes it');
  emitSizes(emit, n, out);

  const folder = await mkdtemp(join(tmpdir(), 'dzd-bench-'));
  const launcher = join(folder, 'launcher');
  const script = readFileSync(join(root, 'packaging/launcher.sh'), 'utf8');
  await writeFile(launcher, script.replace(/^program=.*$/m, `program=${executable}`).replace('@LOADER@', '/'));
  const checkout = join(buildDist(hostPath), 'dzd-telemetry.js');
  const others = (process.env.DZD_BENCH_NODE ?? '').split('\n').filter((line) => line !== '');
  const artifacts: readonly Artifact[] = [
    { name: `checkout, Node.js ${process.versions.node}`, program: [process.execPath, checkout] },
    ...others.map((line): Artifact => ({ name: line, program: ['/bin/sh', '-c', `exec ${line} "$@"`, 'bench', checkout] })),
    { name: 'executable', program: [executable] },
    { name: 'executable, by the launcher', program: ['/bin/sh', launcher] },
  ];

  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const [seed, address] = [privateKey.export({ format: 'jwk' }).d ?? '', publicKey.export({ format: 'jwk' }).x ?? ''].map((text) =>
    Buffer.from(text, 'base64url'),
  );
  if (seed === undefined || address === undefined) throw new Error('a key pair lacks a half');
  const keypair = join(folder, 'keypair.json');
  await writeFile(keypair, JSON.stringify([...seed, ...address]), { mode: 0o400 });
  const host = await startHost(hostPath, { users: n, publisher: addressOf(address), slotMs: 400, latencyMs: 50 });
  await host.flip('up');
  const config = join(folder, 'config.yaml');
  const content = {
    env: 'localnet',
    device: host.device,
    keypair,
    ledger: { rpcUrls: [host.rpcUrl], programId: host.programId },
    collector: { sources: [{ type: 'eapi', url: `unix://${host.eapiSocket}` }] },
    http: { listen: '127.0.0.1:0' },
  };
  // JSON is YAML.
  await writeFile(config, JSON.stringify(content), { mode: 0o600 });

  const starts = artifacts.map((): number[] => []);
  for (let run = 0; run < runs; run += 1) {
    for (const [index, { program }] of artifacts.entries()) {
      starts[index]?.push(await firstIntent([...program, 'run', '--config', config, '--dry-run', '--output', 'json']));
    }
  }
  for (const [index, { name }] of artifacts.entries()) {
    emit({ n, metric: `${name}: first decision`, value: median(starts[index] ?? []), unit: 'ms' });
  }

  const running = artifacts.map(({ program: [command, ...args] }) =>
    spawn(command, [...args, 'run', '--config', config], { stdio: 'ignore' }),
  );
  try {
    await systemClock.sleep(quick ? SETTLED_MS / 10 : SETTLED_MS);
    const before = running.map(processorMs);
    const startedAt = machineMs();
    const memory = artifacts.map((): ReturnType<typeof memoryOf>[] => []);
    for (let sample = 0; sample < (quick ? 2 : SAMPLES); sample += 1) {
      await systemClock.sleep(SAMPLE_MS);
      for (const [index, child] of running.entries()) memory[index]?.push(memoryOf(child));
    }
    const elapsed = machineMs() - startedAt;
    for (const [index, child] of running.entries()) {
      const name = artifacts[index]?.name ?? '';
      const of = (part: 'Rss' | 'Anonymous'): number => median((memory[index] ?? []).map((each) => each[part])) / MB;
      emit({ n, metric: `${name}: resident`, value: of('Rss'), unit: 'MB' });
      emit({ n, metric: `${name}: of that its own`, value: of('Anonymous'), unit: 'MB' });
      emit({ n, metric: `${name}: processor`, value: ((processorMs(child) - (before[index] ?? 0)) / elapsed) * 100, unit: '% of a core' });
    }
    emit({ n, metric: 'wrong in the end', value: await host.mismatches(), unit: 'users' });
  } finally {
    for (const child of running) child.kill('SIGTERM');
  }
  await host.stop();
  await rm(folder, { recursive: true });
};
export default bench;

function emitSizes(emit: Emit, n: number, out: string): void {
  const files = readdirSync(out).filter((name) => /\.(deb|rpm|swix)$|^dzd-telemetry(-arm64)?$/.test(name));
  for (const name of files) emit({ n, metric: name, value: statSync(join(out, name)).size / 1e6, unit: 'MB on disk' });
}

/** Processor time so far of all threads, by the kernel's nanoseconds: its ticks of 10 ms are too coarse for a process that rests. */
function processorMs({ pid }: ChildProcess): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, id) => sum + Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]) / 1e6, 0);
}

/** Bytes. What is not anonymous is pages of files, above all of Node.js itself, which the kernel can drop and read again. */
function memoryOf({ pid }: ChildProcess): Readonly<Record<'Rss' | 'Anonymous', number>> {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const part = (name: string): number => Number(text.match(new RegExp(`^${name}: +(\\d+) kB`, 'm'))?.[1]) * 1_024;
  return { Rss: part('Rss'), Anonymous: part('Anonymous') };
}
