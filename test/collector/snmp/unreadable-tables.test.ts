import { describe, expect, test } from 'vitest';
import { type AgentRequest, createV3Agent, encodeAnswer, encodeFailure } from '../../../localnet/switch/snmp.ts';
import { type MibObject, TYPE } from '../../../localnet/switch/snmp-mibs.ts';
import type { SimulatedSnmpUser } from '../../../localnet/switch/snmp-usm.ts';
import { createSimulatedSwitch } from '../../../localnet/switch/switch.ts';
import { observeUsers } from '../../../src/bgp/index.ts';
import type { SwitchSource } from '../../../src/collector/index.ts';
import type { SnmpUser } from '../../../src/collector/snmp/session.ts';
import { createSnmpSource } from '../../../src/collector/snmp/source.ts';
import { systemClock } from '../../../src/lib/index.ts';
import { userNumber } from '../../support/bgp-builders.ts';
import { asTimePasses, letTimersStandStill } from '../../support/passing-time.ts';
import {
  aristaTable,
  asListed,
  type Cells,
  manyNeighbors,
  peerTable,
  type Script,
  sourceOf,
  startAgent,
  startV3Agent,
  up,
} from './scripted-agent.ts';

const signal = new AbortController().signal;
const USER: SnmpUser & SimulatedSnmpUser = {
  name: 'telemetry',
  auth: { protocol: 'sha', password: 'authentic-words' },
  priv: { protocol: 'aes', password: 'private-words' },
};

const GOOD: readonly MibObject[] = [
  ...peerTable({}),
  ...aristaTable([
    ['1.1.4.169.254.0.1', 6],
    ['1.1.4.169.254.0.3', 3],
  ]),
];
const index = (last: number, instance = 1): string => `${instance}.1.4.169.254.0.${last}`;
const rows = (...lasts: readonly number[]): readonly (readonly [string, number])[] => lasts.map((last) => [index(last), 6]);
const ARISTA_ROOT = 30_065;
/** 120 of them. */
const MANY = Array.from({ length: 120 }, (_, at) => 2 * at + 1);
const asksArista = ({ kind, oids }: AgentRequest): boolean => kind === 'get-bulk' && oids[0]?.[6] === ARISTA_ROOT;

/** An agent whose default VRF is good, and whose vrf1 answers so; its BGP4-MIB is empty unless the script has rows for it. */
const agentWith =
  (vrf1: Script): Script =>
  (request, number) =>
    request.community === 'telemetry@vrf1' ? vrf1(request, number) : asListed(GOOD)(request, number);

/** Arista's table of vrf1 is what the script says; the rest is an empty BGP4-MIB in which BGP runs. */
const arista =
  (script: Script, bgp4: Readonly<Record<string, Cells>> = {}): Script =>
  (request, number) =>
    asksArista(request) ? script(request, number) : asListed(peerTable(bgp4))(request, number);

/** The state of row `at` is of this type: a gauge32, or counter64 (0x46), which the simulation cannot encode. */
function mistyped(tag: number): Script {
  const table = aristaTable([
    [index(25), 6],
    [index(27), { type: TYPE.gauge32, value: 77 }],
  ]);
  return (request, number) => {
    const answer = asListed(table)(request, number);
    if (!Buffer.isBuffer(answer)) return answer;
    const at = answer.indexOf(Buffer.from([TYPE.gauge32, 1, 77]));
    answer[at] = tag;
    return answer;
  };
}

/** The rows, with one value replaced by an exception in each column. */
function withHole(type: typeof TYPE.noSuchInstance | typeof TYPE.noSuchObject): Script {
  const table = aristaTable(rows(25, 27, 29));
  return (request) => {
    const varbinds = table.flatMap(({ oid, instances, read }) =>
      instances.map((instance, position) =>
        position === 1 ? { oid: [...oid, ...instance], type, value: '' } : { oid: [...oid, ...instance], ...read(position) },
      ),
    );
    const byColumn = request.oids.map((asked) => varbinds.filter(({ oid }) => asked.slice(0, 13).every((part, at) => oid[at] === part)));
    return encodeAnswer(
      request,
      [0, 1, 2].flatMap((row) => byColumn.flatMap((column) => column[row] ?? [])),
    );
  };
}

