import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { NeighborSnapshot } from '../../../src/bgp/index.ts';
import { GrpcEapiClient } from '../../../src/collector/eapi/client.ts';
import { noJsonCounts, readJson, WRITTEN_TWICE } from '../../../src/collector/eapi/json.ts';
import { createEapiSource } from '../../../src/collector/eapi/source.ts';
import { readSummary, SUMMARY_COMMAND } from '../../../src/collector/eapi/summary.ts';
import type { SwitchSource } from '../../../src/collector/index.ts';
import { isRecord, systemClock } from '../../../src/lib/index.ts';
import { never } from './fixture.ts';

/** What JSON.parse makes of it. */
function parsed(text: string): { readonly value: unknown } | 'malformed' {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return 'malformed';
  }
}

/** Texts that are JSON, and texts that nearly are. */
const nearlyJson = fc
  .tuple(
    fc.json({ maxDepth: 4 }),
    fc.nat(),
    fc.constantFrom('', '"', ',', '}', '[', ']', '{', ':', '\\', '\\u12', '0', '-', '.', 'e', 'null', ' ', '\u00a0'),
  )
  .map(([text, position, mark]) => {
    const at = position % (text.length + 1);
    return `${text.slice(0, at)}${mark}${text.slice(at + (position % 2))}`;
  });

test('a text is malformed exactly where JSON.parse finds it so', () => {
  fc.assert(
    fc.property(fc.oneof(nearlyJson, fc.json(), fc.string()), (text) => {
      const read = readJson(text.replaceAll(/\p{Cc}/gu, ' '));
      const truth = parsed(text.replaceAll(/\p{Cc}/gu, ' '));
      expect(read.kind === 'read').toBe(truth !== 'malformed');
    }),
    { numRuns: 3_000 },
  );
});

test('a text without a duplicate key reads as JSON.parse reads it, in whatever way it is written', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'), fc.constantFrom('', '\ufeff', '\n '), (value, indent, before) => {
      const text = JSON.stringify(value, undefined, indent);
      expect(readJson(`${before}${text}`)).toMatchObject({ kind: 'read', value: JSON.parse(text) as unknown });
    }),
  );
});

test('raw control characters read as their escapes do, in texts and in keys', () => {
  for (let code = 0; code < 0x20; code += 1) {
    const character = String.fromCharCode(code);
    const counts = noJsonCounts();
    const text = `{"a${character}":"b${character}${character}\\n","c":"\\u000${'9'}"}`;
    expect(readJson(text, counts)).toMatchObject({ value: { [`a${character}`]: `b${character}${character}\n`, c: '\t' } });
    expect(counts).toEqual({ controlCharacters: 3, duplicateKeys: 0 });
  }
});

test.each([
  ['{"a":1,"a":2}', { a: WRITTEN_TWICE }],
  ['{"a":1,"\\u0061":2}', { a: WRITTEN_TWICE }],
  ['{"a":{"b":1,"b":1},"c":1}', { a: { b: WRITTEN_TWICE }, c: 1 }],
  ['{"a":{"b":1,"b":1},"a":7}', { a: WRITTEN_TWICE }],
  ['[{"a":1},{"a":1,"a":1,"a":3}]', [{ a: 1 }, { a: WRITTEN_TWICE }]],
])('%s has no value for the key that is there twice', (text, value) => {
  expect(readJson(text)).toMatchObject({ kind: 'read', value });
});

test('a key __proto__ that is there twice is a key like any other', () => {
  const read = readJson('{"__proto__":{"x":1},"__proto__":2,"y":3}');
  const value = read.kind === 'read' && isRecord(read.value) ? read.value : {};
  expect([Object.keys(value), Object.getOwnPropertyDescriptor(value, '__proto__')?.value]).toEqual([['__proto__', 'y'], WRITTEN_TWICE]);
});

test('a reader that keeps only keys does not keep an object within an object', () => {
  const read = readJson('{"a":{"b":{"c":1}},"d":[{"e":1}],"f":1}', undefined, 'keys');
  expect(read.kind === 'read' && read.value).toStrictEqual({ a: undefined, d: undefined, f: undefined });
});

test.each([
  ['{"a":"é","peers":{', 'malformed JSON at offset 19 (near {"a":"é","peers":{)'],
  ['{"a":1} trailing', 'malformed JSON at offset 8 (near {"a":1} trailing)'],
  ['{"a":1}\u0000', 'malformed JSON at offset 7 (near {"a":1})'],
  ['{"a":\u00011}', 'malformed JSON at offset 5 (near {"a": 1})'],
  ['{"a":NaN}', 'malformed JSON at offset 5 (near {"a":NaN})'],
  ["{'a':1}", "malformed JSON at offset 1 (near {'a':1})"],
  ['{"a":"\\x"}', 'malformed JSON at offset 6 (near {"a":"\\x"})'],
])('%j names the offset in bytes and what is around it', (text, problem) => {
  expect(readJson(text)).toEqual({ kind: 'malformed-json', problem });
});

