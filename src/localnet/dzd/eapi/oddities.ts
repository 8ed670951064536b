/** How this face deviates from a current EOS; every one of them has been seen on a real switch. */
export interface EapiOddities {
  /** How AS numbers are written: text (multi-agent), a number (older EOS), or asdot text (`bgp asn notation asdot`). */
  readonly asn: 'text' | 'number' | 'asdot';
  /** Some releases write the epoch seconds of `upDownTime` as text. */
  readonly upDownTime: 'number' | 'text';
  /** `upDownTime` of an unchanged session moves by a microsecond from one answer to the next. */
  readonly jitter: boolean;
  /** `peerTcpInfo` of a session that is down: left out (multi-agent), or present with null in every field (ribd). */
  readonly tcpInfoWhenDown: 'absent' | 'nulls';
  /** Releases before 4.3x leave the description out of the summary. */
  readonly descriptions: boolean;
  /** BGP is not running, said in one of the three ways: no VRF, a warning beside no VRF, or error 1000. */
  readonly noBgp: 'off' | 'no-vrfs' | 'warning' | 'error';
  /** Results come as text that is JSON, as some commands answer. */
  readonly resultsAsText: boolean;
  /** IPv6 and link-local peers that carry IPv4 (RFC 5549) beside the configured ones, in the default VRF. */
  readonly ipv6Peers: number;
  /** An EOS before `timestamps` rejects the parameter. */
  readonly knowsTimestamps: boolean;
}

/** What cEOS 4.33 with the multi-agent model does. */
export const CURRENT_EOS: EapiOddities = {
  asn: 'text',
  upDownTime: 'number',
  jitter: true,
  tcpInfoWhenDown: 'absent',
  descriptions: true,
  noBgp: 'off',
  resultsAsText: false,
  ipv6Peers: 0,
  knowsTimestamps: true,
};
