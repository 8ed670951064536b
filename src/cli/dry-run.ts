import type { AgentListener } from '../agent/events.ts';
import type { StatusIntent } from '../bgp/index.ts';
import { jsonLine, lineDrawer, rttText } from '../observability/index.ts';
import { type Address, encodeSetUserBgpStatus, formatNetworkV4 } from '../serviceability/index.ts';

/** An intended write, as `--dry-run` prints it. */
export interface IntentEvent {
  readonly event: 'intent';
  /** Accounts in base58. */
  readonly user: string;
  readonly device: string;
  /** The user's /31, `a.b.c.d/31`. */
  readonly tunnelNet: string;
  /** Where the session was seen; null for a user without a neighbor on the switch. */
  readonly vrf: string | null;
  readonly peer: string | null;
  readonly from: string;
  readonly to: string;
  readonly reason: 'change' | 'refresh' | 'ride-along';
  readonly rttNs: bigint;
  /** The data of the instruction, in hex. */
  readonly instruction: string;
}

/**
 * Prints each intended write of a dry run once, and again only after it changed or was withdrawn. A dry run sends nothing, so every tick
 * intends the same writes again.
 */
export function createIntentPrinter(device: Address, print: (event: IntentEvent) => void): AgentListener {
  let printed: ReadonlyMap<Address, string> = new Map();
  return {
    tick({ intents, viewSlot }) {
      if (viewSlot === undefined) return;
      const now = new Map(intents.map((intent): [Address, string] => [intent.user, `${intent.from} ${intent.to} ${intent.reason}`]));
      for (const intent of intents) {
        if (printed.get(intent.user) !== now.get(intent.user)) print(intentEvent(device, intent));
      }
      printed = now;
    },
  };
}

function intentEvent(device: Address, { user, tunnelNet, neighbor, from, to, reason, rttNs }: StatusIntent): IntentEvent {
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

interface IntentOutput {
  readonly output: 'json' | 'table';
  /** Takes whole lines. */
  readonly destination: { write(text: string): unknown };
  /** Width of the terminal, which the table fits. */
  readonly columns?: number | undefined;
}

/** One JSON object a line for programs, or one row of a table for people. */
export function intentWriter({ output, destination, columns }: IntentOutput): (event: IntentEvent) => void {
  if (output === 'json') return (event) => destination.write(jsonLine(event));
  const titles = INTENT_COLUMNS.map(({ title }) => title);
  const widths = INTENT_COLUMNS.map(({ width }) => width);
  const draw = lineDrawer(titles, widths, { columns, drop: ['RTT', 'TUNNEL NET', 'REASON', 'VRF', 'PEER'] });
  let header = `${draw(titles)}\n`;
  return (event) => {
    destination.write(`${header}${draw(INTENT_COLUMNS.map(({ cell }) => cell(event)))}\n`);
    header = '';
  };
}

interface Column {
  readonly title: string;
  readonly width: number;
  readonly cell: (event: IntentEvent) => string;
}

/** Fixed widths: a row is printed at once, before later rows could widen its column. */
const INTENT_COLUMNS: readonly Column[] = [
  { title: 'USER', width: 44, cell: ({ user }) => user },
  { title: 'TUNNEL NET', width: 18, cell: ({ tunnelNet }) => tunnelNet },
  { title: 'VRF', width: 10, cell: ({ vrf }) => vrf ?? '-' },
  { title: 'PEER', width: 15, cell: ({ peer }) => peer ?? '-' },
  { title: 'CHANGE', width: 15, cell: ({ from, to }) => (from === to ? `stays ${to}` : `${from} → ${to}`) },
  { title: 'REASON', width: 10, cell: ({ reason }) => reason },
  { title: 'RTT', width: 10, cell: ({ rttNs }) => (rttNs > 0n ? rttText(rttNs) : '-') },
];
