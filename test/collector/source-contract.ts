import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createSimulatedSwitch,
  createSwitchFaults,
  type SimulatedSwitch,
  type SwitchFault,
  type SwitchFaultKind,
  type SwitchFaults,
} from '../../localnet/switch/switch.ts';
import type { NeighborSnapshot, NeighborState, VrfReading } from '../../src/bgp/index.ts';
import { neighborKeyText, type SwitchSource } from '../../src/collector/index.ts';
import { type AgentError, type Clock, epochMs, isAgentError, monotonicMs, systemClock } from '../../src/lib/index.ts';
import { asTimePasses, letTimersStandStill } from '../support/passing-time.ts';
import { describeObservationRules } from './source-rules.ts';

/** The switch that the suite prepares before it starts a source. */
export interface SourceFixture {
  /** VRFs `default`, `vrf1` and `vrf2` exist from the start and stay. */
  readonly sim: SimulatedSwitch;
  readonly faults: SwitchFaults;
  /** The clock of the protocol server and of the source; the suite advances it. Its `sleep` is real. */
  readonly clock: Clock;
  /** The bound of one request that the source is to have, milliseconds. */
  readonly timeoutMs: number;
}

export interface StartedSource {
  readonly source: SwitchSource;
  /** The endpoint that an error must name, such as `127.0.0.1:12345`. */
  readonly where: string;
  /** Open connections of the protocol server; absent for a protocol without connections. */
  readonly openConnections?: () => number;
  /** Ends the protocol server. The suite closes the source itself. */
  stop(): Promise<void>;
}

export interface SourceHarness {
  start(fixture: SourceFixture): Promise<StartedSource>;
  /** The faults that make the whole answer worthless over this protocol. */
  readonly fatalFaults: readonly SwitchFault[];
  /** False where the protocol cannot fail for one VRF alone. */
  readonly failsByVrf?: boolean;
  /** False for a source that has no round-trip times. */
  readonly readsRtts?: boolean;
  /** False for a source that has no descriptions. */
  readonly readsDescriptions?: boolean;
  /** False for a source that cannot see a flap between two polls. */
  readonly seesHiddenFlaps?: boolean;
  /** False for a source that sees a session only while it is up. */
  readonly seesSessionsThatAreDown?: boolean;
}

