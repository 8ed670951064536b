import type { Address } from './units.ts';

/** An account that an instruction names, and what the instruction may do with it. */
export interface AccountMeta {
  readonly address: Address;
  readonly signer: boolean;
  readonly writable: boolean;
}

/** One instruction of a transaction, before it is compiled into a message. */
export interface Instruction {
  readonly programId: Address;
  /** In the program's order. */
  readonly accounts: readonly AccountMeta[];
  readonly data: Uint8Array;
}
