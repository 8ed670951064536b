import { isRecord } from '../lib/index.ts';
import { type Slot, slot } from '../serviceability/index.ts';

/** The content of an answer does not have the shape that the method documents. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

export function asRecord(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new Malformed(`${what} is ${kindOf(value)}, not an object`);
  return value;
}

export function asArray(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Malformed(`${what} is ${kindOf(value)}, not a list`);
  return value;
}

export function asText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Malformed(`${what} is ${kindOf(value)}, not text`);
  return value;
}

/** A count that JSON carries without loss. */
export function asCount(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Malformed(`${what} is ${kindOf(value)}, not a whole number`);
  return value;
}

/** The `{context: {slot}, value}` in which most methods wrap their answer. */
export function asSlotted(result: unknown): { readonly slot: Slot; readonly value: unknown } {
  const wrapper = asRecord(result, 'the result');
  const at = asCount(asRecord(wrapper.context, 'context').slot, 'context.slot');
  if (!('value' in wrapper)) throw new Malformed('the result has no value');
  return { slot: slot(at), value: wrapper.value };
}

/**
 * The bytes of `[text, "base64"]`, the form of accounts in JSON-RPC. Node's decoder skips invalid characters, so the length shows whether all
 * were valid.
 */
export function asBase64Data(value: unknown, what: string): Buffer {
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== 'string' || value[1] !== 'base64') {
    throw new Malformed(`${what} is not [text, "base64"]`);
  }
  const text = value[0];
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const data = Buffer.from(text, 'base64');
  if (text.length % 4 !== 0 || data.length !== (text.length / 4) * 3 - padding) throw new Malformed(`${what} is not whole base64`);
  return data;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'object') return 'an object';
  return value === undefined ? 'missing' : `a ${typeof value}`;
}
