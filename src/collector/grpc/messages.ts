import protobuf from 'protobufjs/light.js';
import { isRecord } from '../../lib/index.ts';

/*
 * The messages of EosSdkRpc (package eos.remote) that the agent reads and writes, by their field numbers. Unused fields are left out: protobuf
 * skips them.
 */

const { Field, Type } = protobuf;

/** `EapiMgrService.run_show_cmd(RunShowCmdRequest) → RunShowCmdResponse`. */
export const RUN_SHOW_CMD = '/eos.remote.EapiMgrService/run_show_cmd';
/** `BgpMgrService.watch(BgpPeerWatchRequest) → stream BgpPeerWatchResponse`. */
export const WATCH_BGP = '/eos.remote.BgpMgrService/watch';

const runShowCmdRequest = new Type('RunShowCmdRequest').add(new Field('command', 1, 'string'));

/**
 * `responses` is text, one for one command; as bytes, an answer of megabytes is copied into a string only where it is parsed. As a list, a million
 * empty ones would take a hundred times their size; of several the last one is read.
 */
const eapiResponse = new Type('EapiResponse')
  .add(new Field('success', 1, 'bool'))
  .add(new Field('errorCode', 2, 'uint32'))
  .add(new Field('errorMessage', 3, 'string'))
  .add(new Field('responses', 4, 'bytes'));

const runShowCmdResponse = new Type('RunShowCmdResponse').add(eapiResponse).add(new Field('response', 1, 'EapiResponse'));

const bgpPeerWatchRequest = new Type('BgpPeerWatchRequest').add(new Field('ack', 1, 'bool')).add(new Field('all', 2, 'bool'));

/** A peer was configured, was removed, or changed its state. Each only triggers a poll, so key and state stay unread. */
const bgpPeerWatchResponse = new Type('BgpPeerWatchResponse')
  .add(new Field('onPeerSet', 2, 'bytes'))
  .add(new Field('onPeerDel', 3, 'bytes'))
  .add(new Field('onPeerState', 4, 'bytes'));

export function encodeShowCommand(command: string): Uint8Array {
  return runShowCmdRequest.encode({ command }).finish();
}

/** Watches every peer of every VRF, and asks the switch to acknowledge that. */
export function encodeWatchAll(): Uint8Array {
  return bgpPeerWatchRequest.encode({ ack: true, all: true }).finish();
}

/** The answer to `run_show_cmd`. */
export type ShowResponse =
  | { readonly kind: 'answered'; readonly json: Buffer }
  | { readonly kind: 'failed'; readonly code: number; readonly message: string }
  | { readonly kind: 'malformed'; readonly problem: string };

/** Reads a RunShowCmdResponse: one command, so one response, which is JSON text. */
export function decodeShowResponse(bytes: Uint8Array): ShowResponse {
  const fields = fieldsOf(runShowCmdResponse, bytes);
  if (fields === undefined) return { kind: 'malformed', problem: 'it is not a RunShowCmdResponse' };
  const { response } = fields;
  if (!isRecord(response)) return { kind: 'malformed', problem: 'it contains no response' };
  const { success, errorCode, errorMessage, responses: json } = response;
  if (success !== true) {
    const code = typeof errorCode === 'number' ? errorCode : 0;
    return { kind: 'failed', code, message: typeof errorMessage === 'string' ? errorMessage : '' };
  }
  return Buffer.isBuffer(json) ? { kind: 'answered', json } : { kind: 'malformed', problem: 'it succeeded without a response' };
}

/** Whether a BgpPeerWatchResponse names a peer: an acknowledgement does not, nor does a message that cannot be read. */
export function namesPeer(bytes: Uint8Array): boolean {
  const fields = fieldsOf(bgpPeerWatchResponse, bytes) ?? {};
  return ['onPeerSet', 'onPeerDel', 'onPeerState'].some((name) => fields[name] !== undefined);
}

/** The fields of the message; undefined when the bytes are not such a message. */
function fieldsOf(type: protobuf.Type, bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    return type.toObject(type.decode(bytes));
  } catch {
    return undefined;
  }
}
