import { describe, expect, test } from 'vitest';
import { singleFlight } from '../../src/lib/index.ts';

/** Work that settles on command, and its runs. */
function controlledWork() {
  const runs: { readonly signal: AbortSignal; readonly settle: (outcome: string | Error) => void }[] = [];
  const share = singleFlight(
    (signal) =>
      new Promise<string>((resolve, reject) => {
        runs.push({ signal, settle: (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)) });
      }),
  );
  return { runs, share };
}

describe('single flight', () => {
  const never = new AbortController().signal;

  test('concurrent callers share one run and its outcome', async () => {
    const { runs, share } = controlledWork();
    const waiting = [share(never), share(never)];
    runs[0]?.settle('done');
    await expect(Promise.all(waiting)).resolves.toEqual(['done', 'done']);
    expect(runs).toHaveLength(1);
  });

  test('a caller after the run has settled starts a new one, also after a failure', async () => {
    const { runs, share } = controlledWork();
    const first = share(never);
    runs[0]?.settle(new Error('no'));
    await expect(first).rejects.toThrow('no');
    const second = share(never);
    runs[1]?.settle('done');
    await expect(second).resolves.toBe('done');
  });

  test('the run goes on when one of two callers aborts, who gets his own reason', async () => {
    const { runs, share } = controlledWork();
    const caller = new AbortController();
    const [left, stays] = [share(caller.signal), share(never)];
    caller.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(runs[0]?.signal.aborted).toBe(false);
    runs[0]?.settle('done');
    await expect(stays).resolves.toBe('done');
  });

  test('the run is aborted with its last caller, and the next caller starts a new one', async () => {
    const { runs, share } = controlledWork();
    const caller = new AbortController();
    const left = share(caller.signal);
    caller.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(runs[0]?.signal.aborted).toBe(true);
    const next = share(never);
    runs[1]?.settle('done');
    await expect(next).resolves.toBe('done');
  });

  test('an aborted caller starts no run', async () => {
    const { runs, share } = controlledWork();
    await expect(share(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(runs).toHaveLength(0);
  });
});
