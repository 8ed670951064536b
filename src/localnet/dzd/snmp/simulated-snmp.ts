import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { VrfName } from '../../../bgp/index.ts';
import { type Clock, systemClock } from '../../../lib/index.ts';
import type { SimulatedSwitch } from '../simulated-switch.ts';
import type { SwitchFaults } from '../switch-faults.ts';
import { type AgentRequest, answerTo, decodeRequest, encodeFailure } from './answer.ts';
import { createBgpView, type MibView, type SimulatedMib } from './bgp-view.ts';
import { distorted, framed, shown } from './distort.ts';
import { createTransitionWatch, encodeTrap, type TrapForm } from './traps.ts';
import type { SimulatedSnmpUser } from './usm/index.ts';
import { asV2cMessage, createV3Face, pduOf } from './v3-face.ts';

export interface SimulatedSnmpOptions {
  readonly switch: SimulatedSwitch;
  readonly faults: SwitchFaults;
  /** Reads the default VRF; `<community>@<VRF>` reads another. */
  readonly community: string;
  /** Reads each VRF by SNMPv3, in the context of its name; the default VRF's is the empty one. Nobody without it. */
  readonly user?: SimulatedSnmpUser;
  /** Tables of neighbors that the agent has; both without it. */
  readonly mibs?: readonly SimulatedMib[];
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  /** Waits for the fault `slow`. */
  readonly clock?: Clock;
}

export interface TrapTarget {
  readonly host: string;
  readonly port: number;
  readonly form: TrapForm;
  /** By community, or as the agent's user. */
  readonly version: '2c' | '3';
}

export interface SimulatedSnmp {
  start(): Promise<{ readonly host: string; readonly port: number }>;
  /** While it runs, each session that comes up or is lost is told to the target, until what comes back is called. */
  sendTrapsTo(target: TrapTarget): () => void;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** More late answers than this are not kept: a real agent's queue ends, too. */
const MAX_LATE_ANSWERS = 1_000;

/**
 * The SNMP face of the simulated switch: an agent on loopback for SNMPv2c and SNMPv3.
 *
 *   datagram ──► request ──► view of `community@VRF` or of the context ──► varbinds ──► faults ──► datagram
 *   change of a session ──► trap ──► targets
 *
 * Silence answers a wrong community, an unknown VRF and whatever is no request, as with real agents; over SNMPv3 a Report says what is wrong.
 */
export function createSimulatedSnmp({
  switch: sim,
  faults,
  community,
  user,
  mibs = ['bgp4', 'arista'],
  port = 0,
  clock = systemClock,
}: SimulatedSnmpOptions): SimulatedSnmp {
  const views = new Map<VrfName, MibView>();
  const v3 = user === undefined ? undefined : createV3Face(sim, user);
  const targets = new Set<TrapTarget>();
  let running: { readonly socket: Socket; readonly stopping: AbortController; readonly unwatch: () => void } | undefined;
  let late = 0;
  let traps = 0;

  const viewOf = (vrf: VrfName | undefined): { readonly vrf: VrfName; readonly view: MibView } | undefined => {
    if (vrf === undefined || !sim.vrfs().includes(vrf) || faults.affects('vrf-missing', vrf)) return undefined;
    const view = views.get(vrf) ?? createBgpView(sim, vrf, mibs);
    views.set(vrf, view);
    return { vrf, view };
  };

  const answer = (datagram: Buffer): Buffer | undefined => {
    const received = v3?.receive(datagram);
    if (received === undefined) {
      const request = decodeRequest(datagram);
      const found = request === undefined ? undefined : viewOf(vrfOf(request.community, community));
      return request === undefined || found === undefined ? undefined : framed(answerIn(found, request), faults);
    }
    if (received.kind === 'report') return framed(received.message, faults);
    const request = decodeRequest(asV2cMessage(received.pdu));
    if (request === undefined) return undefined;
    const found = viewOf(received.context === '' ? 'default' : received.context);
    return framed(found === undefined ? received.refuseContext() : received.respond(pduOf(answerIn(found, request))), faults);
  };

  const answerIn = ({ vrf, view }: { readonly vrf: VrfName; readonly view: MibView }, request: AgentRequest): Buffer =>
    faults.affects('vrf-failing', vrf) ? encodeFailure(request) : distorted(request, answerTo(request, shown(view(), faults)), faults);

  const notify = (socket: Socket): (() => void) => {
    const transitionOf = createTransitionWatch();
    return sim.onChange((change) => {
      const transition = transitionOf(change);
      if (transition === undefined) return;
      for (const { form, version, host, port: to } of targets) {
        traps += 1;
        const trap = encodeTrap(transition, change.neighbor, sim, { form, community, requestId: traps });
        if (trap === undefined) continue;
        const context = change.neighbor.vrf === 'default' ? '' : change.neighbor.vrf;
        const message = version === '2c' ? trap : v3?.send(pduOf(trap), context);
        if (message !== undefined) socket.send(message, to, host, ignoreSendError);
      }
    });
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
        running = { socket, stopping, unwatch: notify(socket) };
        socket.bind(port, '127.0.0.1');
        await once(socket, 'listening');
      }
      const { address, port: bound } = running.socket.address();
      return { host: address, port: bound };
    },
    sendTrapsTo(target) {
      const entry = { ...target };
      targets.add(entry);
      return () => {
        targets.delete(entry);
      };
    },
    async stop() {
      if (running === undefined) return;
      const { socket, stopping, unwatch } = running;
      running = undefined;
      unwatch();
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

function ignoreSendError(): void {
  // The asker may be gone; an agent does not mind.
}
