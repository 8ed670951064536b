import type { Clock } from '../../lib/index.ts';

/** What happened in one run, a line an event, for the reader of a failure. */
export interface Story {
  tell(line: string): void;
  /** The newest lines. */
  readonly lines: readonly string[];
}

const REMEMBERED = 400;

export function createStory({
  clock,
  onLine,
}: {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly onLine?: (line: string) => void;
}): Story {
  const lines: string[] = [];
  return {
    lines,
    tell(line) {
      const stamped = `${timeOf(clock.monotonic())}  ${line}`;
      lines.push(stamped);
      if (lines.length > REMEMBERED) lines.shift();
      onLine?.(stamped);
    },
  };
}

function timeOf(ms: number): string {
  const seconds = ms / 1000;
  const [h, m] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}:${(seconds % 60).toFixed(3).padStart(6, '0')}`;
}
