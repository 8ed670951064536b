import { type AgentReporter, SILENT_REPORTER } from '../agent/events.ts';
import type { Observation } from '../bgp/index.ts';
import type { Localnet } from '../localnet/index.ts';
import { type Address, BgpStatus, bgpStatusName, formatNetworkV4 } from '../serviceability/index.ts';

/** What the demo knows of the agent's work: counts for the summary, and each user's last word for the table. */
export interface DemoBoard {
  readonly reporter: AgentReporter;
  readonly transactions: number;
  readonly writesLanded: number;
  readonly writesFailed: number;
  /** Users whose status on the ledger is not the truth. */
  mismatches(): readonly Address[];
  /** Users by the truth. */
  counts(): { readonly users: number; readonly up: number; readonly down: number };
  rows(): readonly DemoRow[];
}

export interface DemoRow {
  readonly user: Address;
  readonly tunnel: string;
  readonly vrf: string;
  readonly switchSays: string;
  readonly ledgerSays: string;
  readonly rttMs: string;
  readonly lastTransaction: string;
}

export function createDemoBoard(localnet: Localnet): DemoBoard {
  const landedTransactions = new Set<string>();
  const observations = new Map<Address, Observation>();
  const lastTransaction = new Map<Address, string>();
  let writesLanded = 0;
  let writesFailed = 0;
  const statusOf = (user: Address) => localnet.ledger.admin.user(user)?.bgpStatus ?? BgpStatus.unknown;

  return {
    reporter: {
      ...SILENT_REPORTER,
      tick({ outcomes }) {
        observations.clear();
        for (const [user, { observation }] of outcomes) observations.set(user, observation);
        for (const user of lastTransaction.keys()) if (!outcomes.has(user)) lastTransaction.delete(user);
      },
      landed({ intent, signature }) {
        landedTransactions.add(signature);
        lastTransaction.set(intent.user, signature);
        writesLanded += 1;
      },
      rejected() {
        writesFailed += 1;
      },
    },
    get transactions() {
      return landedTransactions.size;
    },
    get writesLanded() {
      return writesLanded;
    },
    get writesFailed() {
      return writesFailed;
    },
    mismatches: () => [...localnet.truth()].filter(([user, truth]) => statusOf(user) !== BgpStatus[truth]).map(([user]) => user),
    counts() {
      const truth = [...localnet.truth().values()];
      const up = truth.filter((state) => state === 'up').length;
      return { users: truth.length, up, down: truth.length - up };
    },
    rows() {
      return [...localnet.ledger.admin.users(localnet.device)].map(([user, account]) => {
        const observation = observations.get(user);
        const located = observation === undefined || observation.kind === 'unobserved' ? undefined : observation.at;
        return {
          user,
          tunnel: `${account.tunnelId} ${formatNetworkV4(account.tunnelNet)}`,
          vrf: located?.vrf ?? '-',
          switchSays: wordsFor(observation),
          ledgerSays: bgpStatusName(account.bgpStatus),
          rttMs: account.bgpRttNs === 0n ? '-' : (Number(account.bgpRttNs) / 1e6).toFixed(2),
          lastTransaction: lastTransaction.get(user) ?? '-',
        };
      });
    },
  };
}

function wordsFor(observation: Observation | undefined): string {
  if (observation === undefined) return 'not read yet';
  if (observation.kind === 'unobserved') return observation.because;
  return observation.at?.neighbor.state ?? 'no neighbor';
}
