import type { ShowRunner } from '../collector/index.ts';
import { AgentError } from '../lib/index.ts';
import { problemOfShowCommand } from './show-command.ts';
import type { Collect } from './take-snapshots.ts';

export interface CollectItemOptions {
  /** Absent where no source can run a show command. */
  readonly shows?: Pick<ShowRunner, 'run'>;
  readonly readBgpSockets: (signal: AbortSignal) => Promise<Uint8Array>;
}

/** Collects whatever can be wanted, from where it is to be had. */
export function createCollectItem({ shows, readBgpSockets }: CollectItemOptions): Collect {
  return async (item, signal) => {
    if (item.type === 'bgp-sockets') return readBgpSockets(signal);
    const { command } = item;
    const problem = problemOfShowCommand(command);
    // Lists are read with the same eyes; this is the last door before the switch.
    if (problem !== undefined) throw new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry: `\`${command}\``, problem });
    if (shows === undefined) throw new AgentError('SNAPSHOT__NO_SHOW_SOURCE', { command });
    return shows.run(command, signal);
  };
}
