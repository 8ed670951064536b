import { type Clock, Stopped, systemClock } from '../../../lib/index.ts';
import { CURRENT_EOS, type EapiOddities, type Scene } from '../eapi/index.ts';
import type { SimulatedSwitch } from '../simulated-switch.ts';
import type { SwitchFaults } from '../switch-faults.ts';
import { serveBgpWatch, WATCH_BGP } from './bgp-watch-service.ts';
import { answerShowCommand, RUN_SHOW_CMD } from './eapi-service.ts';
import { createGrpcListener, GRPC, type GrpcCall, type GrpcListener } from './grpc-listener.ts';

export interface SimulatedGrpcOptions {
  readonly switch: SimulatedSwitch;
  readonly faults: SwitchFaults;
  readonly clock?: Clock;
  /** On 127.0.0.1; a free one without it. */
  readonly port?: number;
  readonly oddities?: Partial<EapiOddities>;
}

export interface GrpcStats {
  readonly calls: number;
  /** Watches that are open now. */
  readonly watches: number;
  readonly bytesOut: number;
  /** Show commands that were run. */
  readonly commands: number;
}

export interface SimulatedGrpc {
  /** Listens on loopback. */
  start(): Promise<{ readonly host: string; readonly port: number }>;
  stop(): Promise<void>;
  openConnections(): number;
  /** Ends the connections that are open now, as a restart of the switch's agent does. */
  hangUp(): void;
  stats(): GrpcStats;
}

const HOST = '127.0.0.1';

/**
 * The EosSdkRpc of the simulated DZD: gRPC over cleartext HTTP/2.
 *
 *   SimulatedSwitch ── render ──► run_show_cmd ──┐
 *        └── onChange ──────────► watch ─────────┴─► HTTP/2 ──► TCP
 *   SwitchFaults ──────────────────┴────────────────┘
 *
 * A watch goes quiet or ends by the faults of its connection: `refuse` hangs up, `hang` leaves it open and tells nothing.
 */
export function createSimulatedGrpc(options: SimulatedGrpcOptions): SimulatedGrpc {
  const { switch: sim, faults, clock = systemClock } = options;
  const oddities: EapiOddities = { ...CURRENT_EOS, ...options.oddities };
  const counts = { calls: 0, watches: 0, bytesOut: 0, commands: 0 };
  let answers = 0;
  let running: GrpcListener | undefined;
  let starting: Promise<{ readonly host: string; readonly port: number }> | undefined;
  let life = new AbortController();

  const nextScene = (): Scene => ({ sim, faults, oddities, answer: answers++ });

  async function serve(method: string, call: GrpcCall): Promise<void> {
    counts.calls += 1;
    if (faults.current('refuse') !== undefined) {
      running?.hangUp();
      return;
    }
    if (faults.current('hang') !== undefined) return;
    const slow = faults.current('slow');
    if (slow !== undefined) await clock.sleep(slow.delayMs, life.signal);
    const status = faults.current('http-status')?.status;
    if (status !== undefined) return call.endAsWebPage(status);
    if (method === RUN_SHOW_CMD) {
      serveShowCommand(call);
    } else if (method === WATCH_BGP) {
      counts.watches += 1;
      call.onClose(() => {
        counts.watches -= 1;
      });
      serveBgpWatch(call, sim);
    } else call.end(GRPC.unimplemented, `no method ${method}`);
  }

  function serveShowCommand(call: GrpcCall): void {
    const answer = answerShowCommand(call.request, nextScene(), () => {
      counts.commands += 1;
    });
    switch (answer.kind) {
      case 'refused':
        call.end(answer.code, answer.text);
        break;
      case 'cut':
        call.sendCut(answer.message);
        break;
      case 'message':
        call.send(answer.message);
        call.end(GRPC.ok);
        break;
    }
  }

  async function listen(): Promise<{ readonly host: string; readonly port: number }> {
    life = new AbortController();
    running = createGrpcListener({
      // The end of the face ends what it was slow at: there is nobody left to tell.
      onCall: (method, call) => void serve(method, call).catch(() => call.end(GRPC.internal)),
      refuses: () => faults.current('refuse') !== undefined,
      onBytes: (sent) => {
        counts.bytesOut += sent;
      },
    });
    return { host: HOST, port: await running.listen(options.port ?? 0) };
  }

  return {
    start() {
      starting ??= listen();
      return starting;
    },
    async stop() {
      const ending = running;
      running = undefined;
      starting = undefined;
      life.abort(new Stopped('the simulated gRPC face stops'));
      await ending?.close();
    },
    openConnections: () => running?.openConnections() ?? 0,
    hangUp: () => running?.hangUp(),
    stats: () => ({ ...counts }),
  };
}
