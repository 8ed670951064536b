import { type Address, encodeUser, type RpcCall, type Sleep, type User, type UserChange } from '../../src/serviceability/index.ts';
import { keyOf } from './builders.ts';

export const PROGRAM = keyOf(250);
export const DEVICE = keyOf(2);

/** One user as getProgramAccounts has it. */
export const accountOf = (pubkey: Address, user: User, changes: object = {}): object => ({
  pubkey,
  account: { owner: PROGRAM, data: [Buffer.from(encodeUser(user)).toString('base64'), 'base64'], lamports: 1, ...changes },
});

/** A ledger with scripted answers. */
export interface ScriptedLedger {
  readonly rpc: RpcCall;
  readonly requests: readonly { readonly method: string; readonly params: readonly unknown[] }[];
  slot: number;
  users: Map<Address, User>;
  /** The next calls reject with these, one each. */
  failures: unknown[];
  /** The next call gives this instead of an answer. */
  answer: unknown;
  /** Runs while a call is under way. */
  during: () => void;
}

export function scriptedLedger(): ScriptedLedger {
  const requests: { method: string; params: readonly unknown[] }[] = [];
  const ledger: ScriptedLedger = {
    requests,
    slot: 100,
    users: new Map(),
    failures: [],
    answer: undefined,
    during: () => undefined,
    rpc: async (method, params, signal) => {
      signal.throwIfAborted();
      requests.push({ method, params });
      const { answer, slot } = ledger;
      const value = [...ledger.users].map(([address, user]) => accountOf(address, user));
      ledger.answer = undefined;
      ledger.during();
      if (ledger.failures.length > 0) throw ledger.failures.shift();
      return answer === undefined ? { context: { slot }, value } : answer;
    },
  };
  return ledger;
}

/** A sleep that ends when the test says so; `slept` are the lengths asked for. */
export interface ManualSleep {
  readonly sleep: Sleep;
  readonly slept: readonly number[];
  /** Ends the current sleep, once there is one. */
  wake(): Promise<void>;
  /** Waits until a sleeper exists. */
  asleep(): Promise<void>;
}

export function manualSleep(): ManualSleep {
  const slept: number[] = [];
  let current: (() => void) | undefined;
  const asleep = async (): Promise<void> => {
    for (let turn = 0; current === undefined; turn++) {
      if (turn > 1_000) throw new Error('nothing sleeps');
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    slept,
    asleep,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        slept.push(ms);
        const onAbort = (): void => {
          current = undefined;
          reject(signal.reason);
        };
        current = () => {
          current = undefined;
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
        if (signal.aborted) onAbort();
        else signal.addEventListener('abort', onAbort, { once: true });
      }),
    async wake() {
      await asleep();
      current?.();
    },
  };
}

/** One line a change. */
export const lineOf = (change: UserChange, names: ReadonlyMap<Address, string>): string => {
  const name = names.get(change.address) ?? change.address;
  return `${change.slot} ${change.kind} ${name}${change.kind === 'changed' ? ` ${change.fields.join(' ')}` : ''}`;
};
