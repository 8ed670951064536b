import { type Clock, type Random, withSignals } from '../../lib/index.ts';
import { createListener, type TriggerSource } from '../triggers.ts';
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

  async function listen(onListening: () => void, onTrigger: () => void, signal: AbortSignal): Promise<never> {
    // The connection may come later than the stream.
    const afterSilence = async (untilEnd: AbortSignal): Promise<void> => {
      do await clock.sleep(QUIET_MS, untilEnd);
      while (!channel.isConnected());
      onListening();
    };
    const { WATCH_BGP, encodeWatchAll, namesPeer } = await loadMessages();
    return withSignals([signal], (untilEnd) => {
      afterSilence(untilEnd).catch(() => undefined);
      return channel.watch(
        WATCH_BGP,
        encodeWatchAll(),
        (message) => {
          onListening();
          if (namesPeer(message)) onTrigger();
        },
        untilEnd,
      );
    });
  }

  const listener = createListener({ name, clock, random, listen });
  return {
    name,
    start: listener.start,
    async close() {
      await Promise.all([listener.close(), channel.close()]);
    },
  };
}
