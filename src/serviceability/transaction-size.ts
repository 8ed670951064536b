/** 1280 (IPv6 minimum MTU) - 40 - 8: the largest transaction that a validator takes. */
export const MAX_TRANSACTION_BYTES = 1_232;

/** What a transaction asks for beyond the defaults; absent values ask for nothing. */
export interface ComputeRequest {
  /** Compute units of the whole transaction. */
  readonly unitLimit?: number;
  /** Bytes of heap for each instruction, a multiple of 1,024. */
  readonly heapBytes?: number;
}

/** signature 65 + header 3 + key count 1 + 4 keys (payer, device, system program, serviceability program) + blockhash 32 + instruction count 1 */
const FIXED_BYTES = 65 + 3 + 1 + 4 * 32 + 32 + 1;
/** One user's key, and an instruction of 17 bytes: program index, account count and four indices, data length and ten bytes. */
const BYTES_PER_WRITE = 32 + 17;
const COMPUTE_BUDGET_PROGRAM_KEY = 32;
const UNIT_LIMIT_INSTRUCTION = 8;
const HEAP_INSTRUCTION = 8;
/** Instructions of a transaction, those that its programs call among them (Solana's max_instruction_trace_length). */
const MAX_INSTRUCTION_TRACE = 64;
/** The first write to an account of an older layout pays its rent by a transfer that the program calls. */
const TRACE_PER_WRITE = 2;
const COMPUTE_BUDGET_INSTRUCTIONS = 2;

/** Bytes of a legacy transaction with one signature that carries `writes` status writes of one device. */
export function transactionBytes(writes: number, compute: ComputeRequest): number {
  const prefix = (compute.unitLimit === undefined ? 0 : UNIT_LIMIT_INSTRUCTION) + (compute.heapBytes === undefined ? 0 : HEAP_INSTRUCTION);
  return FIXED_BYTES + (prefix === 0 ? 0 : COMPUTE_BUDGET_PROGRAM_KEY + prefix) + BYTES_PER_WRITE * writes;
}

/** How many writes fit into one transaction, by bytes and by instruction trace: 20 without compute-budget instructions, 19 with. */
export function maxWritesPerTransaction(compute: ComputeRequest): number {
  const byBytes = Math.floor((MAX_TRANSACTION_BYTES - transactionBytes(0, compute)) / BYTES_PER_WRITE);
  return Math.min(byBytes, Math.floor((MAX_INSTRUCTION_TRACE - COMPUTE_BUDGET_INSTRUCTIONS) / TRACE_PER_WRITE));
}
