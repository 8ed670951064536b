import { type Clock, systemClock } from '../../src/lib/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch, SwitchFaults } from './switch.ts';

export interface SimulatedSsOptions {
  readonly switch: SimulatedSwitch;
  readonly faults: SwitchFaults;
  readonly clock?: Clock;
}

/** The network namespaces of the simulated switch, and what `ss` would print in each. */
export interface SimulatedSs {
  list(): Promise<readonly string[]>;
  /** The output of `ss -tinHO` for port 179. */
  sockets(namespace: string, signal: AbortSignal): Promise<string>;
  /** Bytes printed so far. */
  bytesOut(): number;
}

/**
 * The kernel of the simulated DZD: one connected socket for each Established session, one that waits for its peer for the state Connect, none for
 * any other. A user's client connects to the switch, so the switch's end has port 179.
 */
export function createSimulatedSs({ switch: sim, faults, clock = systemClock }: SimulatedSsOptions): SimulatedSs {
  let bytes = 0;
  const namespaceOf = (vrf: string): string => (vrf === 'default' ? 'default' : `ns-${vrf}`);

  async function print(namespace: string, signal: AbortSignal): Promise<string> {
    const vrf = sim.vrfs().find((each) => namespaceOf(each) === namespace);
    if (faults.current('hang') !== undefined) await clock.sleep(2_147_483_647, signal);
    const slow = faults.current('slow');
    if (slow !== undefined) await clock.sleep(slow.delayMs, signal);
    if (vrf === undefined || faults.current('refuse') !== undefined || faults.affects('vrf-failing', vrf)) {
      throw new Error(`Cannot open network namespace "${namespace}": No such file or directory`);
    }
    if (faults.current('empty') !== undefined) return '';
    if (faults.current('garbage') !== undefined) return 'Object "netns" is unknown, try "ip help".\n';
    const sessions = sim.neighbors(vrf).filter(({ state }) => state in TCP_STATES);
    const output = sessions.map((neighbor) => `${lineOf(neighbor, faults.current('wrong-types') !== undefined)}\n`).join('');
    return faults.current('cut') === undefined ? output : output.slice(0, output.length >> 1);
  }

  return {
    list: async () =>
      sim
        .vrfs()
        .filter((vrf) => !faults.affects('vrf-missing', vrf))
        .map(namespaceOf),
    async sockets(namespace, signal) {
      const output = await print(namespace, signal);
      bytes += output.length;
      return output;
    },
    bytesOut: () => bytes,
  };
}

/** The states of BGP that have a socket. */
const TCP_STATES: Readonly<Partial<Record<SimulatedNeighbor['state'], string>>> = { established: 'ESTAB', connect: 'SYN-SENT' };

function lineOf({ address, rttUs, state }: SimulatedNeighbor, wrongTypes: boolean): string {
  const tcpState = TCP_STATES[state] ?? '';
  const last = Number(address.slice(address.lastIndexOf('.') + 1));
  const local = `${address.slice(0, address.lastIndexOf('.') + 1)}${last ^ 1}`;
  const rtt = rttUs === 0 ? '' : ` rtt:${rttUs / 1_000}/${rttUs / 2_000}`;
  const peer = wrongTypes ? `${address}` : `${address}:${32_768 + last}`;
  return `${tcpState} 0      0      ${`${local}:179`.padStart(22)} ${peer.padStart(24)} cubic wscale:7,7 rto:204${rtt} ato:40 mss:1428 pmtu:1476 rcvmss:536 advmss:1428 cwnd:10 bytes_sent:19019 bytes_acked:19019 bytes_received:19084 segs_out:2004 segs_in:2006 data_segs_out:1001 data_segs_in:1002 send 18.6Mbps lastsnd:600 lastrcv:604 lastack:560 pacing_rate 37.2Mbps delivery_rate 9.2Mbps delivered:1002 app_limited rcv_space:14280 rcv_ssthresh:64088 minrtt:0.9 snd_wnd:64128`;
}
