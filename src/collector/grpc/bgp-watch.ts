import { type AgentError, backoffDelays, type Clock, createAbortController, isAgentError, type Random, Stopped } from '../../lib/index.ts';
import type { TriggerSource, TriggerState } from '../triggers.ts';
import { createGrpcChannel, loadMessages } from './channel.ts';

export interface BgpWatchOptions {
  /** Its name in the configuration. */
  readonly name?: string;
  /** `host:port` of EosSdkRpc. */
  readonly address: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** A key and a state; more is something else. */
const MAX_MESSAGE_BYTES = 1 << 16;
/** A stream that stands this long without a word on a connection is taken for a watch: not every release may acknowledge one. */
const QUIET_MS = 5_000;
const RETRY = { baseMs: 1_000, maxMs: 30_000 };

/**
 * Listens to `BgpMgrService.watch` of EosSdkRpc: every change of every peer's state, of every VRF, within milliseconds.
 *
 *   watch ──► change ──► wake          (what changed is left for the poll to see)
 *     ▲ ends, with growing pauses between the attempts; what was missed meanwhile is one wake-up
 *     └──────┘
 *
 * EOS does not say whether it begins with all that it has: if it does, that is one wake-up more.
 */
export function createBgpWatch({ name = 'bgp-watch', address, clock, random }: BgpWatchOptions): TriggerSource {
  const endpoint = `grpc://${address}`;
  // A watch has no bound in time; the channel asks for one.
  const channel = createGrpcChannel({ endpoint, address, timeoutMs: QUIET_MS, maxAnswerBytes: MAX_MESSAGE_BYTES });
  const life = createAbortController();
  let running: Promise<void> | undefined;

  async function listen(onTrigger: () => void, onState: (event: TriggerState) => void, signal: AbortSignal): Promise<void> {
    let isLost = false;
    let delays = backoffDelays({ ...RETRY, random });
    const onListening = (): void => {
      delays = backoffDelays({ ...RETRY, random });
      if (!isLost) return;
      isLost = false;
      onState({ state: 'back' });
      onTrigger();
    };
    while (!signal.aborted) {
      const error = await watchOnce(onListening, onTrigger, signal);
      if (signal.aborted || error === undefined) return;
      if (!isLost) onState({ state: 'lost', error });
      isLost = true;
      await clock.sleep(delays.next().value, signal).catch(() => undefined);
    }
  }

  /** One stream, until it ends; resolves with why. */
  async function watchOnce(onListening: () => void, onTrigger: () => void, signal: AbortSignal): Promise<AgentError | undefined> {
    const { WATCH_BGP, encodeWatchAll, tellsOfPeer } = await loadMessages();
    const stream = createAbortController();
    const onAbort = (): void => stream.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let heard = false;
    const listening = (): void => {
      if (!heard) onListening();
      heard = true;
    };
    const quiet = (): void => {
      if (channel.isConnected()) listening();
    };
    clock.sleep(QUIET_MS, stream.signal).then(quiet, () => undefined);
    try {
      return await channel.watch(
        WATCH_BGP,
        encodeWatchAll(),
        (message) => {
          listening();
          if (tellsOfPeer(message)) onTrigger();
        },
        stream.signal,
      );
    } catch (error) {
      return isAgentError(error) ? error : undefined;
    } finally {
      signal.removeEventListener('abort', onAbort);
      stream.abort(new Stopped('the watch has ended'));
    }
  }

  return {
    name,
    start(onTrigger, signal, onState = () => undefined) {
      running ??= listen(onTrigger, onState, AbortSignal.any([signal, life.signal]));
    },
    async close() {
      life.abort(new Stopped('the watch is closed'));
      await channel.close();
      await running;
    },
  };
}
