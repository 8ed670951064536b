import * as z from 'zod';
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
    /** The affected methods. Default: all but `localnet_…`. A batch is affected if one of its methods is. */
    methods: z.array(z.string()),
    probability,
    /** Ends after this many requests. Default: unlimited. */
    times: z.int().min(1),
    retryAfterSeconds: z.int().min(0),
    delayMs: z.number().min(0),
    code: z.int(),
    message: z.string(),
  })
  .partial()
  .required({ kind: true });

/** A fault of HTTP requests. */
export type RpcFault = Readonly<z.infer<typeof rpcFault>>;

const accountFault = z.strictObject({
  /** How reads distort an account: another owner, another type, cut in half, or missing. */
  kind: z.enum(['wrong-owner', 'wrong-type', 'truncated', 'missing']),
  /** The affected accounts. Default: all. */
  addresses: z.array(z.string()).optional(),
});

/** All fault settings, the JSON of `localnet_setFaults`. */
const faultSettingsSchema = z.strictObject({
  rpc: z.array(rpcFault),
  /** Probability that an accepted transaction is lost. */
  dropProbability: probability,
  /** Probability that a transaction reaches the leader twice. */
  duplicateProbability: probability,
  /** Slots by which transactions land late. */
  delaySlots: z.int().min(0),
  /** Reads lag by this many blocks; above 128 the node reports that it is behind. */
  lagSlots: z.int().min(0).max(480),
  /** getHealth and preflight answer that the node is unhealthy. */
  unhealthy: z.boolean(),
  account: accountFault.nullable(),
  /** No slot begins. */
  frozen: z.boolean(),
  /** Probability of a slot without a block. */
  skipSlotProbability: probability,
  /** Blocks for which a blockhash is valid; responses still promise 150. */
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

/** The faults of one endpoint, and of the chain. Initially none. */
export interface LedgerFaults {
  readonly settings: FaultSettings;
  /** Changes the settings in the patch. Throws ZodError for invalid values. */
  set(patch: FaultPatch): void;
  /** Ends every fault. */
  clear(): void;
  /** The faults that affect a request for these methods; the request counts towards their `times`. */
  strike(methods: readonly string[]): readonly RpcFault[];
  /** Delays, in slots, of the copies of an accepted transaction that reach the leader; empty when it is lost. */
  copies(): readonly number[];
  /** The account as reads return it. */
  distort(address: Address, account: Account): Account | undefined;
}

/** Slots between a transaction and its duplicate. */
const DUPLICATE_AFTER_SLOTS = 2;
/** A type byte that no account of the program has. */
const WRONG_TYPE = 14;

/** Faults affect administration methods only by name, because those must be able to end a fault. */
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