const UNREADABLE: readonly (readonly [name: string, script: Script, code: string, problem: RegExp])[] = [
  ['that is out of order', asListed(aristaTable(rows(27, 25, 29))), 'SNMP__NOT_IN_ORDER', /^rows that are not in order$/],
  [
    'that loops',
    (request, number) => asListed(aristaTable(rows(...MANY)))({ ...request, oids: request.oids.map((oid) => oid.slice(0, 13)) }, number),
    'SNMP__NOT_IN_ORDER',
    /^rows that are not in order$/,
  ],
  [
    'that ends with a step backwards',
    (request) =>
      encodeAnswer(
        request,
        request.oids.map(() => ({ oid: [1, 3, 6, 1, 2, 1, 1, 1, 0], type: TYPE.integer, value: 1 })),
      ),
    'SNMP__NOT_IN_ORDER',
    /^rows that are not in order$/,
  ],
  [
    'with an index of a wrong length',
    asListed(
      aristaTable([
        [index(25), 6],
        ['1.1.4.169.254.27', 6],
      ]),
    ),
    'SNMP__WRONG_INDEX',
    /not an address/,
  ],
  ['with an index of another form', asListed(aristaTable([['169.254.0.25', 6]])), 'SNMP__WRONG_INDEX', /not an address/],
  ['with a Gauge32 for a state', mistyped(TYPE.gauge32), 'SNMP__WRONG_TYPE', /not an INTEGER/],
  ['with a Counter64 for a state', mistyped(0x46), 'SNMP__WRONG_TYPE', /not an INTEGER/],
  [
    'with two instances of one neighbor',
    asListed(
      aristaTable([
        [index(25), 6],
        [index(25, 2), 3],
      ]),
    ),
    'SNMP__ROW_TWICE',
    /169\.254\.0\.25 in two rows/,
  ],
  ['with fewer columns than asked for', (request) => encodeAnswer(request, []), 'SNMP__INCOMPLETE', /without a value for every column/],
  [
    'with more rows than asked for',
    (request, number) => asListed(aristaTable(rows(...MANY)))({ ...request, maxRepetitions: 9 }, number),
    'SNMP__INCOMPLETE',
    /more values/,
  ],
  [
    'with noSuchInstance in the middle',
    withHole(TYPE.noSuchInstance),
    'SNMP__NO_SUCH_INSTANCE',
    /^noSuchInstance where a row was asked for$/,
  ],
  ['with noSuchObject in the middle', withHole(TYPE.noSuchObject), 'SNMP__NO_SUCH_INSTANCE', /^noSuchObject where a row was asked for$/],
  ['answered with an error status', encodeFailure, 'SNMP__ERROR_STATUS', /error status 5 \(genErr\)/],
  ['that is larger than maxRows', asListed(aristaTable(rows(...MANY))), 'SNMP__TOO_MANY_ROWS', /more than 100 neighbors/],
];

async function readingOf(source: SwitchSource, vrf = 'vrf1'): Promise<unknown> {
  return (await source.collect(signal)).vrfs.get(vrf);
}

