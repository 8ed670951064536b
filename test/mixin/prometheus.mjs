import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ dashboard: string, panel: string, expr: string, legend: string, mayBeEmpty: boolean }} PanelQuery */

/** Panels that are empty while no alert fires. */
const MAY_BE_EMPTY = new Set(['Firing alerts']);

/**
 * Every query of every panel, as Grafana would send it.
 * @param {string} root @param {{ job: string, instance: string, device: string, window: string }} values
 * @returns {PanelQuery[]}
 */
export function panelQueries(root, { job, instance, device, window }) {
  const folder = join(root, 'mixin/dashboards');
  return readdirSync(folder).flatMap((file) => {
    const { title: dashboard, panels } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const filled = (/** @type {string} */ expr) =>
      expr.replaceAll('$job', job).replaceAll('$instance', instance).replaceAll('$device', device).replaceAll('$__rate_interval', window);
    return panels.flatMap(({ title: panel, targets = [] }) =>
      targets.map(({ expr, legendFormat: legend }) => ({
        dashboard,
        panel,
        expr: filled(expr),
        legend,
        mayBeEmpty: MAY_BE_EMPTY.has(panel),
      })),
    );
  });
}

/** What fills the variables and marks restarts, as queries; of `label_values(metric, label)` the metric and the label. */
export function variableQueries(root, values) {
  const folder = join(root, 'mixin/dashboards');
  return readdirSync(folder).flatMap((file) => {
    const { templating } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    return templating.list.flatMap(({ definition }) => {
      const [, metric, label] = /^label_values\((.+), (\w+)\)$/.exec(definition ?? '') ?? [];
      if (metric === undefined) return [];
      return [{ metric: metric.replaceAll('$job', values.job).replaceAll('$device', values.device), label }];
    });
  });
}

/** The blocks of this language in the runbooks, or in that of one alert. */
function blocks(root, language, alert) {
  const folder = join(root, 'docs/runbooks');
  const files = readdirSync(folder).filter((file) => alert === undefined || file === `${alert}.md`);
  const fenced = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\\n\`\`\``, 'g');
  return files.flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(fenced)].map(([, block]) => block));
}

/** The queries of the runbooks, or of one of them. */
export const runbookQueries = (root, alert) => blocks(root, 'promql', alert);

/** The shell lines of the runbooks, or of one of them, each once. */
export const runbookLines = (root, alert) => [...new Set(blocks(root, 'sh', alert).flatMap((block) => block.split('\n')))];

/** Those that run without systemd and without a switch. */
export const runbookCommands = (root, alert) =>
  runbookLines(root, alert).filter((line) => /^(dzd-telemetry|curl|journalctl|date|promtool) /.test(line));

/** @param {string} url Of a Prometheus server. */
export function prometheusAt(url) {
  const get = async (path) => {
    const response = await fetch(url + path);
    const { status, data, error } = await response.json();
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
  return {
    /** The samples of an instant query that are numbers. */
    async query(expr) {
      const { result } = await get(`/api/v1/query?query=${encodeURIComponent(expr)}`);
      return result.filter(({ value: [, value] }) => value !== 'NaN');
    },
    /** The names of the alerts that fire for this instance, or for none. */
    async firing(instance) {
      const { alerts } = await get('/api/v1/alerts');
      return alerts
        .filter(({ state, labels }) => state === 'firing' && (labels.instance ?? instance) === instance)
        .map(({ labels }) => labels.alertname);
    },
  };
}
