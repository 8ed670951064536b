import fc from 'fast-check';
import { expect, test } from 'vitest';
import { visible } from '../../src/lib/index.ts';
import { jsonLine } from '../../src/observability/index.ts';
import { unicodeText } from '../support/unicode-text.ts';

/** U+202A–E, U+2066–9, U+200B–F and U+FEFF; and others that no reader sees. */
const HIDDEN = [
  ...[0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0xfeff],
  ...[0x7f, 0x85, 0x9b, 0xad, 0x61c, 0x115f, 0x180e, 0x2028, 0x2029, 0x2060, 0x2800, 0x3164, 0xfe0f, 0xd800, 0xdfff],
];

test.each(HIDDEN.map((code) => code.toString(16).padStart(4, '0')))('U+%s is shown as an escape', (hex) => {
  expect(visible(`a${String.fromCharCode(Number.parseInt(hex, 16))}b`)).toBe(`a\\u${hex}b`);
});

test('a character beyond the first plane is shown as its two halves', () => {
  expect(visible('\u{e0041}')).toBe('\\udb40\\udc41');
});

test('text of any script stays as it is, and so do line feeds and colors', () => {
  const text = 'USER-500 “Zürich” Ωμέγα 東京 مرحبا 💥 ✓ … → \t\n\u001b[31mred\u001b[0m';
  expect(visible(text)).toBe(text);
});

test('JSON reads its escapes as the characters', () => {
  fc.assert(
    fc.property(unicodeText(), fc.constantFrom(...HIDDEN), (text, code) => {
      // The halves of a pair are shown as they are.
      fc.pre(code < 0xd800 || code > 0xdfff || !text.includes(String.fromCharCode(code)));
      const value = { [text]: `${text}${String.fromCharCode(code)}` };
      const line = jsonLine(value);
      expect([JSON.parse(line), visible(line)]).toEqual([value, line]);
      expect(line).not.toContain(String.fromCharCode(code));
    }),
  );
});
