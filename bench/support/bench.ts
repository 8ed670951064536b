/** One figure. `n` is how many users (or devices) it was taken with. */
export interface BenchLine {
  readonly bench: string;
  readonly n: number;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
}

/** Prints a figure; the bench's own name unless it says another. */
export type Emit = (line: Omit<BenchLine, 'bench'> & { readonly bench?: string }) => void;

export interface BenchOptions {
  /** One run of each thing, and small numbers: to see that the bench works. */
  readonly quick: boolean;
  /** Instead of the bench's own numbers of users. */
  readonly users?: number;
  /** Instead of the bench's own number of runs. */
  readonly runs?: number;
  /** The bundle of `localnet-host.ts`, which runs in a process of its own. */
  readonly hostPath: string;
}

export type Bench = (emit: Emit, options: BenchOptions) => Promise<void>;

/** The value below which the share lies; 0.5 is the median. NaN for an empty list. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Milliseconds of the machine's monotonic clock, the same in each process on it. */
export const machineMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;
