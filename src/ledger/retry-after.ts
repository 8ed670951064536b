import type { EpochMs } from '../lib/index.ts';

/**
 * Milliseconds to wait by a Retry-After header (RFC 9110 10.2.3), either seconds or an HTTP date; undefined when it is neither. A date is
 * taken against the answer's own Date where there is one, because the two clocks need not agree.
 */
export function retryAfterMs(value: string | undefined, answeredAt: string | undefined, wall: EpochMs): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const until = Date.parse(text);
  if (Number.isNaN(until) || !/[A-Za-z]{3}/.test(text)) return undefined;
  const from = Date.parse(answeredAt ?? '');
  return Math.max(0, until - (Number.isNaN(from) ? wall : from));
}
