import { AgentError } from '../lib/index.ts';
import { isAddress } from '../serviceability/index.ts';
import type { Endpoint } from './endpoint.ts';
import type { AskedEndpoint, EndpointWork } from './endpoint-work.ts';
import { EndpointFault } from './faults.ts';
import { Malformed } from './json.ts';

/** Whether all endpoints belong to the cluster on which our device lives. */
export interface ClusterCheck {
  /** This endpoint has our device, so its cluster is the right one. Those that have not told theirs yet are asked, in the background. */
  vouchFor(endpoint: AskedEndpoint): void;
}

export interface ClusterCheckOptions {
  readonly all: readonly Endpoint[];
  /** Does the work on an endpoint beside whatever else goes on; what it throws sets the endpoint aside. Never rejects. */
  readonly inBackground: (endpoint: Endpoint, work: EndpointWork<unknown>) => Promise<void>;
}

/**
 * Compares genesis hashes. Nobody has to configure one: the first endpoint that has our device gives it. A single endpoint is not asked, since
 * there is nothing to compare with.
 */
export function createClusterCheck({ all, inBackground }: ClusterCheckOptions): ClusterCheck {
  const told = new Set<AskedEndpoint>();
  let right: { readonly hash: string; readonly of: string } | undefined;
  let asking = false;

  const identify =
    (voucher: AskedEndpoint): EndpointWork<void> =>
    async (endpoint, _, signal) => {
      const hash = await endpoint.ask({ method: 'getGenesisHash', params: [] }, readGenesisHash, signal);
      told.add(endpoint);
      if (endpoint === voucher) right ??= { hash, of: endpoint.url.name };
      if (right === undefined || right.hash === hash) return;
      const error = new AgentError('LEDGER__OTHER_CLUSTER', {
        endpoint: endpoint.url.name,
        actual: hash,
        reference: right.of,
        expected: right.hash,
      });
      const verdict = { setAside: true, tryNext: true, mayHaveActed: false };
      throw new EndpointFault(error, verdict, 'cluster', { recheck: identify(voucher) });
    };

  async function askAll(voucher: AskedEndpoint): Promise<void> {
    for (const endpoint of all.toSorted((a, b) => Number(b === voucher) - Number(a === voucher))) {
      // Without the one to compare with, the others would have to be asked twice.
      if (endpoint !== voucher && right === undefined) return;
      if (endpoint.serves && !told.has(endpoint)) await inBackground(endpoint, identify(voucher));
    }
  }

  return {
    vouchFor(endpoint) {
      if (asking || all.length === 1 || told.size === all.length) return;
      asking = true;
      void askAll(endpoint).finally(() => {
        asking = false;
      });
    },
  };
}

/** getGenesisHash: 32 bytes of base58. */
export function readGenesisHash(result: unknown): string {
  if (!isAddress(result)) throw new Malformed('the genesis hash is not 32 bytes of base58');
  return result;
}