/** The suite that every source passes, each over real sockets against the same simulated switch. */
export function describeSwitchSource(name: string, harness: SourceHarness): void {
  describe(`${name} as a switch source`, () => {
    const signal = new AbortController().signal;
    let fixture: SourceFixture & { advance(ms: number): void };
    let started: StartedSource;

    const use = async (): Promise<SwitchSource> => {
      fixture = prepareSwitch();
      started = await harness.start(fixture);
      return started.source;
    };
    const restartWhereTimeStandsStill = async (): Promise<SwitchSource> => {
      await end();
      letTimersStandStill();
      return use();
    };
    /** The neighbors of these that the source can see. */
    const visible = (states: Record<string, NeighborState>): Record<string, NeighborState> =>
      harness.seesSessionsThatAreDown !== false
        ? states
        : Object.fromEntries(Object.entries(states).filter(([, state]) => state === 'established'));
    const end = async (): Promise<void> => {
      await started.source.close();
      await started.stop();
    };

    beforeEach(use);
    afterEach(() => (vi.isFakeTimers() ? inHaste(end()) : end()));

    describe('a snapshot', () => {
      test('a snapshot has every neighbor with its state, under its VRF', async () => {
        expect(statesOf(await started.source.collect(signal))).toEqual({
          default: { '169.254.8.1': 'established' },
          vrf1: visible({
            '169.254.0.1': 'established',
            '169.254.0.3': 'active',
            '169.254.0.5': 'idle',
            '169.254.0.7': 'connect',
            '169.254.0.9': 'open-sent',
            '169.254.0.11': 'open-confirm',
          }),
          vrf2: visible({ '169.254.4.1': 'active' }),
        });
      });

      test('rule 2: the same address in two VRFs is two neighbors, each with its own state', async () => {
        fixture.sim.configure({ vrf: 'vrf2', address: '169.254.0.1', remoteAs: 65_000 });
        const { vrf1, vrf2 } = statesOf(await started.source.collect(signal));
        expect([vrf1?.['169.254.0.1'], vrf2]).toEqual(['established', visible({ '169.254.4.1': 'active', '169.254.0.1': 'active' })]);
      });

      test('a snapshot shows a session that drops and returns', async () => {
        const seen: unknown[] = [];
        const poll = async (): Promise<void> => {
          seen.push(statesOf(await started.source.collect(signal)).vrf1?.['169.254.0.1']);
        };
        await poll();
        fixture.sim.drop('vrf1', '169.254.0.1');
        await poll();
        fixture.sim.establish('vrf1', '169.254.0.1');
        await poll();
        expect(seen).toEqual(['established', visible({ lost: 'active' }).lost, 'established']);
      });

      test('a snapshot shows a neighbor that is configured, and no longer when it is removed', async () => {
        fixture.sim.configure({ vrf: 'vrf2', address: '169.254.4.3', remoteAs: 65_000 });
        fixture.sim.establish('vrf2', '169.254.4.3');
        const during = statesOf(await started.source.collect(signal)).vrf2;
        fixture.sim.unconfigure('vrf2', '169.254.4.3');
        const after = statesOf(await started.source.collect(signal)).vrf2;
        expect({ during, after }).toEqual({
          during: visible({ '169.254.4.1': 'active', '169.254.4.3': 'established' }),
          after: visible({ '169.254.4.1': 'active' }),
        });
      });

      test('a snapshot shows no session as up after the switch has rebooted', async () => {
        await started.source.collect(signal);
        fixture.advance(60_000);
        fixture.sim.reboot();
        if (harness.seesSessionsThatAreDown === false) {
          // A switch without sessions and one that it cannot see are the same to it.
          expect(problemsOf(await thrownBy(started.source.collect(signal)), started.where)).toEqual([]);
          return;
        }
        const states = Object.values(statesOf(await started.source.collect(signal))).flatMap((vrf) => Object.values(vrf));
        expect(states).toEqual(Array(8).fill('active'));
      });

      test('a snapshot has all of 1,000 foreign neighbors next to ours', async () => {
        for (let index = 0; index < 1_000; index += 1) {
          const address = `10.${index >> 8}.${index & 255}.2`;
          fixture.sim.configure({ vrf: 'default', address, remoteAs: 64_512 + index });
          if (index % 3 === 0) fixture.sim.establish('default', address);
        }
        const snapshot = await started.source.collect(signal);
        const foreign = [...collected(snapshot, 'default').neighbors.values()].filter(({ address }) => address.startsWith('10.'));
        expect(foreign).toHaveLength(harness.seesSessionsThatAreDown === false ? 334 : 1_000);
        expect(foreign.filter(({ state }) => state === 'established')).toHaveLength(334);
        expect(statesOf(snapshot).vrf1?.['169.254.0.1']).toBe('established');
      });

      test('a neighbor has its AS, with four octets where the protocol has them', async () => {
        const snapshot = await started.source.collect(signal);
        const neighbor = collected(snapshot, 'default').neighbors.get('169.254.8.1');
        expect([undefined, 4_200_000_001]).toContain(neighbor?.remoteAs);
        expect([undefined, 65_000]).toContain(collected(snapshot, 'vrf1').neighbors.get('169.254.0.1')?.remoteAs);
      });

      test.runIf(harness.readsDescriptions !== false)('a neighbor has its description, and none where none is configured', async () => {
        const { neighbors } = collected(await started.source.collect(signal), 'vrf1');
        expect([neighbors.get('169.254.0.1')?.description, neighbors.get('169.254.0.5')?.description]).toEqual(['USER-500', undefined]);
      });

      test('each VRF of a snapshot names its source', async () => {
        const snapshot = await started.source.collect(signal);
        expect([...snapshot.vrfs.values()].map((reading) => reading.source)).toEqual(Array(3).fill(started.source.name));
      });

      test('a snapshot is dated no earlier than its poll', async () => {
        const before = fixture.clock.monotonic();
        const { takenAt } = await started.source.collect(signal);
        expect(takenAt >= before && takenAt <= fixture.clock.monotonic()).toBe(true);
      });

      test('two concurrent polls return the same snapshot', async () => {
        const [first, second] = await Promise.all([started.source.collect(signal), started.source.collect(signal)]);
        expect(statesOf(first)).toEqual(statesOf(second));
        expect(statesOf(first).vrf1?.['169.254.0.1']).toBe('established');
      });
    });

    describeObservationRules(() => ({ source: started.source, sim: fixture.sim, faults: fixture.faults }), harness);

    describe.runIf(harness.seesHiddenFlaps !== false)('a flap between two polls', () => {
      const history = async (): Promise<FlapEvidence> => flapEvidence(await started.source.collect(signal), 'vrf1', '169.254.0.1');

      test('rule 7: a flap between two polls shows, although both find the session established', async () => {
        fixture.advance(60_000);
        const before = await history();
        fixture.advance(60_000);
        fixture.sim.drop('vrf1', '169.254.0.1');
        fixture.advance(3_000);
        fixture.sim.establish('vrf1', '169.254.0.1');
        fixture.advance(5_000);
        expect(flapped(before, await history())).toBe(true);
      });

      test('rule 7: no flap shows on a session that stayed up, however often and late it is read', async () => {
        const before = await history();
        for (const pause of [1_500, 5_000, 60_000, 86_400_000]) {
          fixture.advance(pause);
          expect(flapped(before, await history())).toBe(false);
        }
      });

      test('rule 7: no flap shows on a session that stays down', async () => {
        const read = async (): Promise<FlapEvidence> => flapEvidence(await started.source.collect(signal), 'vrf2', '169.254.4.1');
        const before = await read();
        fixture.advance(60_000);
        expect(flapped(before, await read())).toBe(false);
      });

      test('rule 7: a flap is dated on the switch’s own clock, however wrong that is', async () => {
        fixture.sim.setClockSkew(-3_600_000);
        fixture.sim.drop('vrf1', '169.254.0.1');
        fixture.sim.establish('vrf1', '169.254.0.1');
        fixture.advance(90_000);
        const reading = collected(await started.source.collect(signal), 'vrf1');
        const changedAt = reading.neighbors.get('169.254.0.1')?.changedAt;
        if (reading.switchTime === undefined || changedAt === undefined) return;
        expect(Math.abs(reading.switchTime - changedAt - 90_000)).toBeLessThanOrEqual(reading.changedAtToleranceMs + 1_000);
      });
    });

    describe('a single VRF', () => {
      test.runIf(harness.failsByVrf !== false)('a VRF that cannot be read is failed, not absent, and the others are read', async () => {
        fixture.faults.begin({ kind: 'vrf-failing', vrf: 'vrf1' });
        const snapshot = await started.source.collect(signal);
        expect(snapshot.vrfs.get('vrf1')).toMatchObject({
          kind: 'failed',
          source: started.source.name,
          problem: expect.stringMatching(/^.+$/),
        });
        expect(statesOf(snapshot)).toEqual({ default: { '169.254.8.1': 'established' }, vrf2: visible({ '169.254.4.1': 'active' }) });
      });

      test.runIf(harness.failsByVrf !== false)('a failed VRF is read again once it can be', async () => {
        const over = fixture.faults.begin({ kind: 'vrf-failing', vrf: 'vrf1' });
        await started.source.collect(signal);
        over();
        expect(statesOf(await started.source.collect(signal)).vrf1?.['169.254.0.1']).toBe('established');
      });

      test('a VRF that the switch leaves out is not reported as read', async () => {
        const source = await restartWhereTimeStandsStill();
        fixture.faults.begin({ kind: 'vrf-missing', vrf: 'vrf2' });
        const snapshot = await asTimePasses(25, source.collect(signal));
        expect([undefined, 'failed']).toContain(snapshot.vrfs.get('vrf2')?.kind);
        expect(statesOf(snapshot).vrf1?.['169.254.0.1']).toBe('established');
      });
    });

    describe('an unreadable switch', () => {
      for (const fault of harness.fatalFaults) {
        test(`rule 20: with fault ${labelOf(fault)}, a poll throws one clear line instead of an empty snapshot, and the source recovers`, async () => {
          const source = await restartWhereTimeStandsStill();
          const over = fixture.faults.begin(fault);
          expect(problemsOf(await inHaste(thrownBy(source.collect(signal))), started.where)).toEqual([]);
          over();
          await expect(atLeisure(source.collect(signal).then(statesOf))).resolves.toMatchObject({ vrf1: { '169.254.0.1': 'established' } });
        });

        test(`with fault ${labelOf(fault)}, a poll also throws after a successful one`, async () => {
          const source = await restartWhereTimeStandsStill();
          await atLeisure(source.collect(signal));
          fixture.faults.begin(fault);
          expect(problemsOf(await inHaste(thrownBy(source.collect(signal))), started.where)).toEqual([]);
        });
      }

      test('a poll of a slow switch waits for its answer', async () => {
        fixture.faults.begin({ kind: 'slow', delayMs: 20 });
        expect(statesOf(await started.source.collect(signal)).vrf1?.['169.254.0.1']).toBe('established');
      });

      test('a poll without a server names its endpoint', async () => {
        const source = await restartWhereTimeStandsStill();
        await atLeisure(source.collect(signal));
        await started.stop();
        expect(problemsOf(await inHaste(thrownBy(source.collect(signal))), started.where)).toEqual([]);
      });
    });

    describe('the end of a source', () => {
      test('a poll with an aborted signal rejects with its reason', async () => {
        const reason = new Error('shutting down');
        await expect(started.source.collect(AbortSignal.abort(reason))).rejects.toBe(reason);
      });

      test.runIf(plays(harness, 'hang'))(
        'a signal that aborts during a poll ends it with its reason, and the next poll succeeds',
        async () => {
          const over = fixture.faults.begin({ kind: 'hang' });
          const controller = new AbortController();
          const reason = new Error('shutting down');
          const polling = started.source.collect(controller.signal);
          setTimeout(() => controller.abort(reason), 30);
          await expect(polling).rejects.toBe(reason);
          over();
          expect(statesOf(await started.source.collect(signal)).vrf1?.['169.254.0.1']).toBe('established');
        },
      );

      test('a source can be closed twice, before and after use', async () => {
        await expect(started.source.close()).resolves.toBeUndefined();
        await expect(started.source.close()).resolves.toBeUndefined();
      });

      test('closing a source ends its connections', async () => {
        await started.source.collect(signal);
        await started.source.close();
        await expect.poll(() => started.openConnections?.() ?? 0).toBe(0);
      });

      test.runIf(plays(harness, 'hang'))('closing a source ends its pending poll', async () => {
        fixture.faults.begin({ kind: 'hang' });
        const polling = thrownBy(started.source.collect(signal));
        setTimeout(() => void started.source.close(), 30);
        await expect(polling).resolves.toBeInstanceOf(Error);
      });

      test('a closed source refuses to read', async () => {
        await started.source.close();
        await expect(started.source.collect(signal)).rejects.toBeInstanceOf(Error);
      });
    });

    describe.runIf(harness.readsRtts !== false)('round-trip times', () => {
      /** Asked for by themselves, or come with the snapshot. */
      const read = async (...keys: [vrf: string, address: string][]): Promise<ReadonlyMap<string, bigint>> => {
        const neighbors = keys.map(([vrf, address]) => ({ vrf, address }));
        if (started.source.readRtts !== undefined) return started.source.readRtts(neighbors, signal);
        const { vrfs } = await started.source.collect(signal);
        const found = neighbors.flatMap((key) => {
          const reading = vrfs.get(key.vrf);
          const rttNs = reading?.kind === 'collected' ? reading.neighbors.get(key.address)?.rttNs : undefined;
          return rttNs === undefined ? [] : [[neighborKeyText(key), rttNs] as const];
        });
        return new Map(found);
      };

      test('round-trip times are in nanoseconds, and absent for sessions that are down, without a sample, or unknown', async () => {
        fixture.sim.configure({ vrf: 'vrf2', address: '169.254.4.5', remoteAs: 65_000, rttUs: 0 });
        fixture.sim.establish('vrf2', '169.254.4.5');
        await started.source.collect(signal);
        const rtts = await read(
          ['vrf1', '169.254.0.1'],
          ['vrf1', '169.254.0.3'],
          ['vrf2', '169.254.4.5'],
          ['vrf2', '169.254.99.1'],
          ['vrf9', '169.254.0.1'],
          ['default', '169.254.8.1'],
        );
        expect(rtts).toEqual(
          new Map([
            [neighborKeyText({ vrf: 'vrf1', address: '169.254.0.1' }), 4_287_000n],
            [neighborKeyText({ vrf: 'default', address: '169.254.8.1' }), 61_000_000n],
          ]),
        );
      });

      test('rule 2: two neighbors with one address have the round-trip times of their own VRF', async () => {
        fixture.sim.configure({ vrf: 'vrf2', address: '169.254.0.1', remoteAs: 65_000, rttUs: 9_000 });
        fixture.sim.establish('vrf2', '169.254.0.1');
        await started.source.collect(signal);
        expect(await read(['vrf1', '169.254.0.1'], ['vrf2', '169.254.0.1'])).toEqual(
          new Map([
            ['vrf1|169.254.0.1', 4_287_000n],
            ['vrf2|169.254.0.1', 9_000_000n],
          ]),
        );
      });

      test('round-trip times of no neighbors are empty', async () => {
        await expect(read()).resolves.toEqual(new Map());
      });
    });
  });
}

