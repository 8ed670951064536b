/*
 * From the start of the process to its first decision: `dzd-telemetry run --dry-run` as it is installed, until it prints its first intent.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { BENCH_SIGNER } from './support/agent.ts';
import { type Bench, machineMs, median } from './support/bench.ts';
import { startHost } from './support/host.ts';

const USERS = 128;

const bench: Bench = async (emit, { quick, users: n = USERS, runs = quick ? 2 : 9, hostPath }) => {
  const dist = buildDist(hostPath);
  const host = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
  await host.flip('up');
  const folder = await mkdtemp(join(tmpdir(), 'dzd-bench-'));
  const config = join(folder, 'config.yaml');
  const content = {
    env: 'localnet',
    device: host.device,
    ledger: { rpcUrls: [host.rpcUrl], programId: host.programId },
    collector: { sources: [{ type: 'eapi', url: `unix://${host.eapiSocket}` }] },
  };
  // JSON is YAML.
  await writeFile(config, JSON.stringify(content), { mode: 0o600 });
  const command = [process.execPath, join(dist, 'dzd-telemetry.js'), 'run', '--config', config, '--dry-run', '--output', 'json'];
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) times.push(await firstIntent(command));
  emit({ n, metric: 'first decision, median', value: median(times), unit: 'ms' });
  emit({ n, metric: 'first decision, worst', value: Math.max(...times), unit: 'ms' });
  await host.stop();
  await rm(folder, { recursive: true });
};
export default bench;

/** Builds the checkout. Returns the folder; throws when it does not build. */
export function buildDist(hostPath: string): string {
  const root = resolve(dirname(hostPath), '../../../..');
  const dist = join(dirname(hostPath), '../../dzd-bench-dist');
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--quiet', '--outdir', dist], { stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the agent does not build');
  return dist;
}

/** Milliseconds until a `run --dry-run --output json` prints its first intent; then it is killed. */
export async function firstIntent([program = '', ...args]: readonly string[]): Promise<number> {
  const startedAt = machineMs();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.includes('"intent"')) return machineMs() - startedAt;
    }
    throw new Error('the agent ended without a decision');
  } finally {
    child.kill('SIGKILL');
  }
}
