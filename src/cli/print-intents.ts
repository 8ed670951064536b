import { type AgentReporter, SILENT_REPORTER } from '../agent-reporter.ts';
import type { StatusIntent } from '../bgp/index.ts';
import type { EventSink, IntentEvent } from '../observability/index.ts';
import { type Address, encodeSetUserBgpStatus, formatNetworkV4 } from '../serviceability/index.ts';

/**
 * Prints each intended write of a dry run once: again only when it has become another one, or was gone in between. Nothing lands in a dry
 * run, so every tick wants the same writes anew.
 */
export function createIntentPrinter(device: Address, sink: EventSink<IntentEvent>): AgentReporter {
  let printed: ReadonlyMap<Address, string> = new Map();
  return {
    ...SILENT_REPORTER,
    tick({ intents, viewSlot }) {
      if (viewSlot === undefined) return;
      const now = new Map(intents.map((intent): [Address, string] => [intent.user, `${intent.from} ${intent.to} ${intent.reason}`]));
      for (const intent of intents) {
        if (printed.get(intent.user) !== now.get(intent.user)) sink.emit(intentEvent(device, intent));
      }
      printed = now;
    },
  };
}

export function intentEvent(device: Address, { user, tunnelNet, neighbor, from, to, reason, rttNs }: StatusIntent): IntentEvent {
  return {
    event: 'intent',
    user,
    device,
    tunnelNet: formatNetworkV4(tunnelNet),
    vrf: neighbor?.vrf ?? null,
    peer: neighbor?.address ?? null,
    from,
    to,
    reason,
    rttNs,
    instruction: Buffer.from(encodeSetUserBgpStatus({ status: to, rttNs })).toString('hex'),
  };
}
