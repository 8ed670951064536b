import { AgentError } from '../lib/index.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointFault } from './faults.ts';

/** One error for a call that no endpoint could serve: the endpoint's own where that says more, else all problems in one line. */
export function noEndpoint(faults: readonly EndpointFault[], all: readonly Endpoint[]): AgentError {
  const errors = faults.length > 0 ? faults.map(({ error }) => error) : all.flatMap(({ health }) => health.error ?? []);
  const [first, ...rest] = errors;
  if (first === undefined) return new AgentError('LEDGER__NO_ENDPOINT', { problems: 'none answered in time' });
  const alike = rest.every((error) => error.class === first.class);
  if (rest.length === 0 || (alike && first.class !== 'retry-later')) return first;
  return new AgentError(
    'LEDGER__NO_ENDPOINT',
    { problems: errors.map(({ message }) => message).join('; ') },
    { cause: new AggregateError(errors) },
  );
}
