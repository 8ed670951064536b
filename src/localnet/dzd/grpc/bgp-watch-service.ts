import type { NeighborState } from '../../../bgp/index.ts';
import type { SimulatedSwitch, SwitchChange } from '../simulated-switch.ts';
import { GRPC, type GrpcCall } from './grpc-listener.ts';
import { decodeMessage, encodeMessage } from './wire.ts';

export const WATCH_BGP = '/eos.remote.BgpMgrService/watch';

/** `BgpPeerState` of EosSdkRpc. */
const STATES: Readonly<Record<NeighborState, number>> = {
  unrecognized: 0,
  idle: 1,
  connect: 2,
  active: 3,
  'open-sent': 4,
  'open-confirm': 5,
  established: 6,
};

/**
 * `BgpMgrService.watch(BgpPeerWatchRequest{ack=1, all=2 | peer_key=3}) → stream BgpPeerWatchResponse`: an `on_peer_set`, `on_peer_del` or
 * `on_peer_state` a change, for `BgpPeerKey{vrf_name=1, peer_addr=2}`. Whether a real switch begins with all that it has, its public
 * descriptions do not say; this one begins with an acknowledgement, where one was asked for, and then tells of changes only.
 */
export function serveBgpWatch(call: GrpcCall, sim: SimulatedSwitch): void {
  const request = decodeMessage(call.request);
  if (request === undefined || !(request.get(2) === 1 || Buffer.isBuffer(request.get(3)))) {
    call.end(GRPC.invalidArgument, 'neither all nor a peer');
    return;
  }
  if (request.get(1) === 1) call.send(encodeMessage([1, encodeMessage()]));
  const wanted = request.get(3);
  const key = Buffer.isBuffer(wanted) ? decodeMessage(wanted) : undefined;
  const isWanted = ({ neighbor: { vrf, address } }: SwitchChange): boolean =>
    key === undefined || (String(key.get(1)) === vrf && String(key.get(2)) === address);
  call.onClose(
    sim.onChange((change) => {
      if (isWanted(change)) call.send(render(change));
    }),
  );
}

function render({ kind, neighbor: { vrf, address, state } }: SwitchChange): Buffer {
  const key = encodeMessage([1, vrf], [2, address]);
  switch (kind) {
    case 'configured':
      return encodeMessage([2, encodeMessage([1, key])]);
    case 'removed':
      return encodeMessage([3, encodeMessage([1, key])]);
    case 'state':
      return encodeMessage([4, encodeMessage([1, key], [2, STATES[state]])]);
  }
}
