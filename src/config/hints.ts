import { type SettingMeta, SHARE_UNIT } from './setting.ts';
import { nearest } from './suggest.ts';

const UNIT_WORDS: Readonly<Record<string, string>> = {
  '': 's',
  s: 's',
  sec: 's',
  secs: 's',
  second: 's',
  seconds: 's',
  ms: 'ms',
  msec: 'ms',
  millis: 'ms',
  millisecond: 'ms',
  milliseconds: 'ms',
  m: 'm',
  min: 'm',
  mins: 'm',
  minute: 'm',
  minutes: 'm',
  h: 'h',
  hr: 'h',
  hrs: 'h',
  hour: 'h',
  hours: 'h',
  d: 'd',
  day: 'd',
  days: 'd',
};
const YES = ['yes', 'on', 'true', 'y', '1'];
const NO = ['no', 'off', 'false', 'n', '0'];

/**
 * What a person who wrote this value most likely meant, as it would be written; undefined where there is no good guess. Never called for a value
 * that may be a secret.
 */
export function meant({ form, expects, unit, guess }: SettingMeta, value: unknown): string | undefined {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value).trim() : undefined;
  if (text === undefined) return undefined;
  switch (form) {
    case 'duration':
      return durationMeant(text);
    case 'number':
      return numberMeant(text, typeof value === 'string', unit);
    case 'boolean':
      return YES.includes(text.toLowerCase()) ? 'true' : NO.includes(text.toLowerCase()) ? 'false' : undefined;
    case 'choice':
      return choiceMeant(text, expects);
    default:
      return guess?.(text);
  }
}

function numberMeant(text: string, isQuoted: boolean, unit: string | undefined): string | undefined {
  const [, percent, sign] = /^(\d{1,2}(?:\.\d+)?)\s*(%?)$/.exec(text) ?? [];
  if (unit === SHARE_UNIT && percent !== undefined && (sign === '%' || Number(percent) > 1)) return String(Number(percent) / 100);
  return isQuoted && /^\d[\d,_ ]*$/.test(text) ? text.replaceAll(/[,_ ]/g, '') : undefined;
}

function durationMeant(text: string): string | undefined {
  const [, amount, word = ''] = /^(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)\.?$/i.exec(text) ?? [];
  const unit = UNIT_WORDS[word.toLowerCase()];
  return amount === undefined || unit === undefined ? undefined : `"${amount}${unit}"`;
}

function choiceMeant(text: string, expects: string): string | undefined {
  // Of names as short as versions each is as near as the other.
  const names = expects.split(/, | or /).filter((name) => name.length > 2);
  const longer = names.filter((name) => text.length > 2 && (name.startsWith(text.toLowerCase()) || text.toLowerCase().startsWith(name)));
  const found = nearest(text, names) ?? (longer.length === 1 ? longer[0] : undefined);
  return found === undefined ? undefined : `"${found}"`;
}
