/** BER tags of the values that the simulated agent answers with. */
export const TYPE = {
  integer: 0x02,
  octetString: 0x04,
  ipAddress: 0x40,
  counter32: 0x41,
  gauge32: 0x42,
  timeTicks: 0x43,
  noSuchObject: 0x80,
  noSuchInstance: 0x81,
  endOfMibView: 0x82,
} as const;

export type Oid = readonly number[];

export interface MibValue {
  readonly type: (typeof TYPE)[keyof typeof TYPE];
  readonly value: number | string;
}

export interface MibVarBind extends MibValue {
  readonly oid: Oid;
}

/** A scalar (one instance, `[0]`) or a table's column (an instance a row). */
export interface MibObject {
  readonly oid: Oid;
  /** In order. */
  readonly instances: readonly Oid[];
  read(position: number): MibValue;
}

/** GET of one name, with v2c's exceptions where there is nothing (RFC 3416 section 4.2.1). `objects` are in the order of their names. */
export function readAt(objects: readonly MibObject[], oid: Oid): MibVarBind {
  const object = objects.find((candidate) => startsWith(oid, candidate.oid));
  if (object === undefined) return { oid, type: TYPE.noSuchObject, value: 'noSuchObject' };
  const instance = oid.slice(object.oid.length);
  const position = firstAfter(object.instances, instance) - 1;
  const found = object.instances[position];
  if (found === undefined || compareOids(found, instance) !== 0) return { oid, type: TYPE.noSuchInstance, value: 'noSuchInstance' };
  return { oid, ...object.read(position) };
}

/** GETNEXT of one name: what follows it in lexicographic order, or endOfMibView (RFC 3416 section 4.2.2). */
export function readAfter(objects: readonly MibObject[], oid: Oid): MibVarBind {
  for (const object of objects) {
    const inside = startsWith(oid, object.oid);
    if (!inside && compareOids(oid, object.oid) > 0) continue;
    const position = inside ? firstAfter(object.instances, oid.slice(object.oid.length)) : 0;
    const instance = object.instances[position];
    if (instance !== undefined) return { oid: [...object.oid, ...instance], ...object.read(position) };
  }
  return { oid, type: TYPE.endOfMibView, value: 'endOfMibView' };
}

/** Lexicographic order (RFC 3416 section 2.2): number by number, and a name before those that it begins. */
export function compareOids(left: Oid, right: Oid): number {
  for (const [position, part] of left.entries()) {
    const other = right[position];
    if (other === undefined) return 1;
    if (part !== other) return part - other;
  }
  return left.length - right.length;
}

function startsWith(oid: Oid, root: Oid): boolean {
  return root.every((part, position) => oid[position] === part);
}

/** Position of the first instance that comes after `instance`. */
function firstAfter(instances: readonly Oid[], instance: Oid): number {
  let low = 0;
  let high = instances.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareOids(instances[middle] ?? [], instance) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}
