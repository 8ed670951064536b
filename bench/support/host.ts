import { type ChildProcess, fork } from 'node:child_process';
import type { SwitchFault } from '../../localnet/switch/index.ts';
import type { Address } from '../../src/serviceability/index.ts';
import type { HostFaults, HostStart } from './localnet-host.ts';

export interface LocalnetHost {
  readonly rpcUrl: string;
  readonly eapiSocket: string;
  /** Where one was asked for. */
  readonly stateIngestUrl?: string;
  readonly device: Address;
  readonly programId: Address;
  /** All sessions change at once; answers with the machine's time at which they had. */
  flip(to: 'up' | 'down', first?: number): Promise<number>;
  /** Replaces the ledger's faults, latency aside; answers with when. */
  faults(patch: HostFaults): Promise<number>;
  /** Replaces the faults of the switch. */
  switchFaults(faults: readonly SwitchFault[]): Promise<void>;
  /** Users of whom the ledger does not say what is true. */
  mismatches(): Promise<number>;
  /** Transactions in blocks, whatever came of them. */
  landed(): Promise<number>;
  /** A new user, connected. */
  add(): Promise<Address>;
  remove(user: Address): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a localnet in another process. */
export async function startHost(path: string, start: HostStart): Promise<LocalnetHost> {
  const child = fork(path, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
  const call = callerOf(child);
  const addresses = await call<Pick<LocalnetHost, 'rpcUrl' | 'eapiSocket' | 'stateIngestUrl' | 'device' | 'programId'>>('start', start);
  return {
    ...addresses,
    flip: (to, first) => call('flip', { to, ...(first === undefined ? {} : { first }) }),
    faults: (patch) => call('faults', patch),
    switchFaults: (faults) => call('switchFaults', { faults }),
    mismatches: () => call('mismatches'),
    landed: () => call('landed'),
    add: () => call('add'),
    remove: (user) => call('remove', { user }),
    async stop() {
      await call('stop');
      child.disconnect();
    },
  };
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

function callerOf(child: ChildProcess): <T>(op: string, args?: unknown) => Promise<T> {
  const pending = new Map<number, { readonly resolve: (value: never) => void; readonly reject: (error: Error) => void }>();
  let lastId = 0;
  child.on('message', ({ id, value, error }: Answer) => {
    const waiting = pending.get(id);
    pending.delete(id);
    if (error === undefined) waiting?.resolve(value as never);
    else waiting?.reject(new Error(error));
  });
  child.on('exit', (code) => {
    for (const { reject } of pending.values()) reject(new Error(`the localnet's process ended with ${code}`));
  });
  return (op, args = {}) =>
    new Promise((resolve, reject) => {
      lastId += 1;
      pending.set(lastId, { resolve, reject });
      child.send({ id: lastId, op, args });
    });
}
