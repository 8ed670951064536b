import { AgentError, isAgentError } from '../lib/index.ts';
import type { AskedEndpoint, EndpointWork } from './endpoint-work.ts';
import { EndpointFault } from './faults.ts';

/**
 * Work whose result shows whether the endpoint has our device as it should. A result that fails `prove` may be the truth, or the endpoint's
 * own: it is the endpoint's fault as soon as another one passes.
 */
export function proven<T>(work: EndpointWork<T>, prove: (result: T) => void, onProven: (endpoint: AskedEndpoint) => void): EndpointWork<T> {
  const provenWork: EndpointWork<T> = async (endpoint, note, signal) => {
    const result = await work(endpoint, note, signal);
    try {
      prove(result);
    } catch (error) {
      if (!isAgentError(error)) throw error;
      const own = new AgentError('LEDGER__WITHOUT_DEVICE', { endpoint: endpoint.url.name, problem: error.message }, { cause: error });
      const ifContradicted = new EndpointFault(own, { setAside: true, tryNext: true, mayHaveActed: false }, 'device', {
        recheck: provenWork,
      });
      throw new EndpointFault(error, { setAside: false, tryNext: true, mayHaveActed: false }, 'device', { ifContradicted });
    }
    onProven(endpoint);
    return result;
  };
  return provenWork;
}
