/** Landing transactions on the ledger. */
export const WRITE_CODES = {
  WRITE__USER_REJECTED: {
    class: 'user-never',
    message: 'the program rejected the status of user {user}: {problem}',
    remedy: 'the user is left alone until its account changes; compare its device and tunnel on the ledger',
  },
} as const;
