import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answerTo, encodeAnswer, encodeFailure } from '../../../localnet/switch/snmp.ts';
import { TYPE } from '../../../localnet/switch/snmp-mibs.ts';
import type { Neighbor, VrfReading } from '../../../src/bgp/index.ts';
import type { SwitchSource } from '../../../src/collector/index.ts';
import { type Clock, epochMs, monotonicMs } from '../../../src/lib/index.ts';
import { asTimePasses, letTimersStandStill } from '../../support/passing-time.ts';
import { type Cells, manyNeighbors, peerTable, type Script, sourceOf, startAgent, truthfully, up, waiting } from './scripted-agent.ts';

const signal = new AbortController().signal;

async function readingOf(source: SwitchSource, vrf = 'default'): Promise<VrfReading | undefined> {
  return (await source.collect(signal)).vrfs.get(vrf);
}

async function neighborsOf(source: SwitchSource, vrf = 'default'): Promise<Neighbor[]> {
  const reading = await readingOf(source, vrf);
  return reading?.kind === 'collected' ? [...reading.neighbors.values()] : [];
}

/** Reads `vrf1` from the script next to a working default VRF, so that its failure is not that of the whole switch. */
async function readingBesideAnother(script: Script, options: { maxRows?: number } = {}): Promise<VrfReading | undefined> {
  let asked = 0;
  const agent = await startAgent((request, number) => {
    if (request.community !== 'telemetry@vrf1') return truthfully(() => peerTable({ '10.0.0.1': up }))(request, number);
    asked += 1;
    return script(request, asked);
  });
  return readingOf(sourceOf(agent, { vrfs: ['default', 'vrf1'], ...options }), 'vrf1');
}

const failed = (problem: string, code: string): unknown => ({
  kind: 'failed',
  source: 'snmp',
  problem,
  error: expect.objectContaining({ code, message: expect.stringContaining(`: ${problem}`) }),
});

/** Stands still but for what a test adds. */
function testClock(): Clock & { wallMs: number; monotonicMs: number } {
  return {
    wallMs: 1_700_000_000_000,
    monotonicMs: 5_000,
    monotonic() {
      return monotonicMs(this.monotonicMs);
    },
    wall() {
      return epochMs(this.wallMs);
    },
    sleep: () => Promise.reject(new Error('nothing here waits')),
  };
}

describe('rows', () => {
  const read = async (cells: Cells): Promise<Neighbor | undefined> => {
    const agent = await startAgent(truthfully(() => peerTable({ '169.254.0.1': cells })));
    return (await neighborsOf(sourceOf(agent, { clock: testClock() })))[0];
  };

  test('an Established session has the age of its time, also one of this second', async () => {
    expect(await read({ state: 6, remoteAs: 65_000, transitions: 3, seconds: 90 })).toEqual({
      address: '169.254.0.1',
      state: 'established',
      remoteAs: 65_000,
      establishedTransitions: 3,
      changedAt: 1_699_999_910_000,
    });
    expect((await read({ state: 6, seconds: 0 }))?.changedAt).toBe(1_700_000_000_000);
  });

  test('a session that is down has an age, and none when its time is 0', async () => {
    expect((await read({ state: 3, seconds: 90 }))?.changedAt).toBe(1_699_999_910_000);
    expect(await read({ state: 3, remoteAs: 65_000, transitions: 0, seconds: 0 })).toEqual({
      address: '169.254.0.1',
      state: 'active',
      remoteAs: 65_000,
      establishedTransitions: 0,
    });
  });

  test('a counter and a time of the full 32 bits are read as such', async () => {
    expect(await read({ state: 6, transitions: 4_294_967_295, seconds: 4_294_967_295 })).toMatchObject({
      establishedTransitions: 4_294_967_295,
      changedAt: 1_700_000_000_000 - 4_294_967_295_000,
    });
  });

  test.each([0, 7, -6, 262])('a row with state %i is unrecognized and has no age', async (state) => {
    expect(await read({ state, seconds: 90 })).toEqual({ address: '169.254.0.1', state: 'unrecognized' });
  });

  test('a row without its state, both times it is read, is unrecognized', async () => {
    expect(await read({ remoteAs: 65_000, transitions: 1, seconds: 30 })).toEqual({
      address: '169.254.0.1',
      state: 'unrecognized',
      remoteAs: 65_000,
      establishedTransitions: 1,
    });
  });

  test.each([0, -1, 23_456, 65_536])('a row with remote AS %i has no AS', async (remoteAs) => {
    expect((await read({ state: 6, remoteAs }))?.remoteAs).toBeUndefined();
  });

  test('an NTP step of this host between two polls moves no session’s age', async () => {
    const clock = testClock();
    const agent = await startAgent(truthfully(() => peerTable({ '169.254.0.1': up })));
    const source = sourceOf(agent, { clock });
    const before = await neighborsOf(source);
    clock.wallMs -= 3_600_000;
    expect(await neighborsOf(source)).toEqual(before);
  });
});

