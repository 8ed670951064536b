import { expect, test } from 'vitest';
import { JsonTooComplex, parseJson, requireSimpleJson } from '../../src/lib/json.ts';

test('JSON is parsed as JSON.parse does, brackets, commas and quotes in its texts included', () => {
  const value = { a: ['[[[[', '"', '\\', '\\"]', 'ü', ',,,'], b: { c: null } };
  expect(parseJson(JSON.stringify(value))).toEqual(value);
  for (const text of ['', '{', '"', '"\\', '{"a":"b}', ']]', 'no']) expect(() => parseJson(text)).toThrow(SyntaxError);
});

test('JSON of 32 levels, 20,000 values in a list and 150,000 in all is parsed', () => {
  const list = `[${'0,'.repeat(19_999)}0]`;
  for (const text of [
    `${'['.repeat(32)}${']'.repeat(32)}`,
    `[${[list, list, list, list, list, list, list].join()}]`,
    JSON.stringify({ a: ',[{'.repeat(100_000) }),
  ])
    expect(parseJson(text)).toEqual(JSON.parse(text));
});

test.each([
  ['nested five million deep', '{"result":'.concat('['.repeat(5_000_000)), 'JSON nested deeper than 32 levels'],
  ['nested in objects', '{"a":'.repeat(33), 'JSON nested deeper than 32 levels'],
  [
    'of a hundred thousand lists',
    `[${'[[],[]],'.repeat(19_999)}${'['.repeat(2)}${'[[],[]],'.repeat(19_999)}`,
    'JSON with more than 150000 values',
  ],
  ['of a list of a million numbers', `[${'0,'.repeat(1_000_000)}0]`, 'JSON with more than 20000 values in one list or object'],
  ['of an object of a million keys', `{${'"a":0,'.repeat(1_000_000)}"b":0}`, 'JSON with more than 20000 values in one list or object'],
])('rule 20: JSON %s is refused before it is parsed', (_, text, problem) => {
  expect(() => parseJson(text)).toThrow(new JsonTooComplex(problem));
});

test('without a bound on values, only the depth of JSON is checked', () => {
  const any = Number.POSITIVE_INFINITY;
  expect(() => requireSimpleJson(`[${'0,'.repeat(1_000_000)}0]`, any, any)).not.toThrow();
  expect(() => requireSimpleJson('['.repeat(33), any, any)).toThrow(JsonTooComplex);
});
