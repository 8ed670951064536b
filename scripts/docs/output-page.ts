import { z } from 'zod';
import { table } from './errors-page.ts';
import { OUTPUTS, type Output } from './output-schemas.ts';

const HEAD = `# Output for programs

What the commands print with \`--output json\`, and what the HTTP server answers. \`node scripts/generate-docs.mjs\` writes this page and the JSON Schema files in \`docs/schemas/\`
from one source. The tests validate the output of each command, so an undocumented key fails.

- Commands print one JSON object a line. \`event\` names its kind.
- Numbers are JSON numbers. A number above 2^53 − 1 is a string of digits.
- Times in \`…Ms\` are milliseconds, in \`…Ns\` nanoseconds. Accounts and signatures are base58.
- The other commands of \`dzd-localnet\` print the answer of the ledger's method: [The embedded ledger](localnet-ledger.md). \`--version --output json\` prints \`version\`, \`commit\` and \`node\`.
- Log lines go to standard error, errors too: [errors and exit codes](errors.md).
- The keys below stay. A later version may add some, so ignore keys that you do not know. The schemas are strict: they describe this version.

`;

/** `docs/schemas/NAME.schema.json`: one line of the output, or the answer. */
export function outputJsonSchema({ title, variants }: Output): unknown {
  const [first, ...more] = variants;
  if (first === undefined) throw new Error(`${title} has no variant`);
  return { title: title.replaceAll('`', ''), ...z.toJSONSchema(more.length === 0 ? first : z.union([first, ...more])) };
}

export const schemaFile = ({ name }: Output): string => `schemas/${name}.schema.json`;

/** `docs/output.md`. */
export function outputPage(): string {
  return `${HEAD}${OUTPUTS.map(section).join('\n')}`;
}

function section(output: Output): string {
  const events = output.variants.map((variant) => {
    const schema = z.toJSONSchema(variant) as Schema;
    const event = schema.properties?.event?.const;
    const heading = event === undefined ? '' : `**\`${event}\`**${schema.description === undefined ? '' : ` of ${schema.description}`}\n\n`;
    const rows = rowsOf(schema).map(([key, type, meaning]) => [`\`${key}\``, type, meaning]);
    return `${heading}${table(['key', 'type', 'meaning'], rows)}`;
  });
  return `## ${output.title}\n\n${output.about} Schema: [${output.name}.schema.json](${schemaFile(output)}).\n\n${events.join('\n')}`;
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | false;
  readonly required?: readonly string[];
  readonly description?: string;
}

/** A row a key; keys of inner objects as `outer.inner` and `list[].inner`. */
function rowsOf(schema: Schema, prefix = ''): readonly (readonly [key: string, type: string, meaning: string])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    if (name === 'event' && prefix === '') return [];
    const inner = objectIn(value);
    const suffix = schema.required?.includes(name) ? '' : ', optional';
    const row = [`${prefix}${name}`, `${typeOf(value)}${suffix}`, value.description ?? ''] as const;
    return [row, ...(inner === undefined ? [] : rowsOf(inner.schema, `${prefix}${name}${inner.isList ? '[]' : ''}.`))];
  });
}

function objectIn(schema: Schema): { readonly schema: Schema; readonly isList: boolean } | undefined {
  if (schema.properties !== undefined) return { schema, isList: false };
  if (schema.items?.properties !== undefined) return { schema: schema.items, isList: true };
  return schema.anyOf?.map(objectIn).find((found) => found !== undefined);
}

function typeOf(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.anyOf !== undefined)
    return [...new Set(schema.anyOf.map(typeOf))].filter((type, _, all) => type !== 'string' || !all.includes('integer')).join(' or ');
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}s`;
  return [schema.type ?? 'any'].flat().join(' or ');
}
