export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const NOT_PRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu;

/** Text from outside, fit for one line of a log: no control characters, at most `max` characters. */
export function oneLine(text: string, max = 120): string {
  // Only the beginning is shown, so only that is worked on, however long the rest is.
  const line = text
    .slice(0, max * 4)
    .replaceAll(NOT_PRINTABLE, ' ')
    .trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}
