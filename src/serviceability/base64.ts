const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** By character code; 255 is no digit. */
const DIGITS = /* @__PURE__ */ makeDigits();

/** The bytes of whole, padded base64 (RFC 4648 section 4); undefined for anything else. Neither Node's nor a browser's decoder refuses. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const length = (text.length / 4) * 3 - padding;
  const bytes = new Uint8Array(length);
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (let index = 0; index < text.length - padding; index++) {
    const digit = DIGITS[text.charCodeAt(index)] ?? 255;
    if (digit === 255) return undefined;
    buffer = ((buffer << 6) | digit) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = buffer >>> bits;
    }
  }
  // The digits of a cut byte must say nothing.
  return (buffer & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

function makeDigits(): Uint8Array {
  const digits = new Uint8Array(128).fill(255);
  for (let value = 0; value < ALPHABET.length; value++) digits[ALPHABET.charCodeAt(value)] = value;
  return digits;
}
