import { existsSync } from 'node:fs';
import { crossCheck } from './cross-checks.ts';
import { stackLayers } from './layers.ts';
import { type KeyProblem, problemsOf, refusal } from './problems.ts';
import { warnIfOpenToOthers } from './read-file.ts';
import { type AgentConfig, configSchema } from './schema.ts';
import { member, settingTree } from './setting-tree.ts';
import { readConfigFile } from './yaml-file.ts';

/** Read when nothing else is named and it exists. */
export const DEFAULT_CONFIG_FILE = '/etc/dzd-telemetry/config.yaml';

export interface LoadConfigOptions {
  /** The file that `--config` names. */
  readonly file?: string;
  /** Values of flags by setting: `{ 'collector.interval': '2s' }`. */
  readonly flags?: Readonly<Record<string, string>>;
  /** The process's environment; only names that begin with DZD_ matter. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Instead of DEFAULT_CONFIG_FILE. */
  readonly defaultFile?: string;
}

export interface LoadedConfig {
  readonly config: AgentConfig;
  /** The file that was read, if any. */
  readonly file?: string;
  /** Allowed, but hardly meant; one line each, for the log. */
  readonly warnings: readonly string[];
  /** Where the setting was written that has this value, a path or an address: `config.yaml:5`, a flag, a variable. Undefined for a default. */
  readonly placeOf: (value: string) => string | undefined;
}

/**
 * Puts the configuration together: flags win over environment over file over the network's preset over defaults. Lists are replaced as a whole.
 * Throws AgentError `CONFIG__…` with every problem that there is, each with the file and line, the variable or the flag that holds it.
 */
export function loadConfig(options: LoadConfigOptions): LoadedConfig {
  const root = settingTree();
  const path = options.file ?? (options.environment.DZD_CONFIG || defaultFileIfThere(options.defaultFile ?? DEFAULT_CONFIG_FILE));
  const file = path === undefined ? undefined : readConfigFile(path);
  const layers = stackLayers({ root, file, environment: options.environment, flags: options.flags ?? {} });

  const parsed = configSchema.safeParse(layers.value);
  const checked = parsed.success ? crossCheck(parsed.data) : undefined;
  const found = parsed.success
    ? (checked?.problems ?? [])
    : withoutEchoes(parsed.error.issues.flatMap((issue) => problemsOf(root, issue, layers.value)));
  const problems = [...layers.problems, ...found.map(layers.locate)];
  if (!parsed.success || problems.length > 0) throw refusal(problems);

  const open =
    file !== undefined && holdsCommunity(parsed.data)
      ? warnIfOpenToOthers('the configuration file', file.path, { openToOthers: file.openToOthers })
      : undefined;
  const warnings = [...layers.warnings, ...(checked?.warnings ?? []), ...(open === undefined ? [] : [open])];
  const placeOf = (wanted: string): string | undefined => {
    const path = pathOf(parsed.data, wanted);
    const isWritten = path?.reduce<unknown>(member, layers.value) !== undefined;
    return path === undefined || !isWritten ? undefined : layers.locate({ path, problem: '' }).where;
  };
  return { config: parsed.data, warnings, placeOf, ...(path === undefined ? {} : { file: path }) };
}

/** The way to the first setting with this value. An address to listen on has been read into its halves. */
function pathOf(value: unknown, wanted: string): readonly PropertyKey[] | undefined {
  if (value === wanted) return [];
  if (typeof value !== 'object' || value === null) return undefined;
  if (`${String(member(value, 'host'))}:${String(member(value, 'port'))}` === wanted) return [];
  for (const [name, inner] of Object.entries(value)) {
    const rest = pathOf(inner, wanted);
    if (rest !== undefined) return [Array.isArray(value) ? Number(name) : name, ...rest];
  }
  return undefined;
}

function holdsCommunity({ collector: { sources, wakeUps } }: AgentConfig): boolean {
  const ofVrfs = sources.flatMap((source) => (source.type === 'snmp' && source.vrfs !== 'auto' ? source.vrfs : []));
  return [...sources, ...wakeUps, ...ofVrfs].some((holder) => 'community' in holder && holder.community !== undefined);
}

function defaultFileIfThere(path: string): string | undefined {
  return existsSync(path) ? path : undefined;
}

/** With a network that is missing or misspelt, what it would have preset is missing too; only the first cause is worth a line. */
function withoutEchoes(problems: readonly KeyProblem[]): readonly KeyProblem[] {
  if (!problems.some(({ path }) => path[0] === 'env')) return problems;
  return problems.filter(({ path, problem }) => path[0] !== 'ledger' || !problem.startsWith('is required'));
}
