import type { SwitchFaults } from '../switch-faults.ts';
import { type AgentRequest, encodeAnswer } from './answer.ts';
import { type MibObject, type MibVarBind, TYPE } from './mib-view.ts';

/** The view as the fault `empty` leaves it: with the scalars, whose one instance has one number. */
export function shown(objects: readonly MibObject[], faults: SwitchFaults): readonly MibObject[] {
  return faults.current('empty') === undefined ? objects : objects.filter(({ instances }) => instances[0]?.length === 1);
}

/** The faults that touch what the answer says. */
export function distorted(request: AgentRequest, varbinds: readonly MibVarBind[], faults: SwitchFaults): Buffer {
  const typed = faults.current('wrong-types') === undefined ? varbinds : varbinds.map(asText);
  const requestId = request.requestId ^ (faults.current('wrong-request-id') === undefined ? 0 : 1);
  return encodeAnswer({ ...request, requestId }, typed);
}

function asText({ oid, value }: MibVarBind): MibVarBind {
  return { oid, type: TYPE.octetString, value: String(value) };
}

/** The faults that touch the datagram, whatever is in it. */
export function framed(bytes: Buffer, faults: SwitchFaults): Buffer {
  if (faults.current('garbage') !== undefined) return Buffer.from('HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n');
  return faults.current('cut') === undefined ? bytes : bytes.subarray(0, bytes.length >> 1);
}
