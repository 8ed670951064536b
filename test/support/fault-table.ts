import type { FaultPatch, NO_FAULTS, RpcFault } from '../../localnet/ledger/faults.ts';
import type { SwitchFault, SwitchFaultKind } from '../../localnet/switch/index.ts';
import type { FindingCode } from '../../src/observability/index.ts';

/** How localnet is made to fail, and what the agent's verdict names then. */
export interface FaultCase {
  /** `switch hang`, `ledger rpc hang`, `ledger frozen`. */
  readonly name: string;
  /** The fault as `dzd-localnet faults set` takes it. */
  readonly fault: SwitchFault | FaultPatch;
  /** One of these is found within a minute; empty: the agent copes, and the verdict stays ok. */
  readonly findings: readonly FindingCode[];
  /** Why no finding is right. */
  readonly why?: string;
  /** The only source, where it is not eAPI. */
  readonly source?: 'snmp';
}

type Case = readonly [fault: SwitchFault, findings: readonly FindingCode[], rest?: Pick<FaultCase, 'why' | 'source'>];
type LedgerCase = readonly [fault: FaultPatch, findings: readonly FindingCode[], why?: string];

/** Every kind of the code has a row, or this does not compile. */
const SWITCH: Readonly<Record<SwitchFaultKind, Case>> = {
  refuse: [{ kind: 'refuse' }, ['switch-unread']],
  hang: [{ kind: 'hang' }, ['switch-unread']],
  slow: [{ kind: 'slow', delayMs: 15_000 }, ['switch-unread']],
  cut: [{ kind: 'cut' }, ['switch-unread']],
  garbage: [{ kind: 'garbage' }, ['switch-unread']],
  'wrong-types': [{ kind: 'wrong-types' }, ['switch-unread']],
  empty: [{ kind: 'empty' }, ['switch-unread']],
  'vrf-missing': [{ kind: 'vrf-missing', vrf: 'vrf1' }, ['users-unobserved']],
  'vrf-failing': [{ kind: 'vrf-failing', vrf: 'vrf1' }, ['users-unobserved']],
  'wrong-request-id': [{ kind: 'wrong-request-id' }, ['switch-unread'], { source: 'snmp' }],
  'http-status': [{ kind: 'http-status', status: 503 }, ['switch-unread']],
  'command-error': [{ kind: 'command-error', code: 1002, errors: ['Invalid command'] }, ['switch-unread']],
  'large-answer': [{ kind: 'large-answer', command: 'show ip bgp summary vrf all', bytes: 8 << 20 }, ['switch-unread']],
};

const RPC: Readonly<Record<RpcFault['kind'], LedgerCase>> = {
  'rate-limited': [{ rpc: [{ kind: 'rate-limited' }] }, ['ledger-unread']],
  unavailable: [{ rpc: [{ kind: 'unavailable' }] }, ['ledger-unread']],
  html: [{ rpc: [{ kind: 'html' }] }, ['ledger-unread']],
  hang: [{ rpc: [{ kind: 'hang' }] }, ['ledger-unread']],
  reset: [{ rpc: [{ kind: 'reset' }] }, ['ledger-unread']],
  truncate: [{ rpc: [{ kind: 'truncate' }] }, ['ledger-unread']],
  delay: [{ rpc: [{ kind: 'delay', delayMs: 12_000 }] }, ['ledger-unread']],
  error: [{ rpc: [{ kind: 'error', code: -32_603, message: 'Internal error' }] }, ['ledger-unread']],
};

const CHAIN: Readonly<Record<Exclude<keyof typeof NO_FAULTS, 'rpc' | 'account'>, LedgerCase>> = {
  dropProbability: [{ dropProbability: 1 }, ['writes-not-landing']],
  duplicateProbability: [{ duplicateProbability: 1 }, [], 'the ledger refuses the second copy, and each status lands once'],
  delaySlots: [{ delaySlots: 200 }, ['writes-not-landing']],
  lagSlots: [{ lagSlots: 100 }, ['ledger-lag']],
  unhealthy: [{ unhealthy: true }, ['endpoints-lost', 'writes-not-landing']],
  frozen: [{ frozen: true }, ['ledger-stands-still', 'ledger-lag']],
  skipSlotProbability: [{ skipSlotProbability: 0.5 }, [], 'statuses land in the blocks that are produced'],
  blockhashLifetime: [{ blockhashLifetime: 0 }, ['writes-not-landing']],
};

const ACCOUNT: Readonly<Record<NonNullable<typeof NO_FAULTS.account>['kind'], LedgerCase>> = {
  'wrong-owner': [{ account: { kind: 'wrong-owner' } }, ['ledger-unread', 'authority-lost']],
  'wrong-type': [{ account: { kind: 'wrong-type' } }, ['ledger-unread', 'authority-lost']],
  truncated: [{ account: { kind: 'truncated' } }, ['ledger-unread', 'authority-lost']],
  missing: [{ account: { kind: 'missing' } }, ['ledger-unread', 'authority-lost']],
};

const ofLedger =
  (prefix: string) =>
  ([name, [fault, findings, why]]: readonly [string, LedgerCase]): FaultCase => ({
    name: `${prefix} ${name}`,
    fault,
    findings,
    ...(why === undefined ? {} : { why }),
  });

export const FAULT_TABLE: readonly FaultCase[] = [
  ...Object.entries(SWITCH).map(([name, [fault, findings, rest]]): FaultCase => ({ name: `switch ${name}`, fault, findings, ...rest })),
  ...Object.entries(RPC).map(ofLedger('ledger rpc')),
  ...Object.entries(ACCOUNT).map(ofLedger('ledger account')),
  ...Object.entries(CHAIN).map(ofLedger('ledger')),
];
