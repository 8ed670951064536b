import { AgentError } from '../platform/index.ts';
import type { DemoBody } from './demo.ts';

export const demoBody: DemoBody = async () => {
  throw new AgentError('CONFIG__USAGE', { problem: 'demo is not part of this build' });
};