describe('a table that cannot be read, and an empty BGP4-MIB behind it', () => {
  const options = { vrfs: ['default', 'vrf1'], mib: 'auto', maxRows: 100, timeoutMs: 10_000 } as const;

  test.each(UNREADABLE)('rule 3: a table %s is a failed VRF with its own cause, poll after poll', async (_, script, code, problem) => {
    const source = sourceOf(await startAgent(agentWith(arista(script))), options);
    for (let poll = 0; poll < 3; poll += 1)
      expect(await readingOf(source)).toMatchObject({ kind: 'failed', problem: expect.stringMatching(problem), error: { code } });
  });

  test.each(UNREADABLE.filter(([name]) => !name.includes('Counter64')))(
    'rule 3: over SNMPv3, a table %s is a failed VRF with its own cause',
    async (_, script, code) => {
      const sim = createSimulatedSwitch({ clock: systemClock });
      const { port } = await startV3Agent(createV3Agent(sim, USER), agentWith(arista(script)));
      const source = createSnmpSource({
        name: 'snmp',
        host: '127.0.0.1',
        port,
        user: USER,
        clock: systemClock,
        ...options,
      });
      expect(await readingOf(source)).toMatchObject({ kind: 'failed', error: { code } });
      await source.close();
    },
  );

  test('rule 3: a table that was good and turns unreadable is a failed VRF, and so is the empty one after it', async () => {
    let table: Script = asListed(aristaTable(rows(25, 27, 29)));
    const source = sourceOf(await startAgent(agentWith(arista((request, number) => table(request, number)))), options);
    expect(await readingOf(source)).toMatchObject({ kind: 'collected', neighbors: { size: 3 } });
    table = asListed(aristaTable(rows(27, 25, 29)));
    expect(await readingOf(source)).toMatchObject({ error: { code: 'SNMP__NOT_IN_ORDER' } });
    table = asListed([]);
    expect(await readingOf(source)).toMatchObject({
      problem: 'all 3 neighbors are gone at once; confirmed at the next poll',
      error: { code: 'SNMP__NEIGHBORS_GONE' },
    });
    expect(await readingOf(source)).toMatchObject({ kind: 'collected', neighbors: { size: 0 } });
  });

  test('rule 3: the users of an unreadable VRF are unobserved, and those of the others are observed', async () => {
    const source = sourceOf(await startAgent(agentWith(arista(asListed(aristaTable(rows(27, 25, 29)))))), options);
    const users = [
      userNumber(0, { net: '169.254.0.24/31', tunnelId: 500, expectedVrf: 'vrf1' }),
      userNumber(1, { net: '169.254.0.0/31', tunnelId: 501, expectedVrf: 'default' }),
    ];
    for (let poll = 0; poll < 3; poll += 1) {
      const { byUser } = observeUsers(users, await source.collect(signal), () => undefined);
      expect([...byUser.values()]).toMatchObject([{ kind: 'unobserved', reason: 'vrf-not-collected' }, { kind: 'up' }]);
    }
  });

  test('a switch whose only readable VRF is empty throws the cause of the one that is not', async () => {
    const agent = await startAgent((request, number) =>
      request.community === 'telemetry@vrf1'
        ? arista(asListed(aristaTable(rows(27, 25, 29))))(request, number)
        : asListed(peerTable({}))(request, number),
    );
    await expect(sourceOf(agent, options).collect(signal)).rejects.toMatchObject({
      code: 'SNMP__NOT_IN_ORDER',
      message: `the SNMP agent at 127.0.0.1:${agent.port} returns a table out of order: VRF vrf1: rows that are not in order`,
      remedy: expect.stringContaining('OID not increasing'),
    });
  });
});

describe('a table that stands in for an unreadable one', () => {
  const options = { vrfs: ['default', 'vrf1'], mib: 'auto' } as const;
  const unreadable = asListed(aristaTable(rows(25, 29, 27)));

  test('BGP4-MIB stands in where it has every neighbor that the unreadable table has shown', async () => {
    const bgp4 = { '169.254.0.25': up, '169.254.0.27': up, '169.254.0.29': up };
    const source = sourceOf(await startAgent(agentWith(arista(unreadable, bgp4))), options);
    expect(await readingOf(source)).toMatchObject({ kind: 'collected', neighbors: { size: 3 } });
  });

  test('rule 3: BGP4-MIB does not stand in where it lacks a neighbor that the unreadable table has shown', async () => {
    const source = sourceOf(await startAgent(agentWith(arista(unreadable, { '169.254.0.25': up }))), options);
    expect(await readingOf(source)).toMatchObject({ kind: 'failed', error: { code: 'SNMP__NOT_IN_ORDER' } });
  });

  test('a table that vanishes is replaced by one with its neighbors at once, and by one that lacks some at the second poll', async () => {
    let isThere = true;
    const bgp4: Record<string, Cells> = { '169.254.0.25': up, '169.254.0.27': up };
    const script = arista((request, number) => asListed(isThere ? aristaTable(rows(25, 27)) : [])(request, number), bgp4);
    const agent = await startAgent(agentWith(script));
    const [calm, alarmed] = [sourceOf(agent, options), sourceOf(agent, options)];
    await Promise.all([readingOf(calm), readingOf(alarmed)]);
    isThere = false;
    expect(await readingOf(calm)).toMatchObject({ kind: 'collected', neighbors: { size: 2 } });
    delete bgp4['169.254.0.27'];
    expect(await readingOf(alarmed)).toMatchObject({ kind: 'failed', error: { code: 'SNMP__NEIGHBORS_GONE' } });
    expect(await readingOf(alarmed)).toMatchObject({ kind: 'collected', neighbors: { size: 1 } });
  });
});

