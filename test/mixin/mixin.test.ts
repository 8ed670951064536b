import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readMetrics } from '../../scripts/docs/metrics-page.ts';
import { FINDING_CODES, FINDINGS } from '../../src/observability/index.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const namesIn = (folder: string, ending: string): readonly string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length));

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
const rulesOf = (file: string): readonly Rule[] => parse(read(`mixin/${file}`)).groups.flatMap(({ rules }: { rules: Rule[] }) => rules);
const alerts = rulesOf('alerts.yaml');
const records = rulesOf('recording-rules.yaml');

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly refId: string; readonly datasource: { readonly uid: string } }[];
}
interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[] };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}
/** The data source chosen in Grafana. */
const CHOSEN = `\${datasource}`;
const dashboards = namesIn('mixin/dashboards', '.json').map((name): readonly [string, Dashboard] => [
  name,
  JSON.parse(read(`mixin/dashboards/${name}.json`)),
]);

const runbookQueries = namesIn('docs/runbooks', '.md').flatMap((name) =>
  [...read(`docs/runbooks/${name}.md`).matchAll(/```promql\n([\s\S]*?)```/g)].map(([, expr = '']): readonly [string, string] => [
    name,
    expr,
  ]),
);
const expressions: readonly (readonly [string, string])[] = [
  ...[...alerts, ...records].map(({ alert, record, expr }): readonly [string, string] => [alert ?? record ?? '', expr]),
  ...dashboards.flatMap(([name, { panels, templating, annotations }]) => [
    ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }): readonly [string, string] => [`${name}: ${title}`, expr])),
    ...templating.list.flatMap(({ name: variable, definition }): (readonly [string, string])[] =>
      definition === undefined ? [] : [[`${name}: $${variable}`, definition]],
    ),
    ...annotations.list.map(({ expr }): readonly [string, string] => [`${name}: annotations`, expr]),
  ]),
  ...runbookQueries,
];

/** Each series that an expression names, with the labels that it compares with a fixed value. */
function selectorsOf(expr: string): readonly { readonly name: string; readonly equals: readonly (readonly [string, string])[] }[] {
  return [
    ...expr.matchAll(/\b((?:\w+:)?(?:dzd_telemetry|doublezero|process|nodejs)_\w+(?::\w+)?|up|ALERTS)\b(?!\s*\()(?:\{([^}]*)\})?/g),
  ].map(([, name = '', matchers = '']) => ({
    name,
    equals: [...matchers.matchAll(/(\w+)(!?=)"([^"$]+)"/g)].map(([, label = '', , value = '']): readonly [string, string] => [
      label,
      value,
    ]),
  }));
}

describe('rules, dashboards and runbooks', async () => {
  const metrics = new Map((await readMetrics()).map((metric) => [metric.name, metric]));
  const recorded = new Set(records.map(({ record }) => record));
  const ofPrometheus = new Set(['up', 'ALERTS']);
  const metricOf = (name: string) => {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    return metrics.get(name) ?? (metrics.get(base)?.type === 'histogram' ? metrics.get(base) : undefined);
  };

  test('rules, dashboards and runbooks use only metrics of the agent and recorded series', () => {
    expect(expressions.length).toBeGreaterThan(100);
    const unknown = expressions.flatMap(([where, expr]) =>
      selectorsOf(expr)
        .filter(({ name }) => metricOf(name) === undefined && !recorded.has(name) && !ofPrometheus.has(name))
        .map(({ name }) => `${where}: ${name}`),
    );
    expect(unknown).toEqual([]);
    expect(expressions.filter(([, expr]) => selectorsOf(expr).length === 0)).toEqual([]);
  });

  test('rules, dashboards and runbooks compare labels only with possible values', () => {
    const impossible = expressions.flatMap(([where, expr]) =>
      selectorsOf(expr).flatMap(({ name, equals }) =>
        equals
          .filter(([label, value]) => metricOf(name) !== undefined && metricOf(name)?.labels.get(label)?.includes(value) !== true)
          .map(([label, value]) => `${where}: ${name}{${label}="${value}"}`),
      ),
    );
    expect(impossible).toEqual([]);
  });

  test('the texts of alerts and runbooks name existing metrics only', () => {
    const words = [
      ...alerts.flatMap(({ annotations = {} }) => Object.values(annotations)),
      ...namesIn('docs/runbooks', '.md').map((name) => read(`docs/runbooks/${name}.md`)),
      read('mixin/README.md'),
    ].join('\n');
    const named = [...words.matchAll(/\b(?:\w+:)?dzd_telemetry_\w+(?::\w+)?/g)].map(([name]) => name);
    expect(named.filter((name) => metricOf(name) === undefined && !recorded.has(name))).toEqual([]);
  });
});

