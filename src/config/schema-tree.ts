import { parse } from 'yaml';
import * as z from 'zod';
import { hostInUrl, isRecord } from '../lib/index.ts';
import { formatDuration, type SettingMeta, settings } from './fields.ts';
import { configSchema } from './schema.ts';

/** One field, section or list of the schema, for documents, flags and messages. */
export interface SettingNode {
  /** `collector.interval`; inside a list `collector.sources[].url`. Empty for the root. */
  readonly key: string;
  /** The last part of the key. */
  readonly name: string;
  readonly meta: SettingMeta;
  /** The default as it would be written; undefined without one. */
  readonly default?: unknown;
  readonly required: boolean;
  /** Settings of a section by name; empty for a value and for a list. */
  readonly children: ReadonlyMap<string, SettingNode>;
  /** Shapes of a list's items by their `type`; a list of one shape has it under the empty name. Empty for everything else. */
  readonly variants: ReadonlyMap<string, SettingNode>;
}

/** The schema as a tree. Throws when a field of the schema has no description. */
export function settingTree(): SettingNode {
  return nodeOf('', '', configSchema);
}

/** The settings that have a flag and an environment variable: all outside of lists, in the order of the schema. */
export function plainSettings(node: SettingNode): readonly SettingNode[] {
  if (node.meta.form !== 'section') return [node];
  return [...node.children.values()].flatMap(plainSettings);
}

/** The node of `path`, or the nearest one above it. `value` selects the shape of a list's item. */
export function nodeAt(root: SettingNode, path: readonly PropertyKey[], value: unknown): SettingNode {
  const [step, ...rest] = path;
  if (step === undefined) return root;
  const inner = member(value, step);
  const next = typeof step === 'number' ? (itemNode(root, inner) ?? root.variants.values().next().value) : root.children.get(String(step));
  return next === undefined ? root : nodeAt(next, rest, inner);
}

/** The shape of a list's item: by its `type`, or the only one. */
function itemNode(list: SettingNode, item: unknown): SettingNode | undefined {
  return list.variants.get(String(member(item, 'type'))) ?? list.variants.get('');
}

/**
 * Replaces each setting in the value by the result of `change`. What does not have the schema's shape stays unchanged, for the validation to
 * refuse.
 */
export function mapSettings(node: SettingNode, value: unknown, change: (node: SettingNode, value: unknown) => unknown): unknown {
  if (node.meta.form === 'section') {
    if (!isRecord(value)) return value;
    const entries = Object.entries(value).map(([name, inner]) => {
      const child = node.children.get(name);
      return [name, child === undefined ? inner : mapSettings(child, inner, change)] as const;
    });
    return Object.fromEntries(entries);
  }
  if (node.variants.size === 0 || !Array.isArray(value)) return change(node, value);
  return value.map((item) => {
    const shape = itemNode(node, item);
    return shape === undefined ? item : mapSettings(shape, item, change);
  });
}

const HIDDEN = '(hidden)';

/**
 * A validated value as a person would write it, without secrets: those are replaced, of an http, https or grpc address only the origin is left, and what
 * the schema does not know is hidden. Pure.
 */
export function shareable(node: SettingNode, value: unknown): unknown {
  const { meta } = node;
  if (meta.secret) return HIDDEN;
  if (meta.form === 'section') {
    const given = [...node.children].filter(([name]) => member(value, name) !== undefined);
    return Object.fromEntries(given.map(([name, child]) => [name, shareable(child, member(value, name))]));
  }
  if (Array.isArray(value)) {
    return value.map((item) => {
      const shape = itemNode(node, item);
      return shape === undefined ? shareableText(item) : shareable(shape, item);
    });
  }
  if (meta.form === 'duration' && typeof value === 'number') return formatDuration(value);
  const [host, port] = [member(value, 'host'), member(value, 'port')];
  return typeof host === 'string' && typeof port === 'number' ? `${hostInUrl(host)}:${port}` : shareableText(value);
}

function shareableText(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value !== 'string') return HIDDEN;
  if (!value.includes('://') || value.startsWith('unix://')) return value;
  if (!URL.canParse(value)) return HIDDEN;
  const { protocol, host, href } = new URL(value);
  const origin = `${protocol}//${host}`;
  return href === origin || href === `${origin}/` ? origin : `${origin}/${HIDDEN}`;
}

/** A member of an object or array of unknown shape. */
export function member(value: unknown, name: PropertyKey): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