/** The neighbors of most tests: ours in every state, in three VRFs. */
function prepareSwitch(): SourceFixture & { advance(ms: number): void } {
  const clock = shiftingClock();
  const sim = createSimulatedSwitch({ clock, hostname: 'chi-dz1' });
  for (const vrf of ['vrf1', 'vrf2']) sim.addVrf(vrf);
  sim.configure({ vrf: 'default', address: '169.254.8.1', remoteAs: 4_200_000_001, description: 'USER-510', rttUs: 61_000 });
  sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000, description: 'USER-500', rttUs: 4_287 });
  sim.configure({ vrf: 'vrf1', address: '169.254.0.3', remoteAs: 65_000, description: 'USER-501' });
  for (const last of [5, 7, 9, 11]) sim.configure({ vrf: 'vrf1', address: `169.254.0.${last}`, remoteAs: 65_000 });
  sim.configure({ vrf: 'vrf2', address: '169.254.4.1', remoteAs: 65_000, description: 'USER-505' });
  sim.establish('default', '169.254.8.1');
  sim.establish('vrf1', '169.254.0.1');
  sim.drop('vrf1', '169.254.0.5', 'idle', 'Admin');
  sim.drop('vrf1', '169.254.0.7', 'connect');
  sim.drop('vrf1', '169.254.0.9', 'open-sent');
  sim.drop('vrf1', '169.254.0.11', 'open-confirm');
  return { sim, faults: createSwitchFaults(), clock, timeoutMs: 10_000, advance: clock.advance };
}

