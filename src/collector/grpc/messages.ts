import protobuf from 'protobufjs/light.js';
import { isRecord } from '../../lib/index.ts';

/*
 * The few messages of EosSdkRpc (package eos.remote) that are read and written here, by their field numbers. Fields that nobody looks at are
 * left out: protobuf skips them.
 */

const { Field, Type } = protobuf;

/** `EapiMgrService.run_show_cmd(RunShowCmdRequest) → RunShowCmdResponse`. */
export const RUN_SHOW_CMD = '/eos.remote.EapiMgrService/run_show_cmd';
/** `BgpMgrService.watch(BgpPeerWatchRequest) → stream BgpPeerWatchResponse`. */
export const WATCH_BGP = '/eos.remote.BgpMgrService/watch';

const runShowCmdRequest = new Type('RunShowCmdRequest').add(new Field('command', 1, 'string'));

/** `responses` is text; as bytes, an answer of megabytes is not copied into a string before it is known what of it is wanted. */
const eapiResponse = new Type('EapiResponse')
  .add(new Field('success', 1, 'bool'))
  .add(new Field('errorCode', 2, 'uint32'))
  .add(new Field('errorMessage', 3, 'string'))
  .add(new Field('responses', 4, 'bytes', 'repeated'));

const runShowCmdResponse = new Type('RunShowCmdResponse').add(eapiResponse).add(new Field('response', 1, 'EapiResponse'));

const bgpPeerWatchRequest = new Type('BgpPeerWatchRequest').add(new Field('ack', 1, 'bool')).add(new Field('all', 2, 'bool'));

/** What was set, what was removed, and in which state it is: each but a reason to look, so the key and the state stay unread. */
const bgpPeerWatchResponse = new Type('BgpPeerWatchResponse')
  .add(new Field('onPeerSet', 2, 'bytes'))
  .add(new Field('onPeerDel', 3, 'bytes'))
  .add(new Field('onPeerState', 4, 'bytes'));

export function encodeShowCommand(command: string): Uint8Array {
  return runShowCmdRequest.encode({ command }).finish();
}

/** Watches every peer of every VRF, and has the switch say that it does. */
export function encodeWatchAll(): Uint8Array {
  return bgpPeerWatchRequest.encode({ ack: true, all: true }).finish();
}

/** What `run_show_cmd` answered. */
export type ShowResponse =
  | { readonly kind: 'answered'; readonly json: Buffer }
  | { readonly kind: 'failed'; readonly code: number; readonly message: string }
  | { readonly kind: 'malformed'; readonly problem: string };

/** Reads a RunShowCmdResponse: one command, so one response, which is JSON text. */
export function decodeShowResponse(bytes: Uint8Array): ShowResponse {
  const fields = fieldsOf(runShowCmdResponse, bytes);
  if (fields === undefined) return { kind: 'malformed', problem: 'it is no RunShowCmdResponse' };
  const { response } = fields;
  if (!isRecord(response)) return { kind: 'malformed', problem: 'it has no response in it' };
  const { success, errorCode, errorMessage, responses } = response;
  if (success !== true) {
    const code = typeof errorCode === 'number' ? errorCode : 0;
    return { kind: 'failed', code, message: typeof errorMessage === 'string' ? errorMessage : '' };
  }
  const [json]: readonly unknown[] = Array.isArray(responses) ? responses : [];
  return Buffer.isBuffer(json) ? { kind: 'answered', json } : { kind: 'malformed', problem: 'it succeeded without a response' };
}

/** Whether a BgpPeerWatchResponse tells of a peer; an acknowledgement does not, nor does what cannot be read. */
export function tellsOfPeer(bytes: Uint8Array): boolean {
  const fields = fieldsOf(bgpPeerWatchResponse, bytes) ?? {};
  return ['onPeerSet', 'onPeerDel', 'onPeerState'].some((name) => fields[name] !== undefined);
}

/** The fields that the message has; undefined when the bytes are no such message. */
function fieldsOf(type: protobuf.Type, bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    return type.toObject(type.decode(bytes));
  } catch {
    return undefined;
  }
}