test('JSON of five million levels is refused before it is parsed, without its memory', () => {
  const before = process.memoryUsage().rss;
  for (const level of ['[', '{"a":'])
    expect(readJson(`{"result":${level.repeat(5_000_000 / level.length)}`)).toEqual({
      kind: 'malformed-json',
      problem: 'JSON nested deeper than 32 levels',
    });
  expect((process.memoryUsage().rss - before) >> 20).toBeLessThan(64);
});

/** A switch that answers each runCmds with this result, over HTTP. */
async function switchWith(result: string): Promise<SwitchSource> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end(`{"jsonrpc":"2.0","id":"dzd-telemetry-1","result":[${result}]}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const source = createEapiSource({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clock: systemClock,
    timeoutMs: 10_000,
  });
  onTestFinished(async () => {
    await source.close();
    server.close();
  });
  return source;
}

/** The same result over gRPC: by the client, which is what differs. */
async function overGrpc(result: string): Promise<NeighborSnapshot['vrfs']> {
  const field = (number: number, bytes: Buffer): Buffer => {
    const length: number[] = [];
    for (let left = bytes.length; ; left >>= 7) {
      length.push(left > 127 ? (left & 127) | 128 : left);
      if (left <= 127) break;
    }
    return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
  };
  const answer = field(1, Buffer.concat([Buffer.from([0x08, 1]), field(4, Buffer.from(result))]));
  const client = new GrpcEapiClient('grpc://switch:9543', { call: async () => answer, close: async () => undefined });
  const { results } = await client.run([SUMMARY_COMMAND], never);
  return readSummary(results[0] ?? {}, { endpoint: 'grpc://switch:9543', source: 'eapi' }).vrfs;
}

const peer = (state: string, more = ''): string => `{"peerState":"${state}","upDownTime":1795990000.5,"asn":"65001"${more}}`;
const ONE = peer('Established');

/** Each VRF as its problem, or its neighbors' states. */
function seen(vrfs: NeighborSnapshot['vrfs']): Record<string, unknown> {
  return Object.fromEntries(
    [...vrfs].map(([vrf, reading]) => [
      vrf,
      reading.kind === 'failed'
        ? reading.problem
        : Object.fromEntries([...reading.neighbors].map(([address, { state }]) => [address, state])),
    ]),
  );
}

describe('a summary', () => {
  const CASES: readonly (readonly [name: string, result: string, expected: Record<string, unknown>])[] = [
    [
      'with a raw tab in a description is read whole',
      `{"vrfs":{"default":{"vrf":"default","peers":{"169.254.0.1":${ONE},"10.9.9.9":${peer('Established', ',"description":"fabric\tpeer"')}}}}}`,
      { default: { '169.254.0.1': 'established', '10.9.9.9': 'established' } },
    ],
    [
      'with a VRF that is an empty object has that one failed',
      `{"vrfs":{"default":{"vrf":"default","peers":{"169.254.0.1":${ONE}}},"red":{}}}`,
      { default: { '169.254.0.1': 'established' }, red: 'its peers are missing' },
    ],
    [
      'with a VRF that is there twice has that one failed',
      `{"vrfs":{"default":{"peers":{"169.254.8.1":${ONE}}},"vrf1":{"peers":{"169.254.0.1":${ONE}}},"vrf1":{"peers":{}}}}`,
      { default: { '169.254.8.1': 'established' }, vrf1: 'it is there twice' },
    ],
    [
      'with the peers of a VRF there twice has that one failed',
      `{"vrfs":{"default":{"peers":{"169.254.8.1":${ONE}}},"vrf1":{"peers":{"169.254.0.1":${ONE}},"peers":{}}}}`,
      { default: { '169.254.8.1': 'established' }, vrf1: 'its peers are there twice' },
    ],
    [
      'with a peer that is there twice has no state of it',
      `{"vrfs":{"vrf1":{"peers":{"169.254.0.1":${ONE},"169.254.0.3":${ONE},"169.254.0.1":${peer('Idle')}}}}}`,
      { vrf1: { '169.254.0.1': 'unrecognized', '169.254.0.3': 'established' } },
    ],
    [
      'with a state that is there twice has no state of that peer',
      `{"vrfs":{"vrf1":{"peers":{"169.254.0.1":${peer('Established', ',"peerState":"Idle"')},"169.254.0.3":${ONE}}}}}`,
      { vrf1: { '169.254.0.1': 'unrecognized', '169.254.0.3': 'established' } },
    ],
    [
      'with a description that is there twice loses the description',
      `{"vrfs":{"vrf1":{"peers":{"169.254.0.1":${peer('Established', ',"description":"USER-1","description":"USER-2"')}}}}}`,
      { vrf1: { '169.254.0.1': 'established' } },
    ],
    [
      'with a warning that BGP does not run fails each VRF without peers',
      `{"vrfs":{"default":{"peers":{}},"vrf1":{"peers":{"169.254.0.1":${ONE}}}},"warnings":["BGP is disabled for VRF default"]}`,
      { default: 'BGP is disabled for VRF default', vrf1: { '169.254.0.1': 'established' } },
    ],
    [
      'with such a warning in a VRF fails that VRF',
      `{"vrfs":{"default":{"peers":{},"warnings":["BGP inactive"]},"vrf1":{"peers":{"169.254.0.1":${ONE}},"warnings":["Model is deprecated"]}}}`,
      { default: 'BGP inactive', vrf1: { '169.254.0.1': 'established' } },
    ],
    [
      'with errors in a VRF fails that VRF, with peers or without',
      `{"vrfs":{"default":{"peers":{"169.254.8.1":${ONE}},"errors":[""]},"red":{"peers":{},"errors":["timed out"]},"vrf1":{"peers":{"169.254.0.1":${ONE}},"errors":[]}}}`,
      { default: 'no reason given', red: 'timed out', vrf1: { '169.254.0.1': 'established' } },
    ],
    [
      'with numbers as text is read whole',
      `{"vrfs":{"vrf1":{"peers":{"169.254.0.1":{"peerState":"Established","upDownTime":"1795990000.5","asn":65001}}}}}`,
      { vrf1: { '169.254.0.1': 'established' } },
    ],
    [
      'with a raw control character in an address has that VRF failed',
      `{"vrfs":{"default":{"peers":{"169.254.8.1":${ONE}}},"vrf1":{"peers":{"169.254.0.\u00071":${ONE}}}}}`,
      { default: { '169.254.8.1': 'established' }, vrf1: '“169.254.0. 1” is not the address of a peer' },
    ],
    [
      'with null and lists for VRFs and peers has those failed',
      `{"vrfs":{"a":null,"b":[],"c":{"peers":null},"d":{"peers":[]},"vrf1":{"peers":{"169.254.0.1":${ONE},"169.254.0.3":null}}}}`,
      {
        a: 'it is null',
        b: 'it is a list',
        c: 'its peers are null',
        d: 'its peers are a list',
        vrf1: { '169.254.0.1': 'established', '169.254.0.3': 'unrecognized' },
      },
    ],
  ];

  test.each(CASES)('a summary %s', async (_, result, expected) => {
    expect(seen((await (await switchWith(result)).collect(never)).vrfs)).toEqual(expected);
  });

  test.each(CASES)('over gRPC, a summary %s', async (_, result, expected) => {
    expect(seen(await overGrpc(result))).toEqual(expected);
  });

  test.each([
    ['vrfs', `{"vrfs":{"vrf1":{"peers":{"169.254.0.1":${ONE}}}},"vrfs":{}}`, /: vrfs is there twice$/],
    ['result', `{}],"result":[{"vrfs":{"vrf1":{"peers":{"169.254.0.1":${ONE}}}}}`, /: its result is there twice$/],
    ['id', `{"vrfs":{"vrf1":{"peers":{"169.254.0.1":${ONE}}}}}],"id":"dzd-telemetry-1","x":[1`, /: it answers another request$/],
  ])('an answer with %s twice is an error, not the last of the two', async (_, result, message) => {
    await expect((await switchWith(result)).collect(never)).rejects.toMatchObject({
      code: 'EAPI__MALFORMED',
      message: expect.stringMatching(message),
    });
  });

  test('an answer with garbage behind it names the place, and the switch', async () => {
    const source = await switchWith('{}]}<!-- appended by a proxy -->[');
    await expect(source.collect(never)).rejects.toMatchObject({
      code: 'EAPI__MALFORMED_JSON',
      message: expect.stringMatching(
        /^eAPI at http:\/\/127\.0\.0\.1:\d+ returned malformed JSON at offset \d+ \(near .*<!-- appended.*\)$/,
      ),
    });
  });

  test('what was repaired or dropped in an answer is counted', async () => {
    const source = await switchWith(
      `{"vrfs":{"vrf1":{"peers":{"169.254.0.1":${ONE},"169.254.0.1":${ONE},"10.9.9.9":${peer('Idle', ',"peerStateIdleReason":"Admin","description":"a\tb\tc"')}}}}}`,
    );
    await source.collect(never);
    expect(source.dropCounters?.()).toEqual({ controlCharacters: 2, duplicateKeys: 1 });
  });
});
