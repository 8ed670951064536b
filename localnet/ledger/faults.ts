import { z } from 'zod';
import type { Random } from '../../src/lib/index.ts';
import { type Address, SYSTEM_PROGRAM_ID } from '../../src/serviceability/index.ts';
import type { Account } from './runtime.ts';

const probability = z.number().min(0).max(1);

const rpcFault = z
  .strictObject({
    /**
     * rate-limited: HTTP 429 with Retry-After. unavailable: HTTP 503. html: HTTP 200 with a page. hang: no answer, ever. reset: the connection is
     * cut. truncate: half of the right answer, then cut. delay: the right answer, late. error: a JSON-RPC error of this code and message.
     */
    kind: z.enum(['rate-limited', 'unavailable', 'html', 'hang', 'reset', 'truncate', 'delay', 'error']),
    /** The methods that it strikes; every one but `localnet_…` without it. A batch is struck when one of its methods is. */
    methods: z.array(z.string()),
    probability,
    /** After so many requests it is over; without it, it stays. */
    times: z.int().min(1),
    retryAfterSeconds: z.int().min(0),
    delayMs: z.number().min(0),
    code: z.int(),
    message: z.string(),
  })
  .partial()
  .required({ kind: true });

/** One way in which HTTP requests go wrong. */
export type RpcFault = Readonly<z.infer<typeof rpcFault>>;

const accountFault = z.strictObject({
  /** What an account read back looks like: owned by another program, of another type, cut in half, or not there. */
  kind: z.enum(['wrong-owner', 'wrong-type', 'truncated', 'missing']),
  /** The accounts that it strikes; every one without it. */
  addresses: z.array(z.string()).optional(),
});

/** Every fault that can be set, JSON as `localnet_setFaults` takes it. */
const faultSettingsSchema = z.strictObject({
  rpc: z.array(rpcFault),
  /** Chance that a transaction is accepted, and lost. */
  dropProbability: probability,
  /** Chance that a transaction reaches the leader twice. */
  duplicateProbability: probability,
  /** Slots by which transactions land late. */
  delaySlots: z.int().min(0),
  /** Every read is of so many blocks ago; above 128 the node says that it is behind. */
  lagSlots: z.int().min(0).max(480),
  /** getHealth and preflight answer that the node is unhealthy. */
  unhealthy: z.boolean(),
  account: accountFault.nullable(),
  /** No slot begins. */
  frozen: z.boolean(),
  /** Chance of a slot without a block. */
  skipSlotProbability: probability,
  /** Blocks that a blockhash is honoured for; the answers go on to promise 150. */
  blockhashLifetime: z.int().min(0).max(150),
});

export type FaultSettings = Readonly<z.infer<typeof faultSettingsSchema>>;

export const faultPatchSchema = faultSettingsSchema.partial();

/** Some of the settings; those not named stay as they are. */
export type FaultPatch = { readonly [K in keyof FaultSettings]?: FaultSettings[K] | undefined };

export const NO_FAULTS: FaultSettings = {
  rpc: [],
  dropProbability: 0,
  duplicateProbability: 0,
  delaySlots: 0,
  lagSlots: 0,
  unhealthy: false,
  account: null,
  frozen: false,
  skipSlotProbability: 0,
  blockhashLifetime: 150,
};

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
