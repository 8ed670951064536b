import { describe, expect, test } from 'vitest';
import { shareWork } from '../../src/lib/index.ts';

/** Work that ends when told to, and its history. */
function controlledWork() {
  const runs: { readonly signal: AbortSignal; readonly settle: (outcome: string | Error) => void }[] = [];
  const share = shareWork(
    (signal) =>
      new Promise<string>((resolve, reject) => {
        runs.push({ signal, settle: (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)) });
      }),
  );
  return { runs, share };
}

describe('work that several wait for', () => {
  const patient = new AbortController().signal;

  test('runs once, and all get its outcome', async () => {
    const { runs, share } = controlledWork();
    const waiting = [share(patient), share(patient)];
    runs[0]?.settle('done');
    await expect(Promise.all(waiting)).resolves.toEqual(['done', 'done']);
    expect(runs).toHaveLength(1);
  });

  test('runs again for those who come after it is over, also after a failure', async () => {
    const { runs, share } = controlledWork();
    const first = share(patient);
    runs[0]?.settle(new Error('no'));
    await expect(first).rejects.toThrow('no');
    const second = share(patient);
    runs[1]?.settle('done');
    await expect(second).resolves.toBe('done');
  });

  test('goes on when one of two gives up, who hears his own reason', async () => {
    const { runs, share } = controlledWork();
    const impatient = new AbortController();
    const [left, stays] = [share(impatient.signal), share(patient)];
    impatient.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(runs[0]?.signal.aborted).toBe(false);
    runs[0]?.settle('done');
    await expect(stays).resolves.toBe('done');
  });

  test('is aborted when the last gives up, and the next begins anew', async () => {
    const { runs, share } = controlledWork();
    const impatient = new AbortController();
    const left = share(impatient.signal);
    impatient.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(runs[0]?.signal.aborted).toBe(true);
    const next = share(patient);
    runs[1]?.settle('done');
    await expect(next).resolves.toBe('done');
  });

  test('does not begin for one who has given up already', async () => {
    const { runs, share } = controlledWork();
    await expect(share(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(runs).toHaveLength(0);
  });
});
