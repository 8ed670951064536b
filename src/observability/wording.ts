import type { HoldReason, UnobservedReason } from '../bgp/index.ts';

/** A length of time for people: `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(ms: number | null): string {
  if (ms === null) return '–';
  const seconds = ms / 1_000;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function milliseconds(ns: bigint): string {
  return ns === 0n ? '–' : `${(Number(ns) / 1e6).toFixed(2)} ms`;
}

/** Four decimals, and nine where four would show 0. */
export function sol(lamports: bigint): string {
  const places = lamports > 0n && lamports < 50_000n ? 9 : 4;
  return `${(Number(lamports) / 1e9).toFixed(places)} SOL`;
}

export function shortKey(key: string): string {
  return key.length > 14 ? `${key.slice(0, 6)}…${key.slice(-4)}` : key;
}

export function clockTime(at: number): string {
  return `${new Date(at).toISOString().slice(11, 19)}`;
}

/** Why a user is neither up nor down, by the reason's name. */
export const UNOBSERVED_REASON_TEXT: Readonly<Record<UnobservedReason, string>> = {
  'switch-not-read': 'the switch could not be read',
  'vrf-not-collected': 'its VRF could not be read',
  'no-neighbors-at-all': 'the switch reports no BGP neighbor at all',
  'tunnel-net-invalid': 'its tunnel_net on the ledger is not a /31',
  'tunnel-net-shared': 'another user has the same tunnel_net',
  'neighbor-of-another-user': 'its address is configured for another user on the switch',
  'state-unrecognized': 'the switch reports a BGP state that RFC 4271 does not define',
  'mass-down-unconfirmed': 'most sessions read down at once, and a second poll did not confirm it',
};

const WAIT_REASON_TEXT: Readonly<Record<Exclude<HoldReason, UnobservedReason>, string>> = {
  'down-unconfirmed': 'down for less than policy.downGrace (default 6s)',
  'connect-grace': 'new, and within policy.connectGrace (default 60s)',
  'not-activated': 'the account is not activated',
  'write-interval': 'written less than policy.minWriteInterval (default 10s) ago; the newest status waits',
  damped: 'suppressed by flap damping; the newest status waits',
  contested: 'another process writes a different status; the newest status waits',
};

/** Why the agent writes no status for a user now, by the reason's name. */
export const HOLD_REASON_TEXT: Readonly<Record<string, string>> = { ...UNOBSERVED_REASON_TEXT, ...WAIT_REASON_TEXT };
