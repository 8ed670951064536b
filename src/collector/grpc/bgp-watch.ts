import {
  AgentError,
  backoffDelays,
  type Clock,
  createAbortController,
  describeError,
  isAgentError,
  type Random,
  Stopped,
  withSignals,
} from '../../lib/index.ts';
import type { TriggerSource, TriggerState } from '../triggers.ts';
import { GrpcChannel, loadMessages } from './channel.ts';

interface BgpWatchOptions {
  /** Its name in the configuration. */
  readonly name?: string;
  /** `host:port` of EosSdkRpc. */
  readonly address: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** A key and a state take far less. */
const MAX_MESSAGE_BYTES = 1 << 16;
/** A connected stream that is silent for this long counts as a watch: not every release may acknowledge one. */
const QUIET_MS = 5_000;
const RETRY = { baseMs: 1_000, maxMs: 30_000 };

/**
 * Listens to `BgpMgrService.watch` of EosSdkRpc: every change of every peer's state, of every VRF, within milliseconds.
 *
 *   watch ──► change ──► trigger       (the poll reads what changed)
 *     ▲ ends, with growing pauses between the attempts; what was missed meanwhile is one trigger
 *     └──────┘
 *
 * EOS does not document whether a watch begins with the present state of every peer: if it does, that is one more trigger.
 */
export function createBgpWatch({ name = 'bgp-watch', address, clock, random }: BgpWatchOptions): TriggerSource {
  const endpoint = `grpc://${address}`;
  // A watch has no deadline; the timeout of the channel is for calls.
  const channel = new GrpcChannel({ endpoint, address, timeoutMs: QUIET_MS, maxAnswerBytes: MAX_MESSAGE_BYTES });
  const closing = createAbortController();
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
      if (signal.aborted) return;
      if (!isLost) onState({ state: 'lost', error });
      isLost = true;
      await clock.sleep(delays.next().value, signal).catch(() => undefined);
    }
  }

  /** One stream, until it ends; resolves with the reason. An unexpected error is one, too: a watch that ends without a word looks quiet. */
  async function watchOnce(onListening: () => void, onTrigger: () => void, signal: AbortSignal): Promise<AgentError> {
    const stream = createAbortController();
    let isListening = false;
    const listening = (): void => {
      if (!isListening) onListening();
      isListening = true;
    };
    // The connection may come later than the stream.
    const afterSilence = async (untilEnd: AbortSignal): Promise<void> => {
      do await clock.sleep(QUIET_MS, untilEnd);
      while (!channel.isConnected());
      listening();
    };
    return withSignals([signal, stream.signal], async (untilEnd) => {
      afterSilence(untilEnd).catch(() => undefined);
      try {
        const { WATCH_BGP, encodeWatchAll, namesPeer } = await loadMessages();
        return await channel.watch(
          WATCH_BGP,
          encodeWatchAll(),
          (message) => {
            listening();
            if (namesPeer(message)) onTrigger();
          },
          untilEnd,
        );
      } catch (error) {
        if (isAgentError(error)) return error;
        return new AgentError('SWITCH__SOURCE_FAILED', { source: name, problem: describeError(error) }, { cause: error });
      } finally {
        stream.abort(new Stopped('the watch has ended'));
      }
    });
  }

  return {
    name,
    start(onTrigger, signal, onState = () => undefined) {
      running ??= listen(onTrigger, onState, AbortSignal.any([signal, closing.signal]));
    },
    async close() {
      closing.abort(new Stopped('the watch is closed'));
      await channel.close();
      await running;
    },
  };
}
