/*
 * RFC-11 (on-chain activation) as drafted. No network runs this: the deployed program took its ideas and changed their form. localnet carries it
 * out beside the deployed instruction of RFC-19.
 *
 *   ResourceExtension (bitmaps) ◄── allocate, release ── CreateAndActivate…, Delete… ──► User, Link, … with their slots after the deployed fields
 */
export * from './addresses.ts';
export * from './arguments.ts';
export * from './create-instructions.ts';
export * from './delete-instructions.ts';
export * from './errors.ts';
export * from './id-bitmap.ts';
export * from './instruction-set.ts';
export * from './interface-account.ts';
export * from './ip-block-bitmap.ts';
export * from './resource-extension.ts';
export * from './resource-instructions.ts';
export * from './resource-pool.ts';
export * from './resource-type.ts';
export * from './slot-bitmap.ts';
export * from './slot-fields.ts';
