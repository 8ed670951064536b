/**
 * A JSON number for a bigint that a double holds exactly, else its digits as a string: a reader of JSON would silently round it.
 * Slots, lamports and nanoseconds of this agent are numbers; only a u64 that is no real measurement becomes a string.
 */
export function bigintAsJson(value: bigint): number | string {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
}

/** One line of JSON. Bigints as `bigintAsJson`. */
export function jsonLine(value: object): string {
  return `${JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? bigintAsJson(inner) : inner))}\n`;
}

/** Text without control characters: what a switch or an endpoint said must not move the cursor or begin a line of its own. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