test('rule 3: a listed VRF that had neighbors is failed, not left out, when the agent refuses it or shows no BGP', async () => {
  let answer: Script = asListed(aristaTable(rows(25, 27)));
  const list = {
    oid: [1, 3, 6, 1, 4, 1, ARISTA_ROOT, 3, 18, 1, 1, 1, 4],
    instances: [[4, 118, 114, 102, 49]],
    read: () => ({ type: TYPE.integer, value: 1 }),
  };
  const agent = await startAgent((request, number) =>
    request.community === 'telemetry@vrf1' ? answer(request, number) : asListed([...peerTable({ '10.0.0.1': up }), list])(request, number),
  );
  const source = sourceOf(agent, { vrfs: 'auto', mib: 'auto' });
  expect(await readingOf(source)).toMatchObject({ kind: 'collected' });
  answer = (request) => {
    const failure = encodeFailure(request);
    const at = failure.indexOf(Buffer.from([0x02, 0x01, 0x05, 0x02, 0x01, 0x01]));
    failure[at + 2] = 16;
    return failure;
  };
  expect(await readingOf(source)).toMatchObject({ kind: 'failed', error: { code: 'SNMP__VIEW_REFUSED' } });
  answer = asListed([]);
  expect(await readingOf(source)).toMatchObject({ kind: 'failed', error: { code: 'SNMP__NEIGHBORS_GONE' } });
  expect(await readingOf(source)).toBeUndefined();
});

