/*
 * RFC-11 (on-chain activation) as drafted. No network runs this: the deployed program changed the design. localnet runs it in addition to the
 * deployed instruction of RFC-19.
 *
 *   ResourceExtension (bitmaps) ◄── allocate, release ── CreateAndActivate…, Delete… ──► User, Link, … with their slots after the deployed fields
 */

export { RFC11_ERRORS, type Rfc11ErrorName, rfc11Error, rfc11ErrorCode } from '../transaction-errors.ts';
export * from './accounts.ts';
export * from './audit.ts';
export * from './builders.ts';
export * from './instructions.ts';
export * from './plan.ts';
export * from './pools.ts';
export * from './resource-extension.ts';
