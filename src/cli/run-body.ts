import { AgentError } from '../platform/index.ts';
import type { RunBody } from './run.ts';

export const runBody: RunBody = async () => {
  throw new AgentError('CONFIG__USAGE', { problem: 'run is not part of this build' });
};
