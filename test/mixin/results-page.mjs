const MOST_SAMPLES = 3;

/**
 * The dashboards' queries and their results, as a page.
 * @param {{ query: import('./prometheus.mjs').PanelQuery, samples: { metric: Record<string, string>, value: [number, string] }[] }[]} results
 */
export function resultsPage(results) {
  const dashboards = [...new Set(results.map(({ query }) => query.dashboard))];
  return `# Dashboards

The panels of [mixin/dashboards](../mixin/dashboards), with the results of their queries on a localnet whose 24 users connect, flap and leave. Written by \`.ci/mixin --write docs/dashboards.md\`, in which a real Prometheus scrapes a real agent each second; \`$__rate_interval\` was
15 s. Of many series the first ${MOST_SAMPLES} are shown.
${dashboards
  .map((name) =>
    section(
      name,
      results.filter(({ query }) => query.dashboard === name),
    ),
  )
  .join('')}`;
}

const section = (name, results) => `
## ${name}

| panel | query | result |
|---|---|---|
${results.map(row).join('\n')}
`;

function row({ query: { panel, expr, legend }, samples }) {
  const shown = samples.slice(0, MOST_SAMPLES).map((sample) => `${labeled(sample.metric, legend)}${number(sample.value[1])}`);
  if (samples.length > MOST_SAMPLES) shown.push(`… ${samples.length} in all`);
  return `| ${panel} | \`${anonymous(expr).replaceAll('|', '\\|')}\` | ${anonymous(shown.join('<br>')) || 'none, as expected'} |`;
}

/** By the panel's legend; table columns have none. */
function labeled(metric, legend) {
  const text = legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '');
  return text === '' ? '' : `${text} `;
}

function number(text) {
  const value = Number(text);
  return Number.isInteger(value) ? `**${value}**` : `**${Number(value.toPrecision(3))}**`;
}

/** Ports differ in each run. */
const anonymous = (text) => text.replaceAll(/(127\.0\.0\.1|localhost):\d+/g, '$1:…');
