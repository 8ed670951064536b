/** How many datagrams were dropped unread, by reason. */
export interface IgnoredDatagrams {
  /** Sent from another address or port than the agent's. */
  strangers: number;
  /** Not, to the last octet, an SNMPv2c response. */
  malformed: number;
  /** For no request under way (late, repeated or invented), or with another community than that request's. */
  unasked: number;
}

export function noneIgnored(): IgnoredDatagrams {
  return { strangers: 0, malformed: 0, unasked: 0 };
}

export function addIgnored(total: IgnoredDatagrams, { strangers, malformed, unasked }: IgnoredDatagrams): void {
  total.strangers += strangers;
  total.malformed += malformed;
  total.unasked += unasked;
}

/**
 * What was ignored, for the line that says why a VRF failed: an agent that answers from another of its addresses looks like silence
 * otherwise. Empty when nothing was.
 */
export function describeIgnored({ strangers, malformed, unasked }: IgnoredDatagrams): string {
  const parts = [
    ...(strangers > 0 ? [`${strangers} from another address or port`] : []),
    ...(malformed > 0 ? [`${malformed} malformed`] : []),
    ...(unasked > 0 ? [`${unasked} that nobody had asked for`] : []),
  ];
  return parts.length === 0 ? '' : `; datagrams ignored: ${parts.join(', ')}`;
}
