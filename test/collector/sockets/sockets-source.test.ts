import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNamespaces, createSocketsSource, type Namespaces, vrfOfNamespace } from '../../../src/collector/sockets/source.ts';
import { systemClock } from '../../../src/lib/index.ts';
import { asTimePasses, letTimersStandStill } from '../../support/passing-time.ts';

const never = new AbortController().signal;
const LINE = 'ESTAB 0 0 169.254.0.0:179 169.254.0.1:40312 cubic rtt:6.967/9.619 mss:1428\n';

function over(outputs: Readonly<Record<string, string | Error>>) {
  const namespaces: Namespaces = {
    list: async () => Object.keys(outputs),
    async sockets(namespace) {
      const output = outputs[namespace] ?? new Error(`no namespace ${namespace}`);
      if (output instanceof Error) throw output;
      return output;
    },
  };
  return createSocketsSource({ folder: '/netns', namespaces, timeoutMs: 1_000, clock: systemClock });
}

const kindsOf = async (outputs: Readonly<Record<string, string | Error>>) => {
  const { vrfs } = await over(outputs).collect(never);
  return Object.fromEntries(
    [...vrfs].map(([vrf, reading]) => [vrf, reading.kind === 'failed' ? reading.problem : [...reading.neighbors.keys()]]),
  );
};

describe('namespaces and VRFs', () => {
  test.each([
    ['default', 'default'],
    ['ns-vrf1', 'vrf1'],
    ['ns-management', 'management'],
    ['ns-ns-x', 'ns-x'],
    ['ns-', 'ns-'],
    ['customer', 'customer'],
  ])('namespace %s holds VRF %s', (namespace, vrf) => {
    expect(vrfOfNamespace(namespace)).toBe(vrf);
  });

  test('each namespace is read as its own VRF, one without sessions too', async () => {
    expect(await kindsOf({ default: '', 'ns-vrf1': LINE, 'ns-management': '' })).toEqual({
      default: [],
      vrf1: ['169.254.0.1'],
      management: [],
    });
  });

  test('a namespace that cannot be read fails alone', async () => {
    expect(await kindsOf({ default: LINE, 'ns-vrf1': new Error('Operation not permitted'), 'ns-vrf2': 'nonsense\n' })).toEqual({
      default: ['169.254.0.1'],
      vrf1: 'Operation not permitted',
      vrf2: 'malformed output of ss: a line has another format',
    });
  });

  test('a VRF with two namespaces is failed', async () => {
    expect(await kindsOf({ default: LINE, 'ns-vrf1': LINE, vrf1: '' })).toEqual({
      default: ['169.254.0.1'],
      vrf1: 'two namespaces belong to this VRF',
    });
  });

  test.each(['-batch', '../default', '', 'a b', '..', 'x;y'])('namespace “%s” is never passed to ip', async (name) => {
    expect(await kindsOf({ default: LINE, [name]: LINE })).toEqual({
      default: ['169.254.0.1'],
      [name]: 'ip does not accept the name of its namespace',
    });
  });

  test('sockets beyond the first with one peer are counted', async () => {
    const source = over({ default: LINE + LINE });
    await source.collect(never);
    await source.collect(never);
    expect(source.dropCounters?.().duplicates).toBe(2);
  });
});

