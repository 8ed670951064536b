const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Longest first, so that a duration prints in the largest unit that holds it without a remainder. */
const UNITS_BY_LENGTH = [
  ['d', UNITS.d],
  ['h', UNITS.h],
  ['m', UNITS.m],
  ['s', UNITS.s],
] as const;

const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

/**
 * Reads a duration as people write it: a number and one unit of ms, s, m, h or d ("250ms", "5s", "1.5h").
 * Returns whole milliseconds, or undefined when the text is no duration or needs a finer grain than a millisecond.
 */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  if (amount === undefined || !isUnit(unit)) return undefined;
  const ms = Math.round(Number(amount) * UNITS[unit] * 1_000) / 1_000;
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** The shortest text that `parseDuration` reads back as the same number of milliseconds. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  const unit = UNITS_BY_LENGTH.find(([, size]) => ms % size === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}

function isUnit(text: string | undefined): text is keyof typeof UNITS {
  return text !== undefined && Object.hasOwn(UNITS, text);
}
