import { DEFAULT_CONFIG_FILE, environmentNameOf, type SettingNode, settingTree } from '../../src/config/index.ts';
import { NETWORKS } from '../../src/serviceability/index.ts';
import { defaultText, expectsText, flatFields } from './setting-texts.ts';

/** docs/configuration.md. */
export function configurationPage(): string {
  const root = settingTree();
  const sections = [...root.children.values()].filter((node) => node.meta.form === 'section');
  const values = [...root.children.values()].filter((node) => node.meta.form !== 'section');
  const parts = [
    INTRODUCTION,
    '## Keys',
    settingTable(values),
    ...sections.flatMap(sectionPart),
    ...listPart(root, 'sources'),
    ...listPart(root, 'wakeUps'),
    networkPart(),
  ];
  return `${parts.join('\n\n')}\n`;
}

const INTRODUCTION = `<!-- Generated from src/config by scripts/generate-docs.mjs; change it there. -->
# Configuration

\`dzd-telemetry run\` reads its settings from five places. Earlier ones win:

1. flags: \`--collector.interval 2s\`
2. environment variables: \`DZD_COLLECTOR_INTERVAL=2s\`; an empty one counts as not set
3. a YAML file: the one that \`--config\` or \`DZD_CONFIG\` names, else \`${DEFAULT_CONFIG_FILE}\` if it exists
4. the network that \`env\` names, for the endpoints and the program of the ledger
5. the defaults below

A key has the same name everywhere: \`ledger.rpcUrls\` in the tables is \`rpcUrls\` in the section \`ledger\` of a file, the flag
\`--ledger.rpcUrls\` and the variable \`DZD_LEDGER_RPC_URLS\`. A list replaces a list as a whole. In a flag or a variable, separate the URLs of
\`ledger.rpcUrls\` by commas. Write other lists in YAML's one-line form, which includes JSON: \`'[show version, bgp-sockets]'\`.

- Durations are a number and a unit: \`250ms\`, \`5s\`, \`1.5h\`, \`2d\`.
- Paths in a file are relative to the folder of that file.
- Files are UTF-8, with or without a byte order mark; UTF-16 is refused by name. This applies to secret and key files, too.
- Text that YAML reads as a number, as true or false, or as nothing needs quotes: \`username: "007"\`, \`vrfs: ["100"]\`, \`community: "#a"\`. A value
  without them is refused, and the message shows it with quotes. \`yes\`, \`no\`, \`on\`, \`off\` and dates are text (YAML 1.2).
- Secrets (passwords, communities) are not accepted as flags. Put each into its own file, one line, readable by the agent's user only, and
  name it in \`passwordFile\` or \`communityFile\`; with systemd's LoadCredential that is \`/run/credentials/UNIT/NAME\`.
- A reload (SIGHUP, or \`POST /-/reload\`) applies every setting but \`device\`, \`keypair\`, \`log\` and \`http\`. Those need a restart, and the log names
  the ones that changed. A reload reads secret files again, but a new key in the same key file, or a new token, needs a restart.
- An unknown key, a value out of bounds or contradictory settings end the command with exit code 2 before anything starts. Each problem is one
  line that names the line of the file, the variable or the flag.

The folder \`config/\` has an annotated file for each network, and \`docs/configuration.schema.json\` is a JSON Schema for editors.`;

function sectionPart(section: SettingNode): readonly string[] {
  const children = [...section.children.values()];
  const inner = children.filter((node) => node.meta.form === 'section');
  const own = settingTable(children.filter((node) => node.meta.form !== 'section'));
  return [`### ${section.key}`, section.meta.description, own, ...inner.flatMap(sectionPart)];
}

function settingTable(nodes: readonly SettingNode[]): string {
  const rows = nodes.map((node) => [
    `\`${node.key}\`<br>\`${environmentNameOf(node.key)}\``,
    node.meta.description,
    expectsText(node),
    code(defaultText(node)),
  ]);
  return table(['Key and variable', 'What it does', 'Expects', 'Default'], rows);
}

const LISTS = {
  sources: { title: '## Sources', item: 'source', note: 'Source names must differ. docs/sources.md compares the sources.' },
  wakeUps: { title: '## Wake-ups', item: 'wake-up', note: 'Their names must differ from each other and from those of the sources.' },
} as const;

function listPart(root: SettingNode, name: keyof typeof LISTS): readonly string[] {
  const { title, item, note } = LISTS[name];
  const list = root.children.get('collector')?.children.get(name);
  if (list === undefined) throw new Error(`the schema has no collector.${name}`);
  const variants = [...list.variants].flatMap(([type, variant]) => [
    `### A ${item} of type ${type}`,
    variant.meta.description,
    table(
      ['Key', 'What it does', 'Expects', 'Default'],
      [
        typeRow(type, item),
        ...flatFields(variant)
          .filter((field) => field.name !== 'type')
          .flatMap(sourceRows),
      ],
    ),
  ]);
  return [title, `${list.meta.description} ${note}`, ...variants];
}

const typeRow = (type: string, item: string): readonly string[] => ['`type`', `The type of this ${item}.`, code(type), 'required'];

function sourceRows({ name, node }: { readonly name: string; readonly node: SettingNode }): readonly (readonly string[])[] {
  const row = [`\`${name}\``, node.meta.description, expectsText(node), code(defaultText(node))];
  const items = [...node.variants.values()].flatMap((variant) => flatFields(variant, `${name}[].`));
  return [row, ...items.flatMap(sourceRows)];
}

const networkPart = (): string => `## Networks

${table(
  ['`env`', 'Also', '`ledger.rpcUrls`', '`ledger.programId`'],
  NETWORKS.map(({ name, aliases, rpcUrl, programId }) => [code(name), aliases.map(code).join(', '), code(rpcUrl), code(programId)]),
)}`;

/** Results of `defaultText` that are words, not values. */
const NO_VALUES = ['required', 'none', 'that of the network'];

function code(text: string): string {
  return NO_VALUES.includes(text) ? text : `\`${text}\``;
}

/** A table with columns of even width, as the formatter of this repository has it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], fill: string): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`;
  const [first = [], ...others] = cells;
  return [
    line(first, ' '),
    line(
      head.map(() => '-'),
      '-',
    ),
    ...others.map((row) => line(row, ' ')),
  ].join('\n');
}
