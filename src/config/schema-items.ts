import { z } from 'zod';
import { about, duration, type SettingMeta, text } from './setting.ts';

/** What the items of the lists of sources and of wake-ups have in common. */

export const sourceName = () =>
  z.exactOptional(
    text({
      description: 'Name in logs and metrics; by default the type, numbered when it occurs more than once.',
      expects: 'a short name',
      max: 40,
    }),
  );

export const sourceTimeout = (standard: string, description: string) =>
  duration({ default: standard, min: '100ms', max: '1m', description });

/** The setting that says which of the shapes `expects` an item has. */
export const typeOf = (description: string, expects: string): SettingMeta => ({ ...about({ description }), expects, form: 'choice' });

/** Names an item by its type, and by its type and a number from the second of its kind on. */
export function defaultName(list: readonly { readonly type: string }[], index: number): string {
  const type = list[index]?.type ?? '';
  const earlier = list.slice(0, index).filter((other) => other.type === type).length;
  return earlier === 0 ? type : `${type}-${earlier + 1}`;
}
