import { ObjectType, type Varbind } from 'net-snmp';
import { TAG } from './ber.ts';
import { DisorderlyAgent, type SnmpValue, type VarBind } from './response.ts';

/** Throws DisorderlyAgent for values that no agent may send. */
export function varbindOf({ oid, type, value }: Varbind): VarBind {
  return { oid: oid.split('.').map(Number), value: cellOf(type, value) };
}

function cellOf(type: ObjectType | undefined, value: unknown): SnmpValue {
  switch (type) {
    case ObjectType.Integer:
      return { kind: 'integer', value: numberIn(value, -(2 ** 31), 2 ** 31 - 1) };
    case ObjectType.Counter:
      return { kind: 'unsigned', type: 'counter32', value: numberIn(value, 0, 2 ** 32 - 1) };
    case ObjectType.Gauge:
      return { kind: 'unsigned', type: 'gauge32', value: numberIn(value, 0, 2 ** 32 - 1) };
    case ObjectType.TimeTicks:
      return { kind: 'unsigned', type: 'timeTicks', value: numberIn(value, 0, 2 ** 32 - 1) };
    case ObjectType.OctetString:
      return Buffer.isBuffer(value) ? { kind: 'octets', value } : { kind: 'other', tag: TAG.octetString };
    case ObjectType.NoSuchObject:
      return { kind: 'exception', exception: 'noSuchObject' };
    case ObjectType.NoSuchInstance:
      return { kind: 'exception', exception: 'noSuchInstance' };
    case ObjectType.EndOfMibView:
      return { kind: 'exception', exception: 'endOfMibView' };
    default:
      return { kind: 'other', tag: Number(type ?? 0) };
  }
}

function numberIn(value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
    throw new DisorderlyAgent('a number that does not fit its type');
  return value;
}
