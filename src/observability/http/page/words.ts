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

/** Four places, and all nine where four would read as nothing. */
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

/** What holds a user, in a sentence. */
export const HOLD_WORDS: Readonly<Record<string, string>> = {
  'switch-not-read': 'the switch could not be read',
  'vrf-not-collected': 'its VRF could not be read',
  'no-neighbors-at-all': 'the switch shows no BGP neighbor at all',
  'tunnel-net-invalid': 'its tunnel_net on the ledger is no /31',
  'tunnel-net-shared': 'another user has the same tunnel_net',
  'neighbor-of-another-user': 'its address is configured for another user',
  'state-unrecognized': 'the switch names a state that BGP does not have',
  'mass-down-unconfirmed': 'most sessions read down at once, and a second look did not confirm it',
  'down-unconfirmed': 'down, but not for long enough to be believed',
  'connect-grace': 'new, and still given time to connect',
  'not-activated': 'the account is not activated',
  'write-interval': 'written a moment ago; the newest status waits',
  damped: 'it flaps; the newest status waits',
  contested: 'another writer disagrees; the newest status waits',
};
