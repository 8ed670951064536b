import { describe, expect, test } from 'vitest';
import { answerRunCmds } from '../../../localnet/switch/eapi.ts';
import { CURRENT_EOS } from '../../../localnet/switch/eapi-render.ts';
import { createSimulatedSwitch, createSwitchFaults, type SimulatedSwitch } from '../../../localnet/switch/index.ts';
import type { Neighbor, VrfReading } from '../../../src/bgp/index.ts';
import { readEnvelope } from '../../../src/collector/eapi/client.ts';
import { collectRtts, readSummary } from '../../../src/collector/eapi/summary.ts';
import { isAgentError, type Random, seededRandom, systemClock } from '../../../src/lib/index.ts';

/** Replay a failure with the seed that its message names. */
const SEED = 20_260_806;
/** How many times as long it runs: five of them are 100,000 inputs, which .ci/run has. */
const SCALE = Number(process.env.DZD_FUZZ_SCALE ?? 1);
const COMMANDS = ['show ip bgp summary vrf all', 'show ip bgp neighbors vrf all'] as const;

function prepareSwitch(): SimulatedSwitch {
  const sim = createSimulatedSwitch({ clock: systemClock });
  for (const vrf of ['default', 'vrf1', 'vrf2']) {
    for (const last of [1, 3, 5]) {
      const address = `169.254.${vrf.length}.${last}`;
      sim.configure({ vrf, address, remoteAs: 65_000, description: `USER-${500 + last}` });
      if (last === 1) sim.establish(vrf, address);
    }
  }
  sim.drop('vrf2', '169.254.4.5', 'idle', 'Admin');
  return sim;
}

function answer(sim: SimulatedSwitch, command: string): string {
  const scene = { sim, faults: createSwitchFaults(), eosQuirks: CURRENT_EOS, answer: 0 };
  const request = { jsonrpc: '2.0', method: 'runCmds', id: 'x', params: { version: 1, cmds: [command], timestamps: true } };
  return JSON.stringify(answerRunCmds(JSON.stringify(request), scene, () => undefined));
}

type Read = { readonly vrfs: ReadonlyMap<string, VrfReading>; readonly rtts: ReadonlyMap<string, bigint> } | 'error';

/** Everything that an answer is ever read as. Anything thrown but an AgentError fails the test. */
function read(body: string): Read {
  const envelope = readEnvelope(body, 'x', 1);
  if (envelope.kind !== 'answered' || envelope.failure !== undefined) return 'error';
  const [result = {}] = envelope.results;
  const rtts = new Map();
  collectRtts(result, ALL, rtts);
  try {
    return { vrfs: readSummary(result, { endpoint: 'e', source: 's' }).vrfs, rtts };
  } catch (error) {
    if (isAgentError(error)) return rtts.size > 0 ? { vrfs: new Map(), rtts } : 'error';
    throw error;
  }
}

const ALL: ReadonlySet<string> = new Set(
  ['default', 'vrf1', 'vrf2'].flatMap((vrf) => [1, 3, 5].map((last) => `${vrf}|169.254.${vrf.length}.${last}`)),
);

/** Neighbors of `seen` in a state of the six that the undamaged answer does not have. */
function inventions(seen: Read, truth: Read): string[] {
  if (seen === 'error' || truth === 'error') return [];
  const found: string[] = [];
  for (const [vrf, reading] of seen.vrfs) {
    if (reading.kind === 'failed') continue;
    for (const neighbor of reading.neighbors.values()) {
      const real = neighborsOf(truth.vrfs.get(vrf))?.get(neighbor.address);
      if (neighbor.state !== 'unrecognized' && neighbor.state !== real?.state) found.push(`${vrf}|${neighbor.address} ${neighbor.state}`);
    }
  }
  for (const [key, rtt] of seen.rtts) if (truth.rtts.get(key) !== rtt) found.push(`${key} ${rtt} ns`);
  return found;
}

/** Neighbors of the undamaged answer that `seen` claims, by a VRF read in full, not to exist. */
function losses(seen: Read, truth: Read): string[] {
  if (seen === 'error' || truth === 'error') return [];
  const found: string[] = [];
  for (const [vrf, reading] of truth.vrfs) {
    const claimed = neighborsOf(seen.vrfs.get(vrf));
    for (const address of neighborsOf(reading)?.keys() ?? [])
      if (claimed !== undefined && !claimed.has(address)) found.push(`${vrf}|${address}`);
  }
  return found;
}