describe('requests', () => {
  test('a walk asks for the four columns only, row by row', async () => {
    const agent = await startAgent(truthfully(() => peerTable(manyNeighbors(30, up))));
    await neighborsOf(sourceOf(agent));
    const columns = agent.requests.map(({ kind, oids }) => [kind, oids.map((oid) => oid.slice(0, 10).join('.'))]);
    const peerColumns = [2, 9, 15, 16].map((column) => `1.3.6.1.2.1.15.3.1.${column}`);
    const state = '1.3.6.1.2.1.15.3.1.2';
    expect(columns).toEqual([...Array(3).fill(['get-bulk', peerColumns]), ['get', [state, state]]]);
  });

  test('a VRF is read with its own community where it has one', async () => {
    const agent = await startAgent(truthfully(() => peerTable({ '10.0.0.1': up })));
    await sourceOf(agent, { vrfs: ['default', 'vrf1', { vrf: 'vrf2', community: 'tenant2' }] }).collect(signal);
    expect(new Set(agent.requests.map(({ community }) => community))).toEqual(new Set(['telemetry', 'telemetry@vrf1', 'tenant2']));
  });

  test('a request is sent again when its answer is lost', async () => {
    const answer = truthfully(() => peerTable({ '10.0.0.1': up }));
    const agent = await startAgent((request, number) => (number === 1 ? undefined : answer(request, number)));
    expect(await neighborsOf(sourceOf(agent))).toHaveLength(1);
    expect(new Set(agent.requests.map(({ requestId }) => requestId)).size).toBe(1);
  });
});

describe('a table that changes while it is read', () => {
  const whole = manyNeighbors(30, up);
  const without = (address: string): Record<string, Cells> =>
    Object.fromEntries(Object.entries(whole).filter(([index]) => index !== address));

  test('a table that changes once while it is read is read again', async () => {
    const agent = await startAgent(truthfully((_, number) => peerTable(number < 4 ? whole : without('10.0.0.0'))));
    expect(await neighborsOf(sourceOf(agent))).toHaveLength(29);
  });

  test('a table that changes each time it is read is failed', async () => {
    const script = truthfully(({ kind }) => peerTable(kind === 'get' ? without('10.0.0.29') : whole));
    expect(await readingBesideAnother(script)).toEqual(
      failed('the neighbors changed while they were read, twice in a row', 'SNMP__UNSTABLE'),
    );
  });

  test('a table that ends in the middle, as when BGP restarts, shows no neighbor as gone', async () => {
    const script = truthfully((_, number) => peerTable(number === 1 ? whole : {}, 0));
    expect(await readingBesideAnother(script)).toEqual(
      failed('no BGP here: the agent has neither neighbors nor bgpLocalAs', 'SNMP__NO_BGP'),
    );
  });

  test.each([12, 0])('rule 3: a table that ends after %d of the 30 rows that the agent has fails at each poll', async (rows) => {
    let isCut = false;
    const cut = manyNeighbors(rows, up);
    const script = truthfully(({ kind }) => peerTable(isCut && kind !== 'get' ? cut : whole));
    const agent = await startAgent((request, number) =>
      request.community === 'telemetry' ? script(request, number) : encodeAnswer(request, answerTo(request, peerTable({ '10.1.0.1': up }))),
    );
    const source = sourceOf(agent, { vrfs: ['default', 'other'] });
    const read = async (): Promise<unknown> => {
      const reading = (await source.collect(signal)).vrfs.get('default');
      return reading?.kind === 'collected' ? reading.neighbors.size : reading?.error?.code;
    };
    const seen = [await read()];
    isCut = true;
    for (let poll = 0; poll < 3; poll += 1) seen.push(await read());
    isCut = false;
    seen.push(await read());
    expect(seen).toEqual([30, 'SNMP__INCOMPLETE', 'SNMP__INCOMPLETE', 'SNMP__INCOMPLETE', 30]);
  });

  test('a table that changes in one column only, differently each time, is failed', async () => {
    const torn = (address: string): Record<string, Cells> => ({ ...whole, [address]: { remoteAs: 65_000 } });
    const script = truthfully((_, number) => peerTable(torn(number < 5 ? '10.0.0.3' : '10.0.0.4')));
    expect(await readingBesideAnother(script)).toEqual(
      failed('the neighbors changed while they were read, twice in a row', 'SNMP__UNSTABLE'),
    );
  });
});

