import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface FakeCall {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
  readonly request: IncomingMessage;
}

/** What the fake makes of one request. `hang` never answers; `reset` cuts the connection without a byte. */
export type FakeReply =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } }
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly raw: string }
  | { readonly gzipped: unknown }
  | 'hang'
  | 'reset';

export type FakeMethod = (call: FakeCall) => FakeReply | Promise<FakeReply>;

export interface FakeEndpoint {
  readonly url: string;
  /** Methods called, in order. */
  readonly calls: FakeCall[];
  /** How many connections were ever made, and the most that were open at once. */
  readonly sockets: { made: number; open: number; mostOpen: number };
  /** Changes what a method answers. A call of a method that is not there is an error of the test. */
  on(method: string, reply: FakeReply | FakeMethod): FakeEndpoint;
  /** Every method answers so, until `on` or another `always`. */
  always(reply: FakeReply | FakeMethod | undefined): FakeEndpoint;
  methods(): readonly string[];
  /** Names of methods that were called although the test did not expect them. */
  readonly unexpected: string[];
  close(): Promise<void>;
}

/** A JSON-RPC endpoint on a port of its own whose every answer the test decides. */
export async function fakeEndpoint(): Promise<FakeEndpoint> {
  const replies = new Map<string, FakeReply | FakeMethod>();
  let everything: FakeReply | FakeMethod | undefined;
  const calls: FakeCall[] = [];
  const unexpected: string[] = [];
  const sockets = { made: 0, open: 0, mostOpen: 0 };
  const open = new Set<Socket>();

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString());
    const call: FakeCall = { id, method, params, request };
    calls.push(call);
    const reply = everything ?? replies.get(method);
    if (reply === undefined) unexpected.push(method);
    const said = typeof reply === 'function' ? await reply(call) : (reply ?? { error: { code: -32601, message: `unexpected ${method}` } });
    answer(said, call, response);
  });
  server.on('connection', (socket) => {
    open.add(socket);
    sockets.made++;
    sockets.open++;
    sockets.mostOpen = Math.max(sockets.mostOpen, sockets.open);
    socket.on('close', () => {
      open.delete(socket);
      sockets.open--;
    });
  });
  await listen(server);

  const fake: FakeEndpoint = {
    url: `http://127.0.0.1:${portOf(server)}`,
    calls,
    sockets,
    unexpected,
    on(method, reply) {
      everything = undefined;
      replies.set(method, reply);
      return fake;
    },
    always(reply) {
      everything = reply;
      return fake;
    },
    methods: () => calls.map(({ method }) => method),
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}

function answer(reply: FakeReply, { id, request }: FakeCall, response: ServerResponse): void {
  if (reply === 'hang') return;
  if (reply === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  if ('status' in reply) {
    response.writeHead(reply.status, reply.headers).end(reply.body ?? '');
    return;
  }
  if ('raw' in reply) {
    response.end(reply.raw);
    return;
  }
  if ('gzipped' in reply) {
    response.setHeader('content-encoding', 'gzip');
    response.end(gzipSync(JSON.stringify({ jsonrpc: '2.0', id, result: reply.gzipped })));
    return;
  }
  response.end(JSON.stringify({ jsonrpc: '2.0', id, ...reply }));
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A port without a listener. */
export async function closedPort(): Promise<string> {
  const server = createServer();
  await listen(server);
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
