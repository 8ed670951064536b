import { AgentError } from '../../lib/index.ts';
import type { CommandFailure } from './read-envelope.ts';

/** How EOS says that BGP does not run, in `errors` or `warnings`: `BGP inactive`, or `BGP is disabled for VRF default`. */
export function saysNoBgp(text: string): boolean {
  return /\bBGP (is )?(inactive|disabled|not running)\b/i.test(text);
}

/** The error for a command that the switch would not or could not run, one code of ours for each of eAPI's. */
export function commandError(endpoint: string, command: string, { code, problem }: CommandFailure): AgentError {
  if (code === 1000 && saysNoBgp(problem)) return new AgentError('EAPI__NO_BGP', { endpoint, problem });
  switch (code) {
    case 1001:
      return new AgentError('EAPI__COMMAND_INTERNAL_ERROR', { endpoint, command, problem });
    case 1002:
      return new AgentError('EAPI__COMMAND_INVALID', { endpoint, command, problem });
    case 1003:
      return new AgentError('EAPI__COMMAND_UNCONVERTED', { endpoint, command, problem });
    case 1004:
      return new AgentError('EAPI__COMMAND_INCOMPATIBLE', { endpoint, command, problem });
    case 1005:
      return new AgentError('EAPI__COMMAND_UNAUTHORIZED', { endpoint, command, problem });
    default:
      return new AgentError('EAPI__COMMAND_FAILED', { endpoint, command, code, problem });
  }
}

/** Whether another command of the same kind may do better: the failure lies in what this one asked for, not in the asking. */
export function isOfThisCommandAlone({ code, problem }: CommandFailure): boolean {
  return (code === 1000 || code === 1001) && !saysNoBgp(problem);
}
