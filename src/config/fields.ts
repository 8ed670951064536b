import * as z from 'zod';
import { isAddress } from '../serviceability/index.ts';

/** The longest first: a duration prints in the largest unit without a remainder. */
const UNITS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

/**
 * Parses a number with one unit of ms, s, m, h or d ("250ms", "5s", "1.5h").
 * Returns whole milliseconds, or undefined for other text and for fractions of a millisecond.
 */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit = ''] = DURATION.exec(text) ?? [];
  const size = UNITS[unit];
  if (size === undefined) return undefined;
  const ms = Math.round(Number(amount) * size * 1_000) / 1_000;
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** The shortest text that `parseDuration` reads back as the same number of milliseconds. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  const [unit, size] = Object.entries(UNITS).find(([, each]) => ms % each === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

/** How a value is written: decides how text becomes a value, and how a value is printed. */
type SettingForm = 'text' | 'choice' | 'number' | 'boolean' | 'duration' | 'file' | 'publicKey' | 'urls' | 'list' | 'section';

export interface SettingMeta {
  /** What the setting does, a sentence. */
  readonly description: string;
  /** Completes "expected …". */
  readonly expects: string;
  readonly form: SettingForm;
  /** Of the parsed value. */
  readonly unit?: string;
  /** Whether the network of `env` presets it. */
  readonly ofNetwork?: boolean;
  /** Whether a reload may change it; otherwise it needs a restart. */
  readonly reloadable: boolean;
  /** Never printed, never taken from a flag. */
  readonly secret: boolean;
  /** The valid value that an invalid text probably meant. */
  readonly guess?: (text: string) => string | undefined;
}

/** The message of an issue that `expects` describes completely. */
export const NOT_AS_EXPECTED = 'not as expected';

/** Descriptions of the fields of the schema. */
export const settings = z.registry<SettingMeta>();

/** What the documentation of a field says. */
export interface About {
  readonly description: string;
  /** Default true. */
  readonly reloadable?: boolean;
  readonly ofNetwork?: boolean;
}

/** The form of a field's values. */
type Shape = Pick<SettingMeta, 'expects' | 'form' | 'unit' | 'guess'> & { readonly secret?: boolean };

const metaOf = ({ description, reloadable = true, ofNetwork = false }: About, shape: Shape): SettingMeta => ({
  description,
  reloadable,
  ofNetwork,
  secret: false,
  ...shape,
});

/** Registers the description of a field, and returns the field. */
export function described<T extends z.ZodType>(field: T, options: About, shape: Shape): T {
  settings.add(field, metaOf(options, shape));
  return field;
}

/** A mapping of settings. */
export const section = (description: string): SettingMeta => metaOf({ description }, { expects: 'a section of settings', form: 'section' });

/** A duration with its unit; milliseconds once parsed. Bounds are inclusive. */
export function duration(options: About & { readonly default: string; readonly min: string; readonly max: string }) {
  const min = parseDuration(options.min) ?? 0;
  const max = parseDuration(options.max) ?? Number.MAX_SAFE_INTEGER;
  const bounds = `from ${options.min} to ${options.max}`;
  const field = z.string().transform((text, context): number => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= min && ms <= max) return ms;
    context.addIssue({ code: 'custom', message: ms === undefined ? NOT_AS_EXPECTED : `expected ${bounds}, got "${formatDuration(ms)}"` });
    return z.NEVER;
  });
  const expects = `a duration such as "${options.default}"`;
  return described(field.prefault(options.default), options, { expects, form: 'duration', unit: 'milliseconds' });
}

/** A whole number; bounds are inclusive. */
export function wholeNumber(
  options: About & { readonly default: number; readonly min: number; readonly max: number; readonly unit?: string },
) {
  const { default: standard, min, max, unit } = options;
  const field = z.int().min(min).max(max).prefault(standard);
  return described(field, options, { expects: `a whole number from ${min} to ${max}`, form: 'number', unit });
}

export const SHARE_UNIT = 'share of one';

/** A part of one; bounds are inclusive. */
export function share(options: About & { readonly default: number; readonly min: number; readonly max: number }) {
  const { default: standard, min, max } = options;
  const field = z.number().min(min).max(max).prefault(standard);
  return described(field, options, { expects: `a number from ${min} to ${max}`, form: 'number', unit: SHARE_UNIT });
}

export function yesOrNo(options: About & { readonly default: boolean }) {
  return described(z.boolean().prefault(options.default), options, { expects: 'true or false', form: 'boolean' });
}

/** One of the names in `of`. */
export function choice<const T extends readonly [string, ...string[]]>(options: About & { readonly of: T; readonly default: T[number] }) {
  return described(z.enum(options.of).prefault(options.default), options, { expects: orList(options.of), form: 'choice' });
}

/** Text that is not empty and has neither white space at its ends nor control characters. */
export function text(options: About & { readonly expects: string; readonly max?: number }) {
  return described(plainText(options.max), options, { expects: options.expects, form: 'text' });
}

/** A secret: read from files and the environment only, never printed. */
export function secretText(options: About & { readonly expects: string }) {
  return described(plainText(256), options, { expects: options.expects, form: 'text', secret: true });
}

/**
 * A plausible path. Text that begins like JSON, or has sixty letters and digits in a row, is a key that was pasted in place of a path; messages
 * repeat paths, so it must be refused.
 */
export const PATH_SHAPE = /^(?![0-9A-Za-z]{60,}$|~\/|\$\w|\$\{)[^[{]/;

/** A path that a shell would expand; this program does not. */
export const UNEXPANDED = /^(?:~\/|\$\w|\$\{)/;

/** A path. In a configuration file, a relative one is taken from that file's folder. */
export function filePath(options: About) {
  return described(plainText(4_096).regex(PATH_SHAPE), options, { expects: 'the path of a file', form: 'file' });
}

/** A host by name or address; its port is another setting. */
export function hostName(options: About) {
  const guess = (text: string): string | undefined => {
    const [, host, port] = /^(?:\w+:\/\/)?\[?([^\s/@[\]]+?)\]?(?::(\d{1,5}))?\/?$/.exec(text) ?? [];
    return host === undefined ? undefined : `"${host}"${port === undefined ? '' : ` with port: ${port}`}`;
  };
  const field = plainText(255).regex(/^(?:[^\s/:@[\]]+|[0-9a-fA-F:.]+)$/);
  return described(field, options, { expects: 'a host name or address, without a port', form: 'text', guess });
}

/** The absolute path of a system folder. */
export function systemFolder(options: About & { readonly default: string }) {
  const field = plainText(4_096).regex(/^\//).prefault(options.default);
  return described(field, options, { expects: 'the absolute path of a folder', form: 'text' });
}

/** A 32-byte public key in base58. */
export function publicKey(options: About) {
  const field = parsedText((value) => (isAddress(value) ? value : undefined));
  return described(field, options, { expects: 'a public key in base58 (32 bytes)', form: 'publicKey' });
}

/** Text that stands for another value; `parse` returns undefined for text that does not. */
export function parsedText<T>(parse: (text: string) => T | undefined) {
  return z.string().transform((text, context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: NOT_AS_EXPECTED });
    return z.NEVER;
  });
}

/** "a, b or c". */
export function orList(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}

function plainText(max = 200) {
  return z
    .string()
    .min(1)
    .max(max)
    .regex(/^(?!\s)\P{Cc}*(?<!\s)$/u);
}
