import { NETWORKS } from '../../src/serviceability/index.ts';
import { configurationPage } from './configuration-page.ts';
import { configJsonSchema } from './configuration-schema.ts';
import { errorsPage } from './errors-page.ts';
import { exampleFile } from './example-file.ts';
import { metricsPage } from './metrics-page.ts';
import { outputJsonSchema, outputPage, schemaFile } from './output-page.ts';
import { OUTPUTS } from './output-schemas.ts';
import { rfc19Page } from './rfc19-page.ts';
import { rulesPage } from './rules-page.ts';
import { watchingPage } from './watching-page.ts';

export interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly content: string;
}

/** Every file of the repository that is written from the schemas, the metrics, the errors, the findings, or the titles of the tests. */
export async function generatedFiles(): Promise<readonly GeneratedFile[]> {
  return [
    { path: 'docs/configuration.md', content: configurationPage() },
    { path: 'docs/metrics.md', content: await metricsPage() },
    { path: 'docs/rules.md', content: rulesPage() },
    { path: 'docs/watching.md', content: watchingPage() },
    { path: 'docs/rfc19.md', content: rfc19Page() },
    { path: 'docs/errors.md', content: errorsPage() },
    { path: 'docs/output.md', content: outputPage() },
    ...OUTPUTS.map((output) => ({ path: `docs/${schemaFile(output)}`, content: json(outputJsonSchema(output)) })),
    { path: 'docs/configuration.schema.json', content: json(configJsonSchema()) },
    ...NETWORKS.map((network) => ({ path: `config/${network.name}.yaml`, content: exampleFile(network) })),
  ];
}

/** The formatter's `lineWidth`. */
const LINE_WIDTH = 140;

/** JSON with lists of plain values on one line where they fit, as the formatter of this repository has it. */
function json(value: unknown): string {
  const list = /^(.*)\[\n((?:\s+(?:"(?:[^"\\\n]|\\.)*"|-?[\d.]+),?\n)+)\s+\](,?)$/gm;
  return `${JSON.stringify(value, null, 2).replaceAll(list, (lines: string, before: string, items: string, after: string) => {
    const line = `${before}[${items.trim().replaceAll(/,\n\s+/g, ', ')}]${after}`;
    return line.length > LINE_WIDTH ? lines : line;
  })}\n`;
}