describe('a faulty agent', () => {
  const table = peerTable(manyNeighbors(30, waiting));

  test('an agent that steps back in its rows is failed at once', async () => {
    const script: Script = (request) =>
      encodeAnswer(request, answerTo({ ...request, oids: request.oids.map((oid) => oid.slice(0, 10)) }, table));
    expect(await readingBesideAnother(script)).toEqual(failed('rows that are not in order', 'SNMP__NOT_IN_ORDER'));
  });

  test('an agent with more neighbors than maxRows is failed, not cut', async () => {
    expect(
      await readingBesideAnother(
        truthfully(() => table),
        { maxRows: 20 },
      ),
    ).toEqual(failed('more than 20 neighbors', 'SNMP__TOO_MANY_ROWS'));
  });

  test.each(['169.254.0', '169.254.0.1.0', '169.254.0.256', '1.4.169.254.0.1'])(
    'an agent that has a row with the index %s is failed',
    async (index) => {
      const script = truthfully(() => peerTable({ [index]: up }));
      expect(await readingBesideAnother(script)).toEqual(failed('a row whose index is not an IPv4 address', 'SNMP__WRONG_INDEX'));
    },
  );

  test('an agent that answers without values is failed', async () => {
    expect(await readingBesideAnother((request) => encodeAnswer(request, []))).toEqual(
      failed('an answer without a value for every column asked for', 'SNMP__INCOMPLETE'),
    );
  });

  test('an agent that answers more than was requested is failed', async () => {
    const script: Script = (request) => encodeAnswer(request, answerTo({ ...request, maxRepetitions: 20 }, table));
    expect(await readingBesideAnother(script)).toEqual(failed('an answer with more values than were asked for', 'SNMP__INCOMPLETE'));
  });

  test('an agent that answers with an error is failed', async () => {
    expect(await readingBesideAnother(encodeFailure)).toEqual(
      failed('the agent answered with error status 5 (genErr)', 'SNMP__ERROR_STATUS'),
    );
  });

  test('an agent with states of another type is failed', async () => {
    const script = truthfully(() => peerTable({ '10.0.0.1': { state: { type: TYPE.gauge32, value: 6 } } }));
    expect(await readingBesideAnother(script)).toEqual(failed('a bgpPeerState that is not an INTEGER', 'SNMP__WRONG_TYPE'));
  });

  test('an agent that never answers for a VRF fails that VRF alone', async () => {
    letTimersStandStill();
    expect(
      await asTimePasses(
        25,
        readingBesideAnother(() => undefined),
      ),
    ).toEqual(failed('no answer within 2000 ms', 'SNMP__UNREACHABLE'));
  });

  test('an agent that ends its answers in the middle of a row is still read whole', async () => {
    const agent = await startAgent((request) => encodeAnswer(request, answerTo(request, table).slice(0, 7)));
    expect(await neighborsOf(sourceOf(agent))).toHaveLength(30);
  });
});

describe('a VRF without neighbors', () => {
  test('a VRF without neighbors in which BGP runs is read, and empty', async () => {
    expect(await readingBesideAnother(truthfully(() => peerTable({})))).toMatchObject({ kind: 'collected', neighbors: new Map() });
  });

  test('a VRF without neighbors in which BGP does not run is failed', async () => {
    const script = truthfully(() => peerTable({}, 0));
    expect(await readingBesideAnother(script)).toEqual(
      failed('no BGP here: the agent has neither neighbors nor bgpLocalAs', 'SNMP__NO_BGP'),
    );
  });

  test('a VRF without neighbors is an error when all of them are so', async () => {
    const agent = await startAgent(truthfully(() => peerTable({})));
    await expect(sourceOf(agent, { vrfs: ['default', 'vrf1'] }).collect(signal)).rejects.toMatchObject({
      code: 'SNMP__EMPTY',
      message: `the SNMP agent at 127.0.0.1:${agent.port} has no BGP neighbor in any VRF that was read (2 of 2)`,
    });
  });
});

