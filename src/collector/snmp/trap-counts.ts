/** What became of the datagrams that came in, since the start. */
export interface TrapCounts {
  /** Told of a session of BGP. */
  woke: number;
  /** Notifications of something else. */
  unrelated: number;
  /** From an address that is not among those allowed. */
  strangers: number;
  /** Not, to the last octet, a message of the version that is listened for. */
  malformed: number;
  /** With another community, or not from the user, or not authentic. */
  refused: number;
  /** Unread, because there were too many. */
  shed: number;
}

export function noTraps(): TrapCounts {
  return { woke: 0, unrelated: 0, strangers: 0, malformed: 0, refused: 0, shed: 0 };
}
