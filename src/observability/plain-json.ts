/**
 * A JSON number for a bigint that a double holds exactly, else its digits as a string: a reader of JSON would silently round it.
 * Slots, lamports and nanoseconds of this agent are numbers; only a u64 that is no real measurement becomes a string.
 */
export function bigintAsJson(value: bigint): number | string {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
}

/** One line of JSON. Bigints as `bigintAsJson`. */
export function jsonLine(value: object): string {
  return `${plainJson(value)}\n`;
}

/** The same, with a pause after each element of the lists that the object has: the longest of them holds thousands. */
export function* jsonLineInSteps(value: object): Generator<void, string, void> {
  const members: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    if (!Array.isArray(member)) members.push(`${JSON.stringify(key)}:${plainJson(member)}`);
    else {
      const elements: string[] = [];
      for (const element of member) {
        elements.push(plainJson(element ?? null));
        yield;
      }
      members.push(`${JSON.stringify(key)}:[${elements.join(',')}]`);
    }
  }
  return `{${members.join(',')}}\n`;
}

function plainJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? bigintAsJson(inner) : inner));
}

/** Text without control characters: what a switch or an endpoint said must not move the cursor or begin a line of its own. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