describe('an untrustworthy answer', () => {
  test.each([
    ['no session anywhere', { default: '', 'ns-vrf1': '' }, 'SOCKETS__EMPTY'],
    ['no namespace', {}, 'SOCKETS__FOLDER'],
    ['no namespace that can be read', { default: new Error('Operation not permitted') }, 'SOCKETS__UNREADABLE'],
    ['one that cannot be read next to empty ones', { default: '', 'ns-vrf1': new Error('x') }, 'SOCKETS__UNREADABLE'],
    [
      'more namespaces than any switch has',
      Object.fromEntries(Array.from({ length: 1_025 }, (_, n) => [`ns-${n}`, LINE])),
      'SOCKETS__FOLDER',
    ],
  ])('rule 20: %s is an error, not an empty answer', async (_, outputs, code) => {
    await expect(over(outputs).collect(never)).rejects.toMatchObject({ code });
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('ip and ss', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dzd-netns-'));
    await mkdir(join(folder, 'netns'));
    for (const name of ['default', 'ns-vrf1']) await writeFile(join(folder, 'netns', name), '');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** A program in the place of ip, which gets the same arguments. */
  async function withIp(script: string, timeoutMs = 15_000) {
    const ip = join(folder, 'ip');
    await writeFile(ip, `#!/bin/sh\n${script}\n`);
    await chmod(ip, 0o755);
    const netns = join(folder, 'netns');
    return createSocketsSource({ folder: netns, namespaces: createNamespaces({ folder: netns, ip }), timeoutMs, clock: systemClock });
  }

  test('ss runs in each namespace by name, without a shell and with LC_ALL=C', async () => {
    const source = await withIp(
      `echo "$LANG $*" >> ${join(folder, 'calls')}; [ "$3" = default ] || echo 'ESTAB 0 0 169.254.0.0:179 169.254.0.1:40312'`,
    );
    const { vrfs } = await source.collect(never);
    expect([...vrfs.keys()].sort()).toEqual(['default', 'vrf1']);
    expect((await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n').sort()).toEqual([
      'C netns exec default ss -tinHO sport = :179 or dport = :179',
      'C netns exec ns-vrf1 ss -tinHO sport = :179 or dport = :179',
    ]);
  });

  test('an error of ip or ss is the problem of the VRF', async () => {
    const source = await withIp('echo "setting the network namespace failed: Operation not permitted" >&2; exit 1');
    await expect(source.collect(never)).rejects.toMatchObject({
      code: 'SOCKETS__UNREADABLE',
      message: expect.stringContaining('setting the network namespace failed: Operation not permitted'),
    });
  });

  test('rule 3: a VRF fails if ss prints an error and no socket, even with exit code 0', async () => {
    const source = await withIp(
      `case "$3" in default) echo "note" >&2; echo 'ESTAB 0 0 169.254.0.0:179 169.254.0.1:40312';; *) echo "Cannot open netlink socket: Operation not permitted" >&2;; esac`,
    );
    const { vrfs } = await source.collect(never);
    expect(vrfs.get('default')).toMatchObject({ kind: 'collected', neighbors: { size: 1 } });
    expect(vrfs.get('vrf1')).toMatchObject({
      kind: 'failed',
      problem: 'ss could not run in namespace ns-vrf1: Cannot open netlink socket: Operation not permitted',
    });
  });

  test('the message names a silent error of ip or ss only once', async () => {
    const source = await withIp(`[ "$3" = default ] && echo 'ESTAB 0 0 169.254.0.0:179 169.254.0.1:40312' || exit 1`);
    const { vrfs } = await source.collect(never);
    expect(vrfs.get('vrf1')).toMatchObject({
      kind: 'failed',
      problem: expect.stringMatching(
        /^ss could not run in namespace ns-vrf1: Command failed: \S+ netns exec ns-vrf1 ss -tinHO sport = :179 or dport = :179$/,
      ),
    });
  });

  test('ss that does not end is killed, also when it ignores SIGTERM', async () => {
    const pids = join(folder, 'pids');
    const started = async (): Promise<readonly number[]> =>
      (await readFile(pids, 'utf8').catch(() => '')).split('\n').flatMap((line) => (line === '' ? [] : Number(line)));
    letTimersStandStill();
    const source = await withIp(`trap "" TERM; echo $$ >> ${pids}; exec sleep 60`, 1_000);
    const problem = source.collect(never).then(String, ({ message }) => message);
    await expect.poll(async () => (await started()).length).toBe(2);
    expect(await asTimePasses(25, problem)).toContain('ss did not end within 1000 ms');
    const all = await started();
    await expect.poll(() => all.filter(isRunning)).toEqual([]);
  });

  test('ss that prints without end is killed', async () => {
    const source = await withIp('exec yes "ESTAB 0 0 169.254.0.0:179 169.254.0.1:40312"');
    await expect(source.collect(never)).rejects.toMatchObject({ message: expect.stringContaining('maxBuffer') });
  });

  test('rule 20: a missing folder is reported with its path', async () => {
    const source = createSocketsSource({ folder: join(folder, 'missing'), timeoutMs: 1_000, clock: systemClock });
    await expect(source.collect(never)).rejects.toMatchObject({
      code: 'SOCKETS__FOLDER',
      message: expect.stringContaining(join(folder, 'missing')),
    });
  });
});
