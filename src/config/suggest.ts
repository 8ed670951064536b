/**
 * The candidate that a person most likely meant, or undefined when none is near: at most a third of the characters may differ.
 * Case, dashes and underscores do not count, so `poll_interval` finds `pollInterval`.
 */
export function nearest(text: string, candidates: Iterable<string>): string | undefined {
  const wanted = plain(text);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, plain(candidate), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

const plain = (text: string): string => text.slice(0, 80).toLowerCase().replaceAll(/[-_]/g, '');

/** Edits that turn one text into the other, an exchange of neighboring characters being one of them (optimal string alignment), or `limit` as soon as it cannot be less. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforePrevious: readonly number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = at(previous, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const exchanged = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1] ? at(beforePrevious, column - 2) + 1 : limit;
      current.push(Math.min(replaced, exchanged, at(previous, column) + 1, at(current, column - 1) + 1));
    }
    beforePrevious = previous;
    previous = current;
  }
  return Math.min(limit, at(previous, b.length));
}

const at = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY;
