/** Landing transactions on the ledger. */
export const WRITE_CODES = {
  WRITE__USER_REJECTED: {
    class: 'user-never',
    message: 'the program rejected the status of user {user}: {problem}',
    remedy:
      'compare its device and tunnel on the ledger; it is tried again when its account changes, else after a minute, then after twice as long each time, an hour at most',
  },
  WRITE__NO_FUNDS: {
    class: 'agent-never',
    message: 'the metrics publisher {publisher} cannot pay for transactions: {problem}',
    remedy: 'send SOL of the DoubleZero ledger to the metrics publisher; writing goes on by itself within a minute',
  },
  WRITE__BALANCE_LOW: {
    class: 'agent-never',
    message: 'the metrics publisher {publisher} holds {lamports} lamports, less than worker.minBalance ({minBalance})',
    remedy:
      'send SOL of the DoubleZero ledger to the metrics publisher, or lower worker.minBalance; writing goes on by itself within a minute',
  },
  WRITE__PROGRAM_TOO_OLD: {
    class: 'agent-never',
    message: 'program {program} does not know SetUserBGPStatus (instruction 106)',
    remedy: 'check ledger.programId and env; the program must have RFC-19 deployed',
  },
  WRITE__MALFORMED: {
    class: 'agent-never',
    message: 'the ledger calls our transaction malformed: {problem}',
    remedy: 'this is a defect of the agent: report it with this line and the version',
  },
  WRITE__BLOCKHASH_UNKNOWN: {
    class: 'retry-now',
    message: 'the ledger no longer knows the blockhash of transaction {signature}',
    remedy: 'nothing to do: it is built again on a fresh blockhash; if it persists, one of ledger.rpcUrls lags',
  },
  WRITE__COMPUTE_EXCEEDED: {
    class: 'retry-now',
    message: 'transaction {signature} ran out of {resource}',
    remedy: 'nothing to do: the agent measures again and asks for more',
  },
  WRITE__TRANSACTION_FAILED: {
    class: 'retry-later',
    message: 'transaction {signature} failed: {problem}',
    remedy: 'its users are written again; if it persists, look the error up on the ledger',
  },
  WRITE__NOT_SETTLED: {
    class: 'retry-later',
    message: 'after {seconds} s not every write is known to have landed or failed',
    remedy: 'the ledger does not answer, or lands nothing; run again: what is right already is not written twice',
  },
  WRITE__ALREADY_IN_FLIGHT: {
    class: 'agent-never',
    message: 'user {user} would have two unresolved statuses',
    remedy: 'this is a defect of the agent: report it with this line and the version',
  },
} as const;