function neighborsOf(reading: VrfReading | undefined): ReadonlyMap<string, Neighbor> | undefined {
  return reading?.kind === 'collected' ? reading.neighbors : undefined;
}

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  6,
  1e308,
  1.5,
  '',
  'Established',
  'established',
  'Idle\u0000',
  'NotNegotiated',
  '65000',
  '1e3',
  [],
  [[]],
  {},
  { peers: {} },
  ['Established'],
  { peerState: 6 },
  'x'.repeat(500),
  '__proto__',
];

/** What may stand between two bytes of an answer and leave it JSON, or nearly so. */
const MISPLACED = [
  ...['{', '}', '[', ']', '"', ':', ',', '\\', ' ', '{}', '[0]', '[1]', 'null', '"a":1,', '"a":{},', '{"a":1}:1,', '{"peerState":"Idle"},'],
  ...['"peers":{},', '"peers":', '"169.254.4.1":', '"169.254.4.1":{"peerState":"Established"},', '"169.254.4.1":[0],', '"a":{"b":[{}]},'],
];

/** Where a member, an element or a value begins. */
const seams = (bytes: Buffer): readonly number[] =>
  [...bytes.keys()].filter((at) => '{,:['.includes(String.fromCharCode(bytes[at - 1] ?? 0)));

/** Every place in a JSON value, each with its parent and key. */
function places(value: unknown, into: [parent: Record<string, unknown> | unknown[], key: string][] = []): typeof into {
  if (typeof value !== 'object' || value === null) return into;
  const parent = value as Record<string, unknown> | unknown[];
  for (const key of Object.keys(parent)) {
    into.push([parent, key]);
    places(Reflect.get(parent, key), into);
  }
  return into;
}

const pick = <T>(from: readonly T[], random: Random): T | undefined => from[Math.floor(random() * from.length)];

/** A value that no switch would put there: never the name of another state, nor a list that is empty in earnest. */
function oddValueFor(key: string, random: Random): unknown {
  for (;;) {
    const value = pick(ODD_VALUES, random);
    const text = JSON.stringify(value);
    const anotherState = (key === 'peerState' || key === 'state') && text === '"Established"';
    const emptyVrf = /^(default|vrf\d)$/.test(key) && text === '{"peers":{}}';
    const noPeers = key === 'peers' && text === '{}';
    if (!anotherState && !emptyVrf && !noPeers) return value;
  }
}

function randomJson(random: Random, depth = 0): unknown {
  const kind = random();
  if (depth > 4 || kind < 0.4) return pick(ODD_VALUES, random);
  if (kind < 0.6) return Array.from({ length: Math.floor(random() * 4) }, () => randomJson(random, depth + 1));
  const keys = [
    'jsonrpc',
    'id',
    'result',
    'error',
    'vrfs',
    'vrf1',
    'peers',
    'peerList',
    '169.254.4.1',
    'peerState',
    'errors',
    'data',
    'code',
    '_meta',
  ];
  return Object.fromEntries(Array.from({ length: Math.floor(random() * 6) }, () => [pick(keys, random), randomJson(random, depth + 1)]));
}

