import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJsonInSlices } from '../../src/lib/index.ts';

const SMALL = { large: 0, slice: 40 };

/** What came of it, and how often the event loop was given back. */
async function parse(text: string, sizes = SMALL): Promise<{ readonly value: unknown; readonly breaths: number }> {
  let breaths = 0;
  const breathe = (): undefined => {
    breaths += 1;
  };
  return { value: await parseJsonInSlices(Buffer.from(text), ['result', 'value'], breathe, sizes), breaths };
}

const users = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ pubkey: `user ${n}`, account: { data: [`AA"}]{["\\${n}`, 'base64'], lamports: n } }));

describe('the answer to a reading of many users', () => {
  const answer = { jsonrpc: '2.0', result: { context: { slot: 7, apiVersion: '2.1' }, value: users(50) }, id: 3 };

  test('is what JSON.parse makes of it, with the event loop given back in between', async () => {
    const { value, breaths } = await parse(JSON.stringify(answer));
    expect(value).toEqual(answer);
    expect(breaths).toBeGreaterThanOrEqual(50);
  });

  test('may be laid out in any way', async () => {
    expect((await parse(JSON.stringify(answer, undefined, 2))).value).toEqual(answer);
    const { jsonrpc, result, id } = answer;
    expect((await parse(JSON.stringify({ id, result: { value: result.value, context: result.context }, jsonrpc }))).value).toEqual(answer);
  });

  test('is parsed at once while it is short', async () => {
    expect(await parse(JSON.stringify(answer), { large: 1_000_000, slice: 40 })).toEqual({ value: answer, breaths: 0 });
  });

  test.each(['', '{', '{"result":{"value":[{"a":1},{"a":2}', '{"result":{"value":[{"a":1} {"a":2}]}}', '{"result":{"value":[{"a":1},]}}'])(
    'that is cut or broken (%s) is refused as JSON.parse refuses it',
    async (text) => {
      await expect(parse(text)).rejects.toThrow(SyntaxError);
    },
  );

  test.each([
    '{"result":{"value":[null,{"a":1},{"a":2}]}}',
    '{"result":{"value":[{"a":1},null,[{"a":3}],{"a":2},5]}}',
    '{"result":{"value":[{"a":"a long one beyond the size of a slice …"},null,{"a":"another long one beyond the size of …"}]}}',
    '{"result":{"value":[{"a":1}],"value":[{"b":2}]}}',
    '{"result":{"value":[{"a":1}]},"result":{"value":7}}',
    '{"result":{"value":{"a":[{"b":1}]}}}',
    '[{"result":{"value":[{"a":1}]}}]',
  ])('that is of another shape (%s) is what JSON.parse makes of it', async (text) => {
    expect((await parse(text)).value).toEqual(JSON.parse(text));
  });
});

test('any JSON in the list and around it comes out as JSON.parse has it', async () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });
  const element = fc.oneof({ weight: 9, arbitrary: object }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) });
  const input = fc.record({ list: fc.array(element, { maxLength: 12 }), other: fc.jsonValue({ maxDepth: 3 }), indent: fc.nat(2) });
  await fc.assert(
    fc.asyncProperty(input, fc.integer({ min: 1, max: 200 }), async ({ list, other, indent }, slice) => {
      const text = JSON.stringify({ before: other, result: { context: other, value: list }, after: other }, undefined, indent);
      expect((await parse(text, { large: 0, slice })).value).toEqual(JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

test('a text cut or changed anywhere is taken or refused as JSON.parse does', async () => {
  const text = JSON.stringify({ result: { context: { slot: 7 }, value: users(4) }, id: 3 });
  const damage = fc.record({
    at: fc.nat(text.length - 1),
    length: fc.nat(3),
    by: fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', '0'),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, length, by }) => {
      const damaged = text.slice(0, at) + by + text.slice(at + length);
      let expected: unknown;
      try {
        expected = JSON.parse(damaged);
      } catch {
        await expect(parse(damaged)).rejects.toThrow(SyntaxError);
        return;
      }
      expect((await parse(damaged)).value).toEqual(expected);
    }),
    { numRuns: 1_000 },
  );
});