/** The system's clock, which the suite can advance. */
function shiftingClock(): Clock & { advance(ms: number): void } {
  let shift = 0;
  return {
    monotonic: () => monotonicMs(systemClock.monotonic() + shift),
    wall: () => epochMs(systemClock.wall() + shift),
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
    advance(ms) {
      shift += ms;
    },
  };
}

type Collected = Extract<VrfReading, { kind: 'collected' }>;

export function collected(snapshot: NeighborSnapshot, vrf: string): Collected {
  const reading = snapshot.vrfs.get(vrf);
  if (reading?.kind !== 'collected') throw new Error(`VRF ${vrf} is ${reading === undefined ? 'absent' : `failed: ${reading.problem}`}`);
  return reading;
}

/** The states of the VRFs that were collected. */
export function statesOf(snapshot: NeighborSnapshot): Record<string, Record<string, NeighborState>> {
  const vrfs: Record<string, Record<string, NeighborState>> = {};
  for (const [vrf, reading] of snapshot.vrfs) {
    if (reading.kind === 'failed') continue;
    vrfs[vrf] = Object.fromEntries([...reading.neighbors].map(([address, { state }]) => [address, state]));
  }
  return vrfs;
}

interface FlapEvidence {
  readonly changedAt?: number | undefined;
  readonly transitions?: number | undefined;
  readonly toleranceMs: number;
}