describe('other datagrams', () => {
  const truth = truthfully(() => peerTable({ '10.0.0.1': waiting }));
  const lie: Script = truthfully(() => peerTable({ '10.0.0.1': up }));
  const datagram = (script: Script, ...request: Parameters<Script>): Buffer => {
    const answer = script(...request);
    if (!Buffer.isBuffer(answer)) throw new Error('one datagram was expected');
    return answer;
  };

  test('malformed and late datagrams and those of another community are counted and ignored', async () => {
    const agent = await startAgent((request, number) => [
      Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      datagram(lie, request, number).subarray(0, -1),
      datagram(lie, { ...request, requestId: request.requestId ^ 1 }, number),
      datagram(lie, { ...request, community: 'public' }, number),
      datagram(truth, request, number),
      datagram(lie, request, number),
    ]);
    const source = sourceOf(agent);
    expect((await neighborsOf(source)).map(({ state }) => state)).toEqual(['active']);
    // The last one comes after the answer: counted when its socket is still open then.
    // Two for the walk, two for the last error of the neighbor that is down.
    expect(source.dropCounters?.()).toMatchObject({ wrongSource: 0, malformed: 4 });
    expect(source.dropCounters?.().unasked).toBeGreaterThanOrEqual(2);
  });

  test('a datagram from another port than the agent’s is ignored, however correct it is', async () => {
    const foreign = createSocket('udp4');
    foreign.bind(0, '127.0.0.1');
    await once(foreign, 'listening');
    let heard: Promise<unknown> = Promise.resolve();
    const agent = await startAgent((request, number) => {
      if (number > 1) return datagram(truth, request, number);
      const forged = datagram(lie, request, number);
      heard = new Promise((sent) => setImmediate(() => foreign.send(forged, agent.askedFrom(), '127.0.0.1', sent)));
      return undefined;
    });
    const source = sourceOf(agent);
    expect((await neighborsOf(source)).map(({ state }) => state)).toEqual(['active']);
    await heard;
    foreign.close();
    expect(source.dropCounters?.()).toEqual({ wrongSource: 1, malformed: 0, unasked: 0 });
  });

  test('ignored datagrams are named when no answer came: an agent that answers from another address seems silent', async () => {
    const elsewhere = createSocket('udp4');
    elsewhere.bind(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    onTestFinished(() => void elsewhere.close());
    const script: Script = (request, number) => {
      setImmediate(() => elsewhere.send(datagram(truth, request, number), agent.askedFrom(), '127.0.0.1'));
      return undefined;
    };
    const agent = await startAgent(script);
    letTimersStandStill();
    await expect(asTimePasses(25, sourceOf(agent).collect(signal))).rejects.toMatchObject({
      message: expect.stringMatching(/: VRF default: no answer within 2000 ms; datagrams ignored: [34] from another address or port$/),
    });
  });

  test('an agent may sign a VRF’s answer with the community alone', async () => {
    const agent = await startAgent((request, number) => datagram(truth, { ...request, community: 'telemetry' }, number));
    expect(await neighborsOf(sourceOf(agent, { vrfs: ['vrf1'] }), 'vrf1')).toHaveLength(1);
  });
});

test('the wrong community, to which agents stay silent, is one clear line', async () => {
  const agent = await startAgent(() => undefined);
  await expect(sourceOf(agent, { vrfs: ['default', 'vrf1'], timeoutMs: 100 }).collect(signal)).rejects.toMatchObject({
    code: 'SNMP__UNREACHABLE',
    message: `the SNMP agent at 127.0.0.1:${agent.port} could not be read: none of 2 VRFs; default: no answer within 100 ms`,
  });
});

test('a host name that does not resolve is one clear line', async () => {
  const source = sourceOf({ port: 161 }, { host: 'switch.invalid', timeoutMs: 1_000 });
  await expect(source.collect(signal)).rejects.toMatchObject({
    code: 'SNMP__UNREACHABLE',
    message: expect.stringMatching(/^the SNMP agent at switch\.invalid:161 could not be read: \S.*$/),
  });
});
