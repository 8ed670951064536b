import type { AgentConfig } from '../../config/index.ts';

/** `1 user`, `2 users`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

export function effectiveSources({ collector }: AgentConfig): string {
  return `${count(collector.sources.length, 'source')} (${collector.sources.map(({ name }) => name).join(', ')})`;
}

export function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** At most three of them, and how many more there are. */
export function examples(all: readonly string[]): string {
  const shown = all.slice(0, 3).join(', ');
  return all.length > 3 ? `${shown} and ${all.length - 3} more` : shown;
}
