/** The pieces of work under way, so that closing can end them all at once. */
export interface InFlight {
  /** Runs `work` with a signal that aborts when `signal` does or when everything is ended. */
  run<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Aborts what runs, and refuses what comes later, with this reason. */
  end(reason: Error): void;
}

export function createInFlight(): InFlight {
  const running = new Set<AbortController>();
  let ended: Error | undefined;

  return {
    async run(signal, work) {
      if (ended !== undefined) throw ended;
      signal.throwIfAborted();
      const controller = new AbortController();
      const onAbort = (): void => controller.abort(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      running.add(controller);
      try {
        return await work(controller.signal);
      } finally {
        running.delete(controller);
        signal.removeEventListener('abort', onAbort);
      }
    },
    end(reason) {
      ended ??= reason;
      for (const controller of running) controller.abort(reason);
    },
  };
}
