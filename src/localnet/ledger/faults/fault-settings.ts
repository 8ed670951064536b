import { z } from 'zod';

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
export const faultSettingsSchema = z.strictObject({
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
