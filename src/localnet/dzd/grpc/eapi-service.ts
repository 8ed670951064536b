import { runCommand, type Scene } from '../eapi/index.ts';
import { GRPC } from './grpc-listener.ts';
import { decodeMessage, encodeMessage } from './wire.ts';

export const RUN_SHOW_CMD = '/eos.remote.EapiMgrService/run_show_cmd';

/** What a call comes to: one message, whole or cut in its middle, or a status without one. */
export type ShowAnswer =
  | { readonly kind: 'message' | 'cut'; readonly message: Buffer }
  | { readonly kind: 'refused'; readonly code: number; readonly text: string };

const NOT_A_MESSAGE = Buffer.from('<!DOCTYPE html><html></html>');

/**
 * `EapiMgrService.run_show_cmd(RunShowCmdRequest{command=1}) → RunShowCmdResponse{response=1}`, where
 * `EapiResponse{success=1, error_code=2, error_message=3, responses=4, raw_response=5}`: one command a call, and its result as JSON text.
 */
export function answerShowCommand(request: Buffer, scene: Scene, onCommand: (command: string) => void): ShowAnswer {
  const bytes = decodeMessage(request)?.get(1);
  if (!Buffer.isBuffer(bytes)) return { kind: 'refused', code: GRPC.invalidArgument, text: 'no command' };
  const command = bytes.toString('utf8');
  if (!/^show\s/.test(command)) return { kind: 'refused', code: GRPC.invalidArgument, text: 'only show commands' };
  onCommand(command);
  if (scene.faults.current('garbage') !== undefined) return { kind: 'message', message: NOT_A_MESSAGE };
  const message = encodeMessage([1, responseTo(scene, command)]);
  return { kind: scene.faults.current('cut') === undefined ? 'message' : 'cut', message };
}

function responseTo(scene: Scene, command: string): Buffer {
  const outcome = runCommand(scene, command, 1);
  return outcome.kind === 'failure'
    ? encodeMessage([1, false], [2, outcome.code], [3, outcome.errors.join('; ')])
    : encodeMessage([1, true], [4, JSON.stringify(outcome.result)]);
}
