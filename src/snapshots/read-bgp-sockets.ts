import { isNamespaceName, type Namespaces } from '../collector/sockets/index.ts';
import { AgentError, DeadlineExceeded, withDeadline } from '../lib/index.ts';
import { parseBgpSocket } from './bgp-sockets.ts';

export interface ReadBgpSocketsOptions {
  /** Those of the switch, with `ss -tinemoHO`. */
  readonly namespaces: Namespaces;
  /** Upper bound for `ss` in one namespace, milliseconds. */
  readonly timeoutMs: number;
}

/** Lines read in one go: a full switch has thousands, and nothing else is to wait for them. */
const LINES_IN_TURN = 256;

/**
 * The Established TCP sockets of BGP in every network namespace, as one JSON array: the data of the kind `bgp-sockets`. A namespace that can't be
 * read makes the whole fail, since what is missing could not be told from what is not there. Throws AgentError `SOCKETS__…`, or the signal's
 * reason.
 */
export function createReadBgpSockets({ namespaces, timeoutMs }: ReadBgpSocketsOptions): (signal: AbortSignal) => Promise<Uint8Array> {
  async function output(namespace: string, signal: AbortSignal): Promise<string> {
    try {
      return await withDeadline(timeoutMs, signal, (inner) => namespaces.sockets(namespace, inner));
    } catch (error) {
      if (signal.aborted || !(error instanceof DeadlineExceeded)) throw error;
      throw new AgentError('SOCKETS__SS_FAILED', { namespace, problem: error.message }, { cause: error });
    }
  }

  return async (signal) => {
    const sockets: string[] = [];
    for (const namespace of (await namespaces.list(signal)).filter(isNamespaceName)) {
      const lines = (await output(namespace, signal)).split('\n');
      for (const [index, line] of lines.entries()) {
        if (index % LINES_IN_TURN === LINES_IN_TURN - 1) await new Promise<void>((resolve) => setImmediate(resolve));
        const socket = parseBgpSocket(line);
        if (socket !== undefined) sockets.push(JSON.stringify(socket));
      }
    }
    return Buffer.from(`[${sockets.join(',')}]`);
  };
}
