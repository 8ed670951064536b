import { AgentError } from '../platform/index.ts';
import type { LocalnetBody } from './localnet.ts';

export const localnetBody: LocalnetBody = async () => {
  throw new AgentError('CONFIG__USAGE', { problem: 'localnet is not part of this build' });
};
