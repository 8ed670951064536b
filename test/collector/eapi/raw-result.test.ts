import fc from 'fast-check';
import { expect, test } from 'vitest';
import { onlyResultText } from '../../../src/collector/eapi/client.ts';

const answer = (result: string): string => `{"jsonrpc": "2.0", "id": "x", "result": [${result}], "more": 1}`;

test('the only result of an answer is found as it was written', () => {
  const text = '{ "bytes": 18446744073709551615,  "name": "a\\"}]b" }';
  expect(onlyResultText(answer(text), 'x')).toBe(text);
});

test('the only result of an answer is found for every JSON object', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      expect(onlyResultText(answer(text), 'x')).toBe(text);
    }),
  );
});

test('whatever is found as the only result, the whole answer parses to it where it parses by itself', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.nat(),
      fc.constantFrom('', '"', ',', '}', '[', ']', '[],', '{"a":[{}]},', '\\', ' '),
      (value, position, mark) => {
        const text = answer(JSON.stringify(value));
        const at = position % text.length;
        const changed = `${text.slice(0, at)}${mark}${text.slice(at + 1)}`;
        const found = onlyResultText(changed, 'x');
        let result: unknown;
        try {
          result = JSON.parse(found ?? '');
        } catch {
          return;
        }
        expect((JSON.parse(changed) as { result: unknown }).result).toEqual([result]);
      },
    ),
    { numRuns: 2_000 },
  );
});

test.for([
  ['an error', '{"jsonrpc":"2.0","id":"x","error":{"code":1002,"message":"no","data":[{"errors":["no"]}]}}'],
  ['an answer to another request', answer('{}').replace('"x"', '"y"')],
  ['an answer that breaks off', '{"id":"x","result":[{"a":1'],
  ['an answer without a list', '{"id":"x","result":{}}'],
  ['a web page', '<html><body>result: [{}]</body></html>'],
] as const)('no only result is found in %s', ([, text]) => {
  expect(onlyResultText(text, 'x')).toBeUndefined();
});
