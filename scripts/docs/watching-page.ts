import { readFileSync } from 'node:fs';
import { FINDING_CODES, FINDINGS } from '../../src/observability/index.ts';
import { FAULT_TABLE } from '../../test/support/fault-table.ts';

/** docs/watching.md is written by hand, but for the tables between these comments. */
const MARKS = (name: string) => [`<!-- ${name}: written by scripts/generate-docs.mjs -->`, `<!-- end of ${name} -->`] as const;

/** Throws where the page lacks the comments of a table. */
function withTable(page: string, name: string, rows: readonly (readonly string[])[]): string {
  const [begin, end] = MARKS(name);
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/watching.md lacks "${begin}" or "${end}"`);
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`);
  const table = [lines[0], `|${'---|'.repeat(rows[0]?.length ?? 0)}`, ...lines.slice(1)].join('\n');
  return `${page.slice(0, from)}${begin}\n${table}\n${page.slice(to)}`;
}

function findingRows(): readonly (readonly string[])[] {
  const rows = FINDING_CODES.map((code) => {
    const { severity, meaning, runbook } = FINDINGS[code];
    const readiness = 'blocksWrites' in FINDINGS[code] ? '503' : '200';
    return [`\`${code}\``, severity, meaning, readiness, `[${runbook}](runbooks/${runbook}.md)`];
  });
  return [['code', 'severity', 'meaning', '`/-/ready`', 'runbook and alert'], ...rows];
}

function faultRows(): readonly (readonly string[])[] {
  const rows = FAULT_TABLE.map(({ name, fault, findings, why, source }) => {
    const codes = findings.map((code) => `\`${code}\``).join(' or ');
    return [name, `\`${JSON.stringify(fault)}\`${source === undefined ? '' : `, source ${source}`}`, codes === '' ? `none: ${why}` : codes];
  });
  return [['fault', 'as set', 'finding'], ...rows];
}

export function watchingPage(): string {
  return withTable(withTable(readFileSync('docs/watching.md', 'utf8'), 'findings', findingRows()), 'faults', faultRows());
}
