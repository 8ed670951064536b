/** The CLI's own rendering, for `format: text`: the summary as its table, the rest as `name: value` lines. */
export function renderText(command: string, result: Readonly<Record<string, unknown>>): string {
  if (!command.startsWith('show ip bgp summary') || !isRecord(result.vrfs)) return lines(result);
  return Object.entries(result.vrfs)
    .map(([vrf, value]) => (isRecord(value) ? table(vrf, value) : ''))
    .join('\n');
}

function table(vrf: string, { routerId, asn, peers }: Readonly<Record<string, unknown>>): string {
  const head = [
    `BGP summary information for VRF ${vrf}`,
    `Router identifier ${String(routerId)}, local AS number ${String(asn)}`,
    '  Neighbor         V AS           MsgRcvd   MsgSent  InQ OutQ  State',
  ];
  const rows = Object.entries(isRecord(peers) ? peers : {}).map(([address, peer]) => {
    const { asn: remote, msgReceived, msgSent, peerState } = isRecord(peer) ? peer : {};
    const state = peerState === 'Established' ? 'Estab' : String(peerState);
    return `  ${address.padEnd(16)} 4 ${String(remote).padEnd(10)} ${String(msgReceived).padStart(9)} ${String(msgSent).padStart(9)}    0    0  ${state}`;
  });
  return `${[...head, ...rows].join('\n')}\n`;
}

function lines(result: Readonly<Record<string, unknown>>): string {
  return Object.entries(result)
    .map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}\n`)
    .join('');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
