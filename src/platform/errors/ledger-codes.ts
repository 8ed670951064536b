/** Reading the ledger. */
export const LEDGER_CODES = {
  LEDGER__UNREACHABLE: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} cannot be reached: {problem}',
    remedy: 'check ledger.rpcUrls and the network between this host and the endpoint',
  },
} as const;
