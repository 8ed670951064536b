import { epochMs } from '../../src/lib/index.ts';
import { createMetrics } from '../../src/observability/http/index.ts';
import { createStatusBoard } from '../../src/observability/index.ts';
import { addressOf } from '../../src/serviceability/index.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** Values by label. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

/** A metric belongs to the first section that matches. */
const SECTIONS: readonly (readonly [title: string, names: RegExp])[] = [
  [
    'Polls and decisions',
    /ticks?_|switch_read|ledger_view|rollbacks|set_backs|source|wake_up|left_out|flaps|mass_downs|foreign|successful_tick/,
  ],
  ['Users', /_users$|oldest_|_users_rejected/],
  ['Raw snapshots', /snapshot/],
  ['The ledger', /rpc_|endpoint/],
  ['Writes', /transaction|writes_|rebroadcasts|halted|spend|payer|users_rejected|bgpstatus/],
  ['The process', /^process_|^nodejs_/],
  ['The agent', /./],
];

/** Labels whose values depend on the configuration or the build. */
const OPEN: Readonly<Record<string, string>> = {
  source: 'as configured',
  endpoint: 'as configured, without path and token',
  part: 'a source or trigger',
  version: '',
  commit: '',
  node: '',
  network: 'as configured',
  device: 'its public key',
  code: '',
};

/** `docs/metrics.md`: the metrics of an agent. */
export async function metricsPage(): Promise<string> {
  const metrics = await readMetrics();
  const left = new Set(metrics);
  const sections = SECTIONS.map(([title, names]) => {
    const own = [...left].filter(({ name }) => names.test(name));
    for (const metric of own) left.delete(metric);
    return `\n## ${title}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n${own.map(row).join('\n')}\n`;
  });
  return `${HEAD}${sections.join('')}`;
}

const HEAD = `# Metrics

The metrics of \`GET /metrics\`, in Prometheus's text format. \`node scripts/generate-docs.mjs\` writes this page from the code; \`npm test\` fails when it is not up to date. The
alerts, recording rules and dashboards are in [mixin/](../mixin/README.md).

Label sets are complete from the start, with 0, so that the first failure is a rise and not a new series. No label holds a user: \`/status\`,
\`/status.json\` and \`dzd-telemetry explain\` name them. Timestamps are seconds since 1970, and 0 before the first event. After a reload, counters that
the former agent kept (\`rpc_delay…\`, \`left_out_total\`) restart from 0, as at a restart of the process; all others continue.
`;

function row({ name, help, type, labels }: Metric): string {
  const cells = [...labels].map(([label, values]) => {
    const known = OPEN[label] ?? values.map((value) => `\`${value}\``).join(', ');
    return `\`${label}\`${known === '' ? '' : `: ${known}`}`;
  });
  return `| \`${name}\` | ${type} | ${cells.join('<br>')} | ${help} |`;
}

/** Every metric of an agent, in the order of `/metrics`. */
export async function readMetrics(): Promise<readonly Metric[]> {
  const clock = createVirtualClock(epochMs(1_790_000_000_000));
  const device = addressOf(new Uint8Array(32).fill(1));
  const names = { version: '0.0.0', device, publisher: device, dryRun: false, sources: ['eapi'], endpoints: ['https://rpc.example'] };
  const { read: status } = createStatusBoard({ ...names, clock });
  const settings = { refreshIntervalSeconds: 3_600, intervalSeconds: 5, idleIntervalSeconds: 30 };
  const metrics = createMetrics({ status, ...settings, clock });
  const traffic = { endpoint: 'https://rpc.example', requests: 0, delayed: 0, delayedMs: 0, gaveUp: 0, refused: 0, share: 1 };
  const ignored = [
    'wrongSource',
    'malformed',
    'unasked',
    'unrelated',
    'refused',
    'shed',
    'duplicates',
    'controlCharacters',
    'duplicateKeys',
  ];
  const counts = { part: 'snmp', counts: Object.fromEntries(ignored.map((reason) => [reason, 0])) };
  metrics.watch(settings, () => ({ endpoints: [traffic], dropCounters: [counts] }));
  return readExposition(await metrics.text());
}

/** Parses the text format: HELP and TYPE lines, and the labels of samples. */
function readExposition(text: string): readonly Metric[] {
  return text.split('# HELP ').flatMap((block) => {
    const [first = '', second = '', ...samples] = block.split('\n');
    const [, name, help] = /^(\S+) (.*)$/.exec(first) ?? [];
    const [, type] = /^# TYPE \S+ (\w+)$/.exec(second) ?? [];
    if (name === undefined || help === undefined || type === undefined) return [];
    const labels = new Map<string, string[]>();
    for (const [, label = '', value = ''] of samples.join('\n').matchAll(/(\w+)="([^"]*)"/g)) {
      const values = labels.get(label) ?? [];
      if (label !== 'le' && !values.includes(value)) labels.set(label, [...values, value]);
    }
    return [{ name, help, type, labels }];
  });
}