describe('damaged eAPI answers', { timeout: 120_000 * SCALE }, () => {
  const sim = prepareSwitch();
  const bodies = COMMANDS.map((command) => answer(sim, command));
  const truths = bodies.map(read);

  test('the undamaged answers are read whole', () => {
    const [summary, details] = truths;
    expect(summary === 'error' ? 0 : summary?.vrfs.size).toBe(3);
    expect(details === 'error' ? 0 : details?.rtts.size).toBe(3);
  });

  test('an answer with one value changed never shows another state or RTT, nor the absence of a neighbor', () => {
    const random = seededRandom(SEED);
    let unchanged = 0;
    for (let round = 0; round < SCALE * 8_000; round += 1) {
      const which = round % 2;
      const changed: unknown = JSON.parse(bodies[which] ?? '');
      const place = pick(places(changed), random);
      if (place === undefined) throw new Error('nothing to change');
      const [parent, key] = place;
      // A number in place of sndRtt is a sample like any other, and a name in place of a peer's is another peer.
      if (key === 'sndRtt' || key === 'peerAddress') continue;
      Reflect.set(parent, key, oddValueFor(key, random));
      const seen = read(JSON.stringify(changed));
      const truth = truths[which] ?? 'error';
      const wrong = [...inventions(seen, truth), ...losses(seen, truth)];
      if (wrong.length > 0) expect.unreachable(`seed ${SEED}, round ${round}, ${key}: ${wrong.join(', ')}`);
      if (seen !== 'error') unchanged += 1;
    }
    expect(unchanged).toBeGreaterThan(1_000);
  });

  test('an answer with one key removed or renamed invents no neighbor', () => {
    const random = seededRandom(SEED + 1);
    for (let round = 0; round < SCALE * 4_000; round += 1) {
      const which = round % 2;
      const changed: unknown = JSON.parse(bodies[which] ?? '');
      const [parent, key] = pick(places(changed), random) ?? [{}, ''];
      const value: unknown = Reflect.get(parent, key);
      Reflect.deleteProperty(parent, key);
      // A VRF under another name is another VRF; every other name is checked.
      if (random() < 0.5 && !/^(default|vrf\d)$/.test(key) && !key.startsWith('169.')) Reflect.set(parent, `${key}x`, value);
      const wrong = inventions(read(JSON.stringify(changed)), truths[which] ?? 'error');
      if (wrong.length > 0) expect.unreachable(`seed ${SEED + 1}, round ${round}, ${key}: ${wrong.join(', ')}`);
    }
  });

  test('an answer with bytes cut, flipped, doubled or dropped is an error at worst', () => {
    const random = seededRandom(SEED + 2);
    let errors = 0;
    for (let round = 0; round < SCALE * 4_000; round += 1) {
      const bytes = Buffer.from(bodies[round % 2] ?? '');
      const at = Math.floor(random() * bytes.length);
      const kind = round % 4;
      const damaged =
        kind === 0
          ? bytes.subarray(0, at)
          : kind === 1
            ? Buffer.concat([bytes.subarray(0, at), Buffer.of(Math.floor(random() * 256)), bytes.subarray(at + 1)])
            : kind === 2
              ? Buffer.concat([bytes.subarray(0, at), bytes])
              : Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(random() * 40))]);
      if (read(damaged.toString('utf8')) === 'error') errors += 1;
      // Whatever is cut off is not JSON any more.
      if (kind === 0) expect(read(damaged.toString('utf8')), `seed ${SEED + 2}, round ${round}`).toBe('error');
    }
    expect(errors).toBeGreaterThan(2_000);
  });

  test('an answer with marks, objects or members where none belong is read, or is an error', () => {
    const random = seededRandom(SEED + 4);
    let answers = 0;
    for (let round = 0; round < SCALE * 4_000; round += 1) {
      let bytes = Buffer.from(bodies[0] ?? '');
      for (let times = 0; times < 3; times += 1) {
        const at = random() < 0.5 ? (pick(seams(bytes), random) ?? 0) : Math.floor(random() * bytes.length);
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(MISPLACED, random) ?? ''), bytes.subarray(at)]);
        if (random() < 0.7) break;
      }
      if (read(bytes.toString('utf8')) !== 'error') answers += 1;
    }
    expect(answers).toBeGreaterThan(100);
  });

  test('an answer of any JSON at all names no neighbor that is not written in it', () => {
    const random = seededRandom(SEED + 3);
    for (let round = 0; round < SCALE * 4_000; round += 1) {
      const json = randomJson(random);
      const seen = read(JSON.stringify(random() < 0.7 ? { jsonrpc: '2.0', id: 'x', result: [json] } : json) ?? 'undefined');
      if (seen === 'error') continue;
      for (const reading of seen.vrfs.values()) {
        for (const neighbor of neighborsOf(reading)?.values() ?? []) {
          expect(JSON.stringify(json), `seed ${SEED + 3}, round ${round}`).toContain(`"${neighbor.address}":`);
        }
      }
    }
  });
});
