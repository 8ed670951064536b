import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { VrfName } from '../../../bgp/index.ts';
import { type Clock, systemClock } from '../../../platform/index.ts';
import type { SimulatedSwitch } from '../simulated-switch.ts';
import type { SwitchFaults } from '../switch-faults.ts';
import { type AgentRequest, answerTo, decodeRequest, encodeAnswer, encodeFailure } from './answer.ts';
import { createBgpView, type MibView } from './bgp-view.ts';
import { type MibVarBind, TYPE } from './mib-view.ts';

export interface SimulatedSnmpOptions {
  readonly switch: SimulatedSwitch;
  readonly faults: SwitchFaults;
  /** Reads the default VRF; `<community>@<VRF>` reads another. */
  readonly community: string;
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  /** Waits for the fault `slow`. */
  readonly clock?: Clock;
}

export interface SimulatedSnmp {
  start(): Promise<{ readonly host: string; readonly port: number }>;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** More late answers than this are not kept: a real agent's queue ends, too. */
const MAX_LATE_ANSWERS = 1_000;

/**
 * The SNMP face of the simulated switch: an SNMPv2c agent on loopback.
 *
 *   datagram ──► request ──► view of `community@VRF` ──► varbinds ──► faults ──► datagram
 *
 * Silence answers a wrong community, an unknown VRF and whatever is no request, as with real agents.
 */
export function createSimulatedSnmp({
  switch: sim,
  faults,
  community,
  port = 0,
  clock = systemClock,
}: SimulatedSnmpOptions): SimulatedSnmp {
  const views = new Map<VrfName, MibView>();
  let running: { readonly socket: Socket; readonly stopping: AbortController } | undefined;
  let late = 0;

  const viewOf = (asked: string): { readonly vrf: VrfName; readonly view: MibView } | undefined => {
    const vrf = vrfOf(asked, community);
    if (vrf === undefined || !sim.vrfs().includes(vrf) || faults.affects('vrf-missing', vrf)) return undefined;
    const view = views.get(vrf) ?? createBgpView(sim, vrf);
    views.set(vrf, view);
    return { vrf, view };
  };

  const answer = (datagram: Buffer): Buffer | undefined => {
    const request = decodeRequest(datagram);
    const found = request === undefined ? undefined : viewOf(request.community);
    if (request === undefined || found === undefined) return undefined;
    if (faults.affects('vrf-failing', found.vrf)) return encodeFailure(request);
    return distorted(request, answerTo(request, shown(found.view)), faults);
  };

  const shown = (view: MibView): ReturnType<MibView> => {
    const objects = view();
    return faults.current('empty') === undefined ? objects : objects.filter(({ instances }) => instances[0]?.length === 1);
  };

  const onDatagram = async (datagram: Buffer, from: RemoteInfo, socket: Socket, signal: AbortSignal): Promise<void> => {
    const bytes = answer(datagram);
    if (bytes === undefined || faults.current('hang') !== undefined || faults.current('refuse') !== undefined) return;
    const delayMs = faults.current('slow')?.delayMs ?? 0;
    if (delayMs > 0) {
      if (late === MAX_LATE_ANSWERS) return;
      late += 1;
      await clock.sleep(delayMs, signal).finally(() => {
        late -= 1;
      });
    }
    if (!signal.aborted) socket.send(bytes, from.port, from.address, ignoreSendError);
  };

  return {
    async start() {
      if (running === undefined) {
        const socket = createSocket('udp4');
        const stopping = new AbortController();
        socket.on('message', (datagram, from) => {
          onDatagram(datagram, from, socket, stopping.signal).catch(() => {
            // Only the wait of a late answer rejects, when the agent stops meanwhile.
          });
        });
        running = { socket, stopping };
        socket.bind(port, '127.0.0.1');
        await once(socket, 'listening');
      }
      const { address, port: bound } = running.socket.address();
      return { host: address, port: bound };
    },
    async stop() {
      if (running === undefined) return;
      const { socket, stopping } = running;
      running = undefined;
      stopping.abort(new Error('the simulated SNMP agent stops'));
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

function vrfOf(asked: string, community: string): VrfName | undefined {
  if (asked === community) return 'default';
  return asked.startsWith(`${community}@`) ? asked.slice(community.length + 1) : undefined;
}

function distorted(request: AgentRequest, varbinds: readonly MibVarBind[], faults: SwitchFaults): Buffer {
  if (faults.current('garbage') !== undefined) return Buffer.from('HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n');
  const typed = faults.current('wrong-types') === undefined ? varbinds : varbinds.map(asText);
  const requestId = request.requestId ^ (faults.current('wrong-request-id') === undefined ? 0 : 1);
  const bytes = encodeAnswer({ ...request, requestId }, typed);
  return faults.current('cut') === undefined ? bytes : bytes.subarray(0, bytes.length >> 1);
}

function asText({ oid, value }: MibVarBind): MibVarBind {
  return { oid, type: TYPE.octetString, value: String(value) };
}

function ignoreSendError(): void {
  // The asker may be gone; an agent does not mind.
}
