import { type InstructionContext, InstructionFailure } from '../../runtime/index.ts';

/** A Rust panic: a line in the log, and the instruction fails to complete. */
export function panic(context: InstructionContext, message: string): never {
  context.log(`panicked: ${message}`);
  throw new InstructionFailure('ProgramFailedToComplete');
}

/** Rust's assert!. */
export function assertOrPanic(context: InstructionContext, condition: boolean, message: string): void {
  if (!condition) panic(context, message);
}
