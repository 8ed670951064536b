import { compareOids, isUnder } from './column-walk.ts';
import { mapAtOnce } from './map-at-once.ts';
import type { CellName, Oid, PeerColumn, PeerRow } from './peer-mib.ts';
import type { SnmpValue, VarBind } from './response.ts';
import type { TableOptions } from './table-walk.ts';

/** Twelve rows of three columns: a request and its answer stay in one unfragmented datagram each. */
const ROWS_PER_REQUEST = 12;
/** Unlike a walk's, these requests do not wait for one another. */
const REQUESTS_AT_ONCE = 4;

/** How many requests it takes to look at so many known rows, and behind the last. */
export const requestsFor = (rows: number): number => Math.ceil((rows + 1) / ROWS_PER_REQUEST);

/**
 * Looks at the rows of the last walk by their exact names, several to a request, and only at the columns that move:
 *
 *   GETNEXT (state.<row 1> transitions.<row 1> time.<row 1> state.<row 2> …) ──► must be exactly row 2, row 3, …, and nothing behind the last
 *
 * GETNEXT and not GET: the answer to the name of one row is the row after it, so it proves at once that this one is there and that none has
 * come in between; a GET would see no new neighbor. Resolves with undefined whenever the table is not just those rows any more; only a
 * walk can then say what it is, so no neighbor is ever reported gone from here. `known` is in the order of the indices. Rejects as the
 * session does.
 */
export async function readKnownRows(
  { session, mib, now }: TableOptions,
  known: readonly PeerRow[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PeerRow> | undefined> {
  const moving = mib.columns.filter(({ moves, cell }) => moves && (cell === 'state' || known.some(({ cells }) => cells.has(cell))));
  if (known.some(({ cells }) => moving.some(({ cell }) => !cells.has(cell)))) return undefined;
  // Each step asks for what follows `after`, and expects `row`; the last expects the end.
  const steps = [undefined, ...known].map((before, position) => ({ after: before?.index ?? [], row: known[position] }));
  const requests = Array.from({ length: requestsFor(known.length) }, (_, part) =>
    steps.slice(part * ROWS_PER_REQUEST, (part + 1) * ROWS_PER_REQUEST),
  );

  const parts = await mapAtOnce(REQUESTS_AT_ONCE, requests, async (part) => {
    const oids = part.flatMap(({ after }) => moving.map(({ oid }) => [...oid, ...after]));
    const varbinds = await session.request({ kind: 'get-next', oids }, signal);
    if (varbinds.length !== oids.length) return undefined;
    const readAt = now();
    return part.map(({ row }, step) => {
      const answers = varbinds.slice(step * moving.length, (step + 1) * moving.length);
      return row === undefined ? isEnd(answers, moving) : moved(row, answers, moving, readAt);
    });
  });

  const rows = new Map<string, PeerRow>();
  for (const row of parts.flatMap((part) => part ?? [undefined])) {
    if (row === undefined) return undefined;
    if (row !== 'end') rows.set(row.address, row);
  }
  return rows;
}

/** The row with what its moving columns say now; undefined unless the answers are that row's. */
function moved(row: PeerRow, answers: readonly VarBind[], moving: readonly PeerColumn[], readAt: PeerRow['readAt']): PeerRow | undefined {
  const cells = new Map<CellName, SnmpValue>(row.cells);
  for (const [position, { oid, cell }] of moving.entries()) {
    const answer = answers[position];
    if (answer === undefined || answer.value.kind === 'exception' || !isCell(answer.oid, oid, row.index)) return undefined;
    cells.set(cell, answer.value);
  }
  return { ...row, cells, readAt };
}

function isCell(oid: Oid, column: Oid, index: Oid): boolean {
  return compareOids(oid, [...column, ...index]) === 0;
}

function isEnd(answers: readonly VarBind[], moving: readonly PeerColumn[]): 'end' | undefined {
  const over = ({ oid, value }: VarBind, column: Oid | undefined): boolean =>
    value.kind === 'exception' || (column !== undefined && !isUnder(oid, column) && compareOids(oid, column) > 0);
  return answers.every((answer, position) => over(answer, moving[position]?.oid)) ? 'end' : undefined;
}
