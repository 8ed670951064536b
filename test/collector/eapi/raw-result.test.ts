import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createJsonChecker, createRawResultFilter, type JsonProgress } from '../../../src/collector/eapi/json-stream.ts';

/** Reads the text in pieces of these sizes, the last of them for all that is left. */
function check(text: string, sizes: readonly number[] = []): JsonProgress {
  const checker = createJsonChecker();
  let offset = 0;
  for (const chunk of inPieces(Buffer.from(text), sizes)) {
    const progress = checker.read(chunk, 0);
    if (progress !== 'more') return typeof progress === 'number' ? offset + progress : progress;
    offset += chunk.length;
  }
  return 'more';
}

function inPieces(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const size of sizes) {
    pieces.push(bytes.subarray(from, from + size));
    from += size;
  }
  return [...pieces, bytes.subarray(from)];
}

function filter(text: string, sizes: readonly number[] = []): { readonly kept: string; readonly result: string | undefined } {
  let result: string | undefined;
  const keep = createRawResultFilter((bytes) => {
    result = bytes.toString();
  });
  const kept = inPieces(Buffer.from(text), sizes).map(keep);
  return { kept: Buffer.concat(kept).toString(), result };
}

const pieces = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 });
const jsonObject = fc.dictionary(fc.string(), fc.jsonValue());

describe('the JSON checker', () => {
  test.for([
    ['{}', 2],
    ['{"a":1} and more', 7],
    [' \t\r\n{ "a" : [ 1 , -0.5e+3 , true , null , "\\u00e9\\n" ] } ', 56],
    ['{"deep":[[[{}]]]}', 17],
    ['{"a":1', 'more'],
    ['{"a":', 'more'],
    ['{"a":1,}', 'invalid'],
    ['{"a" 1}', 'invalid'],
    ['{"a":01}', 'invalid'],
    ['{"a":1 2}', 'invalid'],
    ['{"a":nul}', 'invalid'],
    ['{"a":[1,]}', 'invalid'],
    ['{"a":[}', 'invalid'],
    ['{"a":"\\x"}', 'invalid'],
    ['{"a":"\\u12g4"}', 'invalid'],
    ['{"a":"\n"}', 'invalid'],
    ['{a:1}', 'invalid'],
    ["{'a':1}", 'invalid'],
    ['[1]', 'invalid'],
    ['"text"', 'invalid'],
    ['17', 'more'],
  ] as const)('reads %s', ([text, expected]) => {
    expect(check(text)).toBe(expected);
  });

  test('bounds what it has to remember: depth, and the length of a number', () => {
    expect(check(`{"a":${'['.repeat(300)}`)).toBe('invalid');
    expect(check(`{"a":${'1'.repeat(500)}}`)).toBe('invalid');
  });

  test('takes every JSON object, however it is cut', () => {
    fc.assert(
      fc.property(jsonObject, fc.constantFrom(undefined, 1, '\t'), pieces, (value, indent, sizes) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(check(`${text}]}`, sizes)).toBe(Buffer.byteLength(text));
      }),
    );
  });

  test('agrees with JSON.parse about every text that is one byte away from JSON', () => {
    fc.assert(
      fc.property(jsonObject, fc.nat(), fc.constantFrom('', '"', ',', '}', '[', '0', '\\', '-', 'e', ' '), (value, position, mark) => {
        const text = JSON.stringify(value);
        const at = position % text.length;
        const changed = `${text.slice(0, at)}${mark}${text.slice(at + 1)}`;
        const end = check(changed);
        if (typeof end !== 'number') expect(() => JSON.parse(changed)).toThrow();
        else expect(typeof JSON.parse(Buffer.from(changed).subarray(0, end).toString())).toBe('object');
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the filter for one raw result', () => {
  const answer = (result: string): string => `{"jsonrpc": "2.0", "id": "a{[\\"b", "result": [${result}], "more": 1}`;

  test('takes the result out as it was written, and keeps the frame', () => {
    const text = '{ "bytes": 18446744073709551615,  "name": "a\\"}]b" }';
    expect(filter(answer(text))).toEqual({ kept: answer('{}'), result: text });
  });

  test('does so however the answer is cut', () => {
    fc.assert(
      fc.property(jsonObject, pieces, (value, sizes) => {
        fc.pre(!JSON.stringify(value).includes('"errors"'));
        const text = JSON.stringify(value);
        expect(filter(answer(text), sizes)).toEqual({ kept: answer('{}'), result: text });
      }),
    );
  });

  test.for([
    ['an error', '{"jsonrpc":"2.0","id":"1","error":{"code":1002,"message":"no","data":[{"errors":["no"]}]}}'],
    ['a result that is text', answer('"{\\"a\\":1}"')],
    ['a result that is no JSON', answer('{"a":nope}')],
    ['a result that breaks off', '{"result":[{"a":1'.slice(0, 11)],
    ['no JSON at all', '<html><body>result: [{}]</body></html>'],
  ] as const)('leaves %s where it is', ([, text]) => {
    expect(filter(text)).toEqual({ kept: text, result: undefined });
  });

  test('leaves a result that may be a failure to be judged, and hands it on all the same', () => {
    const text = '{"interfaces":{},"errors":["half of it"]}';
    expect(filter(answer(text))).toEqual({ kept: answer(text), result: text });
  });
});