function nodeOf(key: string, name: string, schema: unknown): SettingNode {
  const { core, meta, optional, standard } = unwrap(schema);
  if (meta === undefined) throw new Error(`the schema has no description of ${key || 'its root'}`);
  const children = core instanceof z.ZodObject ? childrenOf(key, core) : new Map<string, SettingNode>();
  const variants = core instanceof z.ZodArray && meta.form === 'list' ? variantsOf(key, core, meta) : new Map<string, SettingNode>();
  const required = !optional && standard === undefined;
  return { key, name, meta, required, children, variants, default: standard };
}

function childrenOf(key: string, object: z.ZodObject): Map<string, SettingNode> {
  const entries = Object.entries(object.shape);
  return new Map(entries.map(([name, field]) => [name, nodeOf(key === '' ? name : `${key}.${name}`, name, field)]));
}

function variantsOf(key: string, list: z.ZodArray, meta: SettingMeta): Map<string, SettingNode> {
  const { core: item, meta: ofItem } = unwrap(list.def.element);
  const shapes = item instanceof z.ZodDiscriminatedUnion ? item.options.map((option) => unwrap(option).core) : [item];
  const variants = new Map<string, SettingNode>();
  for (const shape of shapes) {
    if (!(shape instanceof z.ZodObject)) continue;
    const children = childrenOf(`${key}[]`, shape);
    const type = shape.shape.type instanceof z.ZodLiteral ? String(shape.shape.type.value) : '';
    const description = children.get('type')?.meta.description ?? meta.description;
    variants.set(type, {
      key: `${key}[]`,
      name: type,
      meta: { ...meta, description, expects: ofItem?.expects ?? 'a section of settings', form: 'section' },
      required: true,
      children,
      variants: new Map(),
    });
  }
  return variants;
}

interface Unwrapped {
  readonly core: unknown;
  readonly meta?: SettingMeta;
  readonly optional: boolean;
  readonly standard?: unknown;
}

/** Removes the wrappers of a type: defaults, optionality, transformations. */
function unwrap(schema: unknown): Unwrapped {
  const meta = schema instanceof z.ZodType ? settings.get(schema) : undefined;
  const inner = innerOf(schema);
  if (inner === undefined) return { core: schema, meta, optional: false };
  const below = unwrap(inner);
  return {
    core: below.core,
    meta: meta ?? below.meta,
    optional: below.optional || schema instanceof z.ZodExactOptional,
    standard: schema instanceof z.ZodPrefault ? schema.def.defaultValue : below.standard,
  };
}

function innerOf(schema: unknown): unknown {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodExactOptional) return schema.def.innerType;
  // `preprocess` has its transformation in front, `transform` behind.
  if (schema instanceof z.ZodPipe) return schema.def.in instanceof z.ZodTransform ? schema.def.out : schema.def.in;
  return undefined;
}

/** The environment variable of a setting: `ledger.rpcUrls` is DZD_LEDGER_RPC_URLS. */
export function environmentNameOf(key: string): string {
  return `DZD_${key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`;
}

/**
 * The value of a flag or an environment variable as a file would have it. Invalid text stays text, so that the validation reports what it
 * expected. A list of addresses is separated by commas; a list of sections is in YAML's one-line form, which includes JSON.
 */
export function valueFromText(node: SettingNode, text: string): unknown {
  switch (node.meta.form) {
    case 'number':
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'urls':
      return text.split(',').map((part) => part.trim());
    case 'list':
      return valueFromYaml(text);
    case 'section':
    case 'text':
    case 'choice':
    case 'duration':
    case 'file':
    case 'publicKey':
      return text;
  }
}

/** The value of text in YAML's one-line form; text that is not YAML stays text. */
export function valueFromYaml(text: string): unknown {
  if (nestsTooDeep(text)) return text;
  try {
    return parse(text, { maxAliasCount: 0, prettyErrors: false, logLevel: 'silent', stringKeys: true });
  } catch {
    return text;
  }
}

/** Settings nest eight deep. */
export const MAX_LEVELS = 32;
/** More columns of indentation than settings ever have; `- - - -` nests as well. */
const DEEP_INDENTATION = /^[ \t?:-]{128,}[^\s]/m;

/**
 * Whether the text nests deeper than any configuration does, by its brackets, quoted ones included, or by its indentation. The YAML parser takes
 * 100 MB for 5,000 levels, and ends the process at some more.
 */
export function nestsTooDeep(text: string): boolean {
  let levels = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    levels = '[{'.includes(bracket) ? levels + 1 : Math.max(0, levels - 1);
    if (levels > MAX_LEVELS) return true;
  }
  return DEEP_INDENTATION.test(text);
}
