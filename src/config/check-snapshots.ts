import type { CrossChecked } from './cross-checked.ts';
import { isLoopback } from './endpoints.ts';
import type { KeyProblem } from './problems.ts';
import type { AgentConfig } from './schema.ts';

/** Whether there is all that the sink needs, and what it could do without. */
export function checkSnapshots({ snapshots, collector }: AgentConfig): CrossChecked {
  const { sink, url, directory, source } = snapshots;
  const problems: KeyProblem[] = [];
  const warnings: string[] = [];
  const refuse = (key: string, problem: string) => problems.push({ path: ['snapshots', key], problem });
  const named = collector.sources.find(({ name }) => name === source);
  if (source !== undefined && named?.type !== 'eapi') {
    refuse('source', named === undefined ? `there is no source "${source}"` : `the source "${source}" is of type ${named.type}, not eapi`);
  }
  if (sink === 'state-ingest' && url === undefined) refuse('url', 'is required for the sink state-ingest');
  if (sink === 'folder' && directory === undefined) refuse('directory', 'is required for the sink folder');
  if (sink !== 'none' && collector.sources.every(({ type }) => type !== 'eapi')) {
    warnings.push('snapshots: without a source of type eapi no show command can be run, only bgp-sockets can be taken');
  }
  if (sink === 'state-ingest' && url?.startsWith('http:') === true && !isLoopback(url)) {
    warnings.push('snapshots.url: snapshots travel in clear text; use https://');
  }
  return { problems, warnings };
}
