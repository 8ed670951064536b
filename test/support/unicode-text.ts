import fc from 'fast-check';

const FIRST_SURROGATE = 0xd800;
const SURROGATES = 0x800;

/** Any code points but halves of a pair. fast-check's `unit: 'binary'` does the same, but first makes a table of all of Unicode for a second. */
export function unicodeText(constraints: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  const codePoint = fc.integer({ min: 0, max: 0x10_ffff - SURROGATES }).map((n) => (n < FIRST_SURROGATE ? n : n + SURROGATES));
  return fc.array(codePoint, constraints).map((codePoints) => String.fromCodePoint(...codePoints));
}
