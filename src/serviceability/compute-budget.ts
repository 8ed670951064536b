import type { Instruction } from './instruction.ts';
import type { ComputeRequest } from './transaction-size.ts';
import type { Address } from './units.ts';

/** Solana's Compute Budget program. */
export const COMPUTE_BUDGET_PROGRAM_ID = 'ComputeBudget111111111111111111111111111111' as Address;
/** Solana's ceiling of one transaction, compute units. */
export const MAX_TRANSACTION_UNITS = 1_400_000;

const REQUEST_HEAP_FRAME = 1;
const SET_COMPUTE_UNIT_LIMIT = 2;

/** The instructions that make a request, to stand before all others: SetComputeUnitLimit, RequestHeapFrame, both or none. */
export function computeBudgetInstructions({ unitLimit, heapBytes }: ComputeRequest): readonly Instruction[] {
  return [
    ...(unitLimit === undefined ? [] : [instruction(SET_COMPUTE_UNIT_LIMIT, unitLimit)]),
    ...(heapBytes === undefined ? [] : [instruction(REQUEST_HEAP_FRAME, heapBytes)]),
  ];
}

function instruction(kind: number, value: number): Instruction {
  const data = new Uint8Array(5);
  data[0] = kind;
  new DataView(data.buffer).setUint32(1, value, true);
  return { programId: COMPUTE_BUDGET_PROGRAM_ID, accounts: [], data };
}