function flapEvidence(snapshot: NeighborSnapshot, vrf: string, address: string): FlapEvidence {
  const reading = collected(snapshot, vrf);
  const neighbor = reading.neighbors.get(address);
  return {
    changedAt: neighbor?.changedAt,
    transitions: neighbor?.establishedTransitions,
    toleranceMs: reading.changedAtToleranceMs,
  };
}

/** Rule 7, as the domain applies it: the date moved by more than its tolerance, or the counter rose. */
function flapped(before: FlapEvidence, after: FlapEvidence): boolean {
  const moved = Math.abs((after.changedAt ?? 0) - (before.changedAt ?? 0)) > after.toleranceMs;
  return moved || (after.transitions ?? 0) > (before.transitions ?? 0);
}

const atLeisure = <T>(work: Promise<T>): Promise<T> => asTimePasses(5, work);
/** For silence, which costs a source its whole timeout. */
const inHaste = <T>(work: Promise<T>): Promise<T> => asTimePasses(250, work);

async function thrownBy(work: Promise<unknown>): Promise<unknown> {
  try {
    return { answered: await work };
  } catch (error) {
    return error;
  }
}

/** What an error lacks: one clear line with the problem, the endpoint and the remedy. */
function problemsOf(error: unknown, where: string): string[] {
  if (!isAgentError(error)) return [`not an AgentError: ${String(error)}`];
  const { message, remedy }: AgentError = error;
  const problems: string[] = [];
  if (/[\r\n]/.test(message)) problems.push('the message has more than one line');
  if (message.length > 300) problems.push(`the message has ${message.length} characters`);
  if (!message.includes(where)) problems.push(`“${message}” does not say ${where}`);
  if (/\{\w+\}|undefined|\[object/.test(message)) problems.push(`“${message}” has a hole in it`);
  if (remedy.length < 10) problems.push('no remedy');
  return problems;
}

function plays(harness: SourceHarness, kind: SwitchFaultKind): boolean {
  return harness.fatalFaults.some((fault) => fault.kind === kind);
}

function labelOf(fault: SwitchFault): string {
  const detail = fault.kind === 'http-status' ? ` ${fault.status}` : fault.kind === 'command-error' ? ` ${fault.code}` : '';
  return `${fault.kind}${detail}`;
}
