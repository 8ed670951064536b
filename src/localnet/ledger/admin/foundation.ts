import { createHash } from 'node:crypto';
import {
  type Address,
  encodeLegacyMessage,
  encodeTransaction,
  type Instruction,
  lamports,
  programError,
} from '../../../serviceability/index.ts';
import { rfc11Error } from '../../../serviceability/rfc11/index.ts';
import type { Bank } from '../bank/index.ts';
import { createAccount, describeTransactionError, type TransactionErrorJson } from '../runtime/index.ts';
import { COMPUTE_BUDGET_PROGRAM, createSigner, parseTransaction, SYSTEM_PROGRAM } from '../transaction/index.ts';
import { WorldError } from './world-error.ts';

/** Enough for every account that a localnet can make. */
const BALANCE = lamports(1_000_000n * 1_000_000_000n);
const MOST_UNITS = 1_400_000;
/** Limits are drawn from so many, one a transaction, so that no two of them in one block have the same bytes. */
const DISTINCT_LIMITS = 100_000;

/** The one member of the foundation's list on this ledger, with its key: it signs what the administration does by instruction. */
export interface Foundation {
  readonly address: Address;
  /** Lands the instruction at once. Throws WorldError, with the program's reason, when it is refused. */
  send(instruction: Instruction): void;
}

export function createFoundation(bank: Bank): Foundation {
  const signer = createSigner(createHash('sha256').update('localnet foundation').digest());
  let serial = 0;
  bank.putAccount(signer.address, createAccount(SYSTEM_PROGRAM, new Uint8Array(), BALANCE));

  return {
    address: signer.address,
    send(instruction) {
      serial += 1;
      const limit = MOST_UNITS - (serial % DISTINCT_LIMITS);
      const landed = bank.include((blockhash) => {
        const message = encodeLegacyMessage({ feePayer: signer.address, blockhash, instructions: [unitLimit(limit), instruction] });
        return parseTransaction(encodeTransaction(message, [signer.sign(message)]));
      });
      if (landed === undefined) throw new WorldError('no block can hold what the foundation sends');
      const { err, logs } = landed.result;
      if (err !== null) throw new WorldError(`the program refused: ${reasonOf(err)}; ${logs.at(-1) ?? ''}`);
    },
  };
}

function reasonOf(err: TransactionErrorJson): string {
  const cause = typeof err === 'object' && 'InstructionError' in err ? err.InstructionError[1] : undefined;
  const known = typeof cause === 'object' ? (rfc11Error(cause.Custom) ?? programError(cause.Custom)) : undefined;
  return known === undefined ? describeTransactionError(err) : `${known.name}, ${known.explanation}`;
}

function unitLimit(units: number): Instruction {
  const data = Buffer.alloc(5);
  data[0] = 2;
  data.writeUInt32LE(units, 1);
  return { programId: COMPUTE_BUDGET_PROGRAM, accounts: [], data };
}