describe('alerts', () => {
  test('each alert has its runbook page, and each page its alert', () => {
    expect([...namesIn('docs/runbooks', '.md')].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  test('each finding of the verdict has its alert and its runbook', () => {
    const named = FINDING_CODES.map((code): string => FINDINGS[code].runbook);
    expect(named.filter((runbook) => !alerts.some(({ alert }) => alert === runbook))).toEqual([]);
  });

  test('an alert on a finding names a code of the table, and is as severe', () => {
    const onFindings = alerts.flatMap(({ alert, expr, labels }) => {
      const code = /^max without \(code\) \(dzd_telemetry_findings\{code="([\w-]+)"\}\) > 0$/.exec(expr)?.[1];
      return code === undefined ? [] : [[code, alert, labels?.severity]];
    });
    expect(onFindings.length).toBeGreaterThan(7);
    const table = FINDING_CODES.map((code) => [code, FINDINGS[code].runbook, FINDINGS[code].severity]);
    expect(onFindings.filter((row) => !table.some((other) => other.join() === row.join()))).toEqual([]);
  });

  test.each(alerts.map((rule) => [rule.alert ?? '', rule] as const))(
    'alert %s has duration, severity, summary, description and runbook',
    (name, rule) => {
      expect(rule).toEqual({
        alert: name,
        expr: expect.any(String),
        for: expect.stringMatching(/^\d+m$/),
        labels: { severity: expect.stringMatching(/^(critical|warning)$/) },
        annotations: {
          summary: expect.stringMatching(/^.{10,120}\.$/),
          description: expect.stringMatching(/^.{40,}\.$/),
          runbook_url: `docs/runbooks/${name}.md`,
        },
      });
      const headings = [...read(`docs/runbooks/${name}.md`).matchAll(/^#+ .*$/gm)].map(([heading]) => heading);
      expect(headings).toEqual([
        `# ${name}`,
        '## What it means',
        '## What it costs',
        '## How to diagnose',
        '## What to do',
        '## How to verify the fix',
      ]);
    },
  );

  test('promtool tests each alert to fire and to be silent', () => {
    const tested = namesIn('mixin/tests', '.test.yaml').flatMap((name) =>
      parse(read(`mixin/tests/${name}.test.yaml`)).tests.flatMap(
        (group: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[]; input_series: { series: string }[] }) =>
          group.alert_rule_test.map(({ alertname, exp_alerts }) => ({
            alertname,
            fires: exp_alerts.length > 0,
            // With another instance among the input series of a firing test, that instance is expected to be silent.
            isSilent: exp_alerts.length < new Set(group.input_series.map(({ series }) => /instance="(\w+)"/.exec(series)?.[1])).size,
          })),
      ),
    );
    const names = (which: 'fires' | 'isSilent') =>
      [...new Set(tested.filter((each) => each[which]).map(({ alertname }) => alertname))].sort();
    const all = alerts.map(({ alert }) => alert).sort();
    expect(names('fires')).toEqual(all);
    expect(names('isSilent')).toEqual(all);
  });

  test('the runbook of each alert is followed on a localnet, or faults.mjs has the reason why not', async () => {
    const { BEDS, targetsLost, NOT_FOLLOWED, ELSEWHERE } = await import(join(ROOT, 'test/mixin/faults.mjs'));
    const { runbookCommands, runbookLines } = await import(join(ROOT, 'test/mixin/prometheus.mjs'));
    const faults: { readonly alerts: Readonly<Record<string, readonly RegExp[]>> }[] = [
      ...BEDS.flatMap((bed: { faults: unknown[] }) => bed.faults),
      targetsLost(''),
    ];
    const followed = faults.flatMap((fault) => Object.entries(fault.alerts));
    const names = [...followed.map(([name]) => name), ...Object.keys(NOT_FOLLOWED)].sort();
    expect(names).toEqual(alerts.map(({ alert }) => alert).sort());
    // Each command has its expected output.
    expect(followed.map(([name, outputs]) => [name, outputs.length])).toEqual(
      followed.map(([name]) => [name, runbookCommands(ROOT, name).length]),
    );
    const commands = runbookCommands(ROOT);
    expect(
      runbookLines(ROOT)
        .filter((line: string) => !commands.includes(line))
        .sort(),
    ).toEqual(Object.keys(ELSEWHERE).sort());
  });

  test('runbooks quote and search only log lines that the agent writes', () => {
    const source = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(`src/${name}`))
      .join('\n');
    const pages = namesIn('docs/runbooks', '.md').map((name): readonly [string, string] => [name, read(`docs/runbooks/${name}.md`)]);
    const quoted = pages.flatMap(([name, page]) =>
      [...page.matchAll(/the log says `([^`]+)`/gi)].map(([, line = '']): readonly [string, RegExp] => [name, new RegExp(line)]),
    );
    const searched = pages.flatMap(([name, page]) =>
      [...page.matchAll(/journalctl .*?\| grep (?:-E )?'([^'"]+)'/g)]
        .flatMap(([, pattern = '']) => (pattern.includes('(') ? [pattern] : pattern.split('|')))
        .filter((pattern) => pattern.includes(' '))
        .map((pattern): readonly [string, RegExp] => [name, new RegExp(pattern)]),
    );
    expect([quoted.length, searched.length]).toEqual([10, 18]);
    expect([...quoted, ...searched].filter(([, pattern]) => !pattern.test(source))).toEqual([]);
  });

  test('runbooks link to existing pages only', () => {
    const broken = namesIn('docs/runbooks', '.md').flatMap((name) =>
      [...read(`docs/runbooks/${name}.md`).matchAll(/\]\(([^)#]+)\)/g)].flatMap(([, link = '']) => {
        try {
          read(join('docs/runbooks', link));
          return [];
        } catch {
          return [`${name}: ${link}`];
        }
      }),
    );
    expect(broken).toEqual([]);
  });
});

test.each([
  'https://docs.example.net/dzd-telemetry/runbooks',
  'http://switch.example.net:50100/runbooks',
  'http://{{ $labels.instance }}/runbooks',
])('the command of mixin/README.md gives every alert the runbook base %s', (base) => {
  const [, line] = /^base=.*\n(sed .*) >alerts\.yaml$/m.exec(read('mixin/README.md')) ?? [];
  if (line === undefined) throw new Error('mixin/README.md has no such command');
  const changed: { readonly groups: readonly { readonly rules: readonly Rule[] }[] } = parse(
    execFileSync('sh', ['-ec', `base='${base}'\n${line}`], { cwd: ROOT, encoding: 'utf8' }),
  );
  const expected = alerts.map((rule) => ({ ...rule, annotations: { ...rule.annotations, runbook_url: `${base}/${rule.alert}.md` } }));
  expect(changed.groups.flatMap(({ rules }) => rules)).toEqual(expected);
});

describe.each(dashboards)('the dashboard %s', (name, { uid, schemaVersion, panels, templating }) => {
  test('the dashboard has core panels only, each with a description and the chosen data source', () => {
    expect([uid, schemaVersion]).toEqual([`dzd-telemetry-${name}`, 39]);
    expect(new Set(panels.map(({ type }) => type)).size).toBeGreaterThan(2);
    const core = ['row', 'stat', 'timeseries', 'table', 'state-timeline', 'heatmap'];
    expect(panels.filter(({ type }) => !core.includes(type))).toEqual([]);
    const drawn = panels.filter(({ type }) => type !== 'row');
    expect(drawn.filter(({ description = '', datasource }) => description === '' || datasource?.uid !== CHOSEN)).toEqual([]);
    expect(drawn.flatMap(({ targets = [] }) => targets).filter(({ datasource }) => datasource.uid !== CHOSEN)).toEqual([]);
    const variables = templating.list.map((variable) => variable.name);
    const used = [...JSON.stringify(panels.map(({ targets }) => targets)).matchAll(/\$(?!__)\{?(\w+)/g)].map(
      ([, variable = '']) => variable,
    );
    expect([...new Set(used)].filter((variable) => !variables.includes(variable))).toEqual([]);
  });

  test('the panels of the dashboard have unique ids and do not overlap', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
  });
});
