import type { Random } from '../../../lib/index.ts';
import { type Address, SYSTEM_PROGRAM_ID } from '../../../serviceability/index.ts';
import type { Account } from '../runtime/index.ts';
import { type FaultPatch, type FaultSettings, faultPatchSchema, NO_FAULTS, type RpcFault } from './fault-settings.ts';

/** What goes wrong at one endpoint, and with the chain behind it. Nothing, until something is set. */
export interface LedgerFaults {
  readonly settings: FaultSettings;
  /** Replaces the settings that the patch names. Throws ZodError for values that make no sense. */
  set(patch: FaultPatch): void;
  /** Ends every fault. */
  clear(): void;
  /** The faults that strike a request for these methods, which counts towards their `times`. */
  strike(methods: readonly string[]): readonly RpcFault[];
  /** What becomes of a transaction that was accepted: the delays, in slots, of the copies that reach the leader; none when it is lost. */
  copies(): readonly number[];
  /** The account as a read gives it. */
  distort(address: Address, account: Account): Account | undefined;
}

/** Slots between a transaction and its duplicate. */
const DUPLICATE_AFTER_SLOTS = 2;
/** A type byte that no account of the program has. */
const WRONG_TYPE = 14;

/** Unless it is named, the administration is spared: it must be able to end a fault. */
const isAdministration = (method: string): boolean => method.startsWith('localnet_');

export function createLedgerFaults({ random }: { readonly random: Random }): LedgerFaults {
  let settings = NO_FAULTS;
  let struck = new Map<RpcFault, number>();
  const happens = (probability: number): boolean => probability > 0 && random() < probability;

  const isStruck = (fault: RpcFault, methods: readonly string[]): boolean => {
    const { methods: only, probability = 1, times = Number.POSITIVE_INFINITY } = fault;
    const isNamed = only?.some((method) => methods.includes(method)) ?? !methods.every(isAdministration);
    if (!isNamed) return false;
    const count = struck.get(fault) ?? 0;
    if (count >= times || !happens(probability)) return false;
    struck.set(fault, count + 1);
    return true;
  };

  return {
    get settings() {
      return settings;
    },
    set(patch) {
      const given = faultPatchSchema.parse(patch);
      const named = Object.entries(given).filter(([, value]) => value !== undefined);
      settings = { ...settings, ...Object.fromEntries(named) };
      if (given.rpc !== undefined) struck = new Map();
    },
    clear() {
      settings = NO_FAULTS;
      struck = new Map();
    },
    strike: (methods) => settings.rpc.filter((fault) => isStruck(fault, methods)),
    copies() {
      const { dropProbability, duplicateProbability, delaySlots } = settings;
      if (happens(dropProbability)) return [];
      return happens(duplicateProbability) ? [delaySlots, delaySlots + DUPLICATE_AFTER_SLOTS] : [delaySlots];
    },
    distort(address, account) {
      const fault = settings.account;
      if (fault === null || fault.addresses?.includes(address) === false) return account;
      switch (fault.kind) {
        case 'missing':
          return undefined;
        case 'wrong-owner':
          return { ...account, owner: SYSTEM_PROGRAM_ID };
        case 'wrong-type':
          return { ...account, data: Uint8Array.of(WRONG_TYPE, ...account.data.subarray(1)) };
        case 'truncated':
          return { ...account, data: account.data.subarray(0, account.data.length >> 1) };
      }
    },
  };
}