describe('slow and silent agents', () => {
  const TABLE = [...peerTable(manyNeighbors(600, up))];

  /** Answers after so many milliseconds, one request after another, and no more than so many requests. */
  const slowly = (ms: number, answers = Number.POSITIVE_INFINITY): Script => {
    let queue = Promise.resolve();
    return (request, number) => {
      if (number > answers) return undefined;
      const turn = queue.then(() => new Promise<void>((resolve) => setTimeout(resolve, ms)));
      queue = turn;
      return turn.then(() => asListed(TABLE)(request, number));
    };
  };

  test('600 neighbors at 50 ms an answer are read whole with a timeout of 3 s, which bounds one answer', async () => {
    const agent = await startAgent(slowly(50));
    letTimersStandStill();
    const source = sourceOf(agent, { timeoutMs: 300 });
    expect(await asTimePasses(25, readingOf(source, 'default'))).toMatchObject({ kind: 'collected', neighbors: { size: 600 } });
    expect(agent.requests.length).toBeGreaterThan(48);
  });

  test('an agent that is too slow for the bound of a poll is slow, not silent', async () => {
    const agent = await startAgent(slowly(50));
    letTimersStandStill();
    const source = sourceOf(agent, { pollTimeoutMs: 1_000 });
    await expect(asTimePasses(25, source.collect(signal))).rejects.toMatchObject({
      code: 'SNMP__SLOW',
      message: expect.stringMatching(
        /answers, but too slowly for one poll: VRF default: not read within 1000 ms: \d+ answers, \d+ ms each on average$/,
      ),
      remedy: expect.stringContaining('pollTimeout'),
    });
  });

  test('an agent that falls silent in the middle is silent, not slow', async () => {
    const agent = await startAgent(slowly(1, 20));
    letTimersStandStill();
    await expect(asTimePasses(50, sourceOf(agent).collect(signal))).rejects.toMatchObject({
      code: 'SNMP__UNREACHABLE',
      message: expect.stringMatching(/VRF default: no answer within 2000 ms$/),
    });
  });

  test('a VRF that was read before the bound of a poll counts, and the slow one is failed', async () => {
    const slow = slowly(50);
    const agent = await startAgent((request, number) =>
      request.community === 'telemetry@vrf1' ? slow(request, number) : asListed(peerTable({ '10.0.0.1': up }))(request, number),
    );
    letTimersStandStill();
    const { vrfs } = await asTimePasses(25, sourceOf(agent, { vrfs: ['default', 'vrf1'], pollTimeoutMs: 1_000 }).collect(signal));
    expect([vrfs.get('default'), vrfs.get('vrf1')]).toMatchObject([
      { kind: 'collected' },
      { kind: 'failed', error: { code: 'SNMP__SLOW' } },
    ]);
  });

  test('an agent that sends only what is not SNMP is malformed, not silent', async () => {
    const agent = await startAgent(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    letTimersStandStill();
    await expect(asTimePasses(50, sourceOf(agent).collect(signal))).rejects.toMatchObject({ code: 'SNMP__MALFORMED' });
  });
});

describe('an agent that answers for one VRF with the table of another', () => {
  const ADDRESSES = ['169.254.0.1', '169.254.0.3', '169.254.0.5'];
  const table = (seconds = 30, addresses = ADDRESSES): readonly MibObject[] =>
    peerTable(Object.fromEntries(addresses.map((address) => [address, { ...up, seconds }])));
  const vrfsOf = async (source: SwitchSource) =>
    [...(await source.collect(signal)).vrfs].map(
      ([vrf, reading]) => `${vrf} ${reading.kind === 'failed' ? reading.problem : reading.kind}`,
    );

  test('rule 3: a VRF that repeats the neighbors of default fails, and its users are unobserved', async () => {
    const agent = await startAgent(asListed(table()));
    const source = sourceOf(agent, { vrfs: ['default', 'vrf1'] });
    const snapshot = await source.collect(signal);
    expect(snapshot.vrfs.get('default')).toMatchObject({ kind: 'collected' });
    expect(snapshot.vrfs.get('vrf1')).toMatchObject({
      kind: 'failed',
      problem: 'it shows the 3 neighbors of default, with the same states and times',
      error: { code: 'SNMP__VRF_IGNORED' },
    });
    const user = userNumber(40);
    expect(observeUsers([user], snapshot, () => undefined).byUser.get(user.pubkey)).toEqual({
      kind: 'unobserved',
      reason: 'vrf-not-collected',
    });
  });

  test('two VRFs with the same neighbors both fail if neither is default', async () => {
    const agent = await startAgent(asListed(table()));
    await expect(sourceOf(agent, { vrfs: ['vrf1', 'vrf2'] }).collect(signal)).rejects.toMatchObject({ code: 'SNMP__VRF_IGNORED' });
  });

  test('rule 3: a VRF fails, too, if an SNMPv3 agent ignores its context', async () => {
    const { port } = await startV3Agent(createV3Agent(createSimulatedSwitch({ clock: systemClock }), USER), asListed(table()));
    const source = createSnmpSource({
      name: 'snmp',
      host: '127.0.0.1',
      port,
      user: USER,
      vrfs: ['default', 'vrf1'],
      mib: 'bgp4',
      timeoutMs: 2_000,
      maxRows: 1_000,
      clock: systemClock,
    });
    expect(await vrfsOf(source)).toEqual(['default collected', 'vrf1 it shows the 3 neighbors of default, with the same states and times']);
    await source.close();
  });

  test('two VRFs with the same addresses and different sessions are two VRFs', async () => {
    const agent = await startAgent((request, number) =>
      asListed(request.community === 'telemetry' ? table() : table(100))(request, number),
    );
    expect(await vrfsOf(sourceOf(agent, { vrfs: ['default', 'vrf1'] }))).toEqual(['default collected', 'vrf1 collected']);
  });

  test('of many neighbors, one may change between the two readings of the same table', async () => {
    const many = Array.from({ length: 12 }, (_, at) => `169.254.0.${2 * at + 1}`);
    const flapped = peerTable({ ...Object.fromEntries(many.map((address) => [address, up])), '169.254.0.1': { ...up, state: 3 } });
    const agent = await startAgent((request, number) =>
      asListed(request.community === 'telemetry' ? table(30, many) : flapped)(request, number),
    );
    expect(await vrfsOf(sourceOf(agent, { vrfs: ['default', 'vrf1'] }))).toEqual([
      'default collected',
      'vrf1 it shows the 12 neighbors of default, with the same states and times',
    ]);
  });
});
