/** No answer of a ledger or a switch nests half as deep, and JSON.parse takes a kilobyte of memory for every level. */
const MAX_LEVELS = 32;
/** Three times what 4,096 users or neighbors have. A value takes up to 300 bytes of memory, however short its text is. */
const MAX_VALUES = 150_000;
/** In one list or object; an object of 100,000 different keys takes 60 MB. */
const MAX_MEMBERS = 20_000;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** JSON that would take too much memory to parse. */
export class JsonTooComplex extends Error {
  override readonly name = 'JsonTooComplex';
}

/**
 * Throws JsonTooComplex for JSON from outside that nests too deep or holds too many values: two of its bytes become hundreds in memory. Everything
 * that is not JSON passes: the parser refuses it.
 */
export function requireSimpleJson(text: string, maxValues: number = MAX_VALUES, maxMembers: number = MAX_MEMBERS): void {
  const members = [0];
  let levels = 0;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) levels = Math.max(0, levels - 1);
    else if (code === OPEN_LIST || code === OPEN_OBJECT || code === COMMA) {
      if (code !== COMMA) levels += 1;
      const count = code === COMMA ? (members[levels] ?? 0) + 1 : 1;
      members[levels] = count;
      values += 1;
      if (levels > MAX_LEVELS) throw new JsonTooComplex(`JSON nested deeper than ${MAX_LEVELS} levels`);
      if (values > maxValues) throw new JsonTooComplex(`JSON with more than ${maxValues} values`);
      if (count > maxMembers) throw new JsonTooComplex(`JSON with more than ${maxMembers} values in one list or object`);
    }
  }
}

/** Parses JSON from outside. Throws SyntaxError for a text that is not JSON, and JsonTooComplex before it parses anything. */
export function parseJson(text: string, maxValues?: number): unknown {
  requireSimpleJson(text, maxValues);
  return JSON.parse(text);
}

/** The offset of the quote that closes the string. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}
