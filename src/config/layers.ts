import { dirname, resolve } from 'node:path';
import { findNetwork } from '../serviceability/index.ts';
import { type KeyProblem, type Problem, pathText } from './problems.ts';
import { PATH_SHAPE } from './setting.ts';
import { isMapping, mapSettings, member, plainSettings, type SettingNode } from './setting-tree.ts';
import { nearest } from './suggest.ts';
import { environmentNameOf, valueFromText } from './text-values.ts';
import type { ConfigFile } from './yaml-file.ts';

/** The layers of a configuration put on top of each other, not yet validated, and where each value came from. */
export interface Layers {
  readonly value: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
  /** What is wrong before any validation, such as a secret in a flag. */
  readonly problems: readonly Problem[];
  /** Names the flag, the variable or the line of the file to which the problem belongs. */
  locate(problem: KeyProblem): Problem;
}

export interface LayersOptions {
  readonly root: SettingNode;
  readonly file: ConfigFile | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags: Readonly<Record<string, string>>;
}

/** Names of the environment that are ours and no settings. */
const OTHER_VARIABLES = ['DZD_CONFIG'];

export function stackLayers({ root, file, environment, flags }: LayersOptions): Layers {
  const value = file === undefined ? {} : fileValues(root, file);
  const problems: Problem[] = [];
  const origins = new Map<string, string>();
  const nodes = plainSettings(root);

  for (const node of nodes) {
    const name = environmentNameOf(node.key);
    const flag = flags[node.key];
    // An empty variable is one that a unit or a compose file left blank: not set.
    const text = flag ?? (environment[name] || undefined);
    if (text === undefined) continue;
    const origin = flag === undefined ? name : `--${node.key}`;
    const given = valueFromText(node, text);
    if (flag !== undefined) problems.push(...secretsIn(node, given, origin));
    put(value, node.key, given);
    origins.set(node.key, origin);
  }
  addPreset(value);

  return {
    value,
    problems,
    warnings: strangers(nodes, environment),
    locate: ({ path, problem }) => {
      const key = pathText(path);
      const origin = [...origins].find(([setting]) => key === setting || key.startsWith(`${setting}[`))?.[1];
      if (origin !== undefined || file === undefined) return { where: origin ?? 'configuration', key, problem };
      const line = file.lineOf(path);
      return { where: `${file.path}:${line}`, line, key, problem };
    },
  };
}

/** The file's values: paths in it are relative to its folder, and a section of which every line is commented out is empty, not wrong. */
function fileValues(root: SettingNode, file: ConfigFile): Record<string, unknown> {
  const folder = dirname(file.path);
  const absolute = mapSettings(root, file.value, ({ meta }, value) =>
    meta.form === 'file' && typeof value === 'string' && PATH_SHAPE.test(value) ? resolve(folder, value) : value,
  );
  const entries = isMapping(absolute) ? Object.entries(absolute) : [];
  return Object.fromEntries(entries.map(([name, value]) => [name, value === null && isSection(root, name) ? {} : value]));
}

const isSection = (root: SettingNode, name: string): boolean => root.children.get(name)?.meta.form === 'section';

function addPreset(value: Record<string, unknown>): void {
  const network = typeof value.env === 'string' ? findNetwork(value.env) : undefined;
  if (network === undefined) return;
  if (member(value.ledger, 'rpcUrls') === undefined) put(value, 'ledger.rpcUrls', [network.rpcUrl]);
  if (member(value.ledger, 'programId') === undefined) put(value, 'ledger.programId', network.programId);
}

/** Sets a value of at most two levels. A section that the file has as something else stays, for the validation to refuse. */
function put(target: Record<string, unknown>, key: string, value: unknown): void {
  const [head = '', tail] = key.split('.');
  if (tail === undefined) target[head] = value;
  else if (target[head] === undefined) target[head] = { [tail]: value };
  else if (isMapping(target[head])) target[head] = { ...target[head], [tail]: value };
}

function secretsIn(node: SettingNode, value: unknown, where: string): readonly Problem[] {
  const found: Problem[] = [];
  mapSettings(node, value, (setting, inner) => {
    if (setting.meta.secret) found.push({ where, key: setting.key, problem: `a secret is not taken from a flag; use ${setting.name}File` });
    return inner;
  });
  return found;
}

/**
 * A misspelt variable would be passed over in silence, so it is named. It is no error: container platforms put variables of their own beside
 * ours, named after the service.
 */
function strangers(nodes: readonly SettingNode[], environment: LayersOptions['environment']): readonly string[] {
  const known = [...OTHER_VARIABLES, ...nodes.map((node) => environmentNameOf(node.key))];
  return Object.keys(environment)
    .filter((name) => name.startsWith('DZD_') && !known.includes(name))
    .sort()
    .map((name) => {
      const near = nearest(name, known);
      return `the variable ${name} sets nothing${near === undefined ? '' : `, did you mean ${near}?`}`;
    });
}
