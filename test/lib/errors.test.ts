import { expect, test } from 'vitest';
import { AgentError, describeError } from '../../src/lib/index.ts';

test('an AgentError is described by its own message, and another error with its cause', () => {
  const cause = new Error('no answer within 20 ms');
  const error = new AgentError('EAPI__TIMEOUT', { endpoint: 'http://switch', ms: 20 }, { cause });
  expect(describeError(error)).toBe('eAPI at http://switch did not answer within 20 ms');
  expect(describeError(new Error('the read failed', { cause }))).toBe('the read failed: no answer within 20 ms');
});
