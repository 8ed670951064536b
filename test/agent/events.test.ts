import { expect, test } from 'vitest';
import { createAgentEvents } from '../../src/agent/events.ts';

test('each listener gets the events that it names, in the order of the listeners', () => {
  const lines: string[] = [];
  const events = createAgentEvents({ resumed: () => lines.push('first') }, {});
  events.listen({ resumed: () => lines.push('second'), rebroadcast: ({ signature }) => lines.push(`resent ${signature}`) });
  events.reporter.resumed();
  events.reporter.rebroadcast({ signature: 'a' });
  expect(lines).toEqual(['first', 'second', 'resent a']);
});

test('a listener that throws is an internal error, and the other listeners still get the event', () => {
  const heard: unknown[] = [];
  const fault = new Error('disk full');
  const failing = (): void => {
    throw fault;
  };
  const { reporter } = createAgentEvents(
    { resumed: failing, internalError: failing },
    { resumed: () => heard.push('resumed'), internalError: (error) => heard.push(error) },
  );
  reporter.resumed();
  expect(heard).toEqual([fault, 'resumed']);
});
