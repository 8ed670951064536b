import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { AgentError, describeError } from '../lib/index.ts';

export interface PortChoice {
  /** The flag that names the port, for the error. */
  readonly flag: string;
  readonly protocol: 'tcp' | 'udp';
  /** What the user asked for; 0 means any. */
  readonly wanted: number | undefined;
  /** Taken when the user asks for nothing and it is free. */
  readonly usual: number;
}

/** The port on 127.0.0.1 to listen on; 0 where any will do. Throws AgentError `CONFIG__PORT_IN_USE` when the one that was asked for is taken. */
export async function choosePort({ flag, protocol, wanted, usual }: PortChoice): Promise<number> {
  const port = wanted ?? usual;
  const problem = port === 0 ? undefined : await bindProblem(port, protocol);
  if (problem === undefined) return port;
  if (wanted === undefined) return 0;
  throw new AgentError('CONFIG__PORT_IN_USE', { flag, port, problem: describeError(problem) });
}

/** Why the port can't be bound now; somebody may still take it before we do. */
async function bindProblem(port: number, protocol: 'tcp' | 'udp'): Promise<unknown> {
  try {
    if (protocol === 'tcp') {
      const server = createServer().listen({ host: '127.0.0.1', port });
      await once(server, 'listening');
      server.close();
      await once(server, 'close');
    } else {
      const socket = createSocket('udp4');
      socket.bind(port, '127.0.0.1');
      await once(socket, 'listening');
      socket.close();
      await once(socket, 'close');
    }
    return undefined;
  } catch (error) {
    return error;
  }
}
