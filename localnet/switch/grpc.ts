import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { NeighborState } from '../../src/bgp/index.ts';
import { type Clock, createAbortController, Stopped, systemClock } from '../../src/lib/index.ts';
import { runCommand } from './eapi.ts';
import { CURRENT_EOS, type EosQuirks, type Scene } from './eapi-render.ts';
import type { SimulatedSwitch, SwitchChange, SwitchFaults } from './switch.ts';

/** gRPC status codes. */
const GRPC = { ok: 0, invalidArgument: 3, resourceExhausted: 8, unimplemented: 12, internal: 13 } as const;

/** One call: its message has been read, answers go out one by one, and `end` sends the status. */
interface GrpcCall {
  readonly request: Buffer;
  /** Sends one message. */
  send(message: Buffer): void;
  end(code: number, text?: string): void;
  /** Sends the first half of one message, and then nothing of this connection any more. */
  sendCut(message: Buffer): void;
  /** Responds like a web server instead of a gRPC server. */
  endAsWebPage(status: number): void;
  /** Runs once, when the call is over for whatever reason. */
  onClose(listener: () => void): void;
}

interface GrpcListenerOptions {
  /** Serves a call by its full method name, such as `/eos.remote.EapiMgrService/run_show_cmd`. */
  readonly onCall: (method: string, call: GrpcCall) => void;
  /** Connections are hung up on as they arrive while this is true. */
  readonly refuses: () => boolean;
  readonly onBytes: (sent: number) => void;
}

interface GrpcListener {
  /** Listens on loopback; 0 is a free port. Resolves with the port. */
  listen(port: number): Promise<number>;
  openConnections(): number;
  hangUp(): void;
  close(): Promise<void>;
}

/** No request of a reader of BGP comes near; more is refused. */
const MAX_REQUEST_BYTES = 1 << 16;
/** gRPC puts a flag (not compressed) and the length in front of each message. */
const PREFIX_BYTES = 5;

/** gRPC over cleartext HTTP/2, as EosSdkRpc speaks it on its loopback listener. */
function createGrpcListener({ onCall, refuses, onBytes }: GrpcListenerOptions): GrpcListener {
  const server: Http2Server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  // As gRPC servers do: an answer is headers, data and trailers, and none of them should wait for the acknowledgement of another.
  server.on('connection', (socket: Socket) => socket.setNoDelay(true));
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    // Ignore connection resets by the peer.
    session.on('error', () => undefined);
    session.once('close', () => sessions.delete(session));
    if (refuses()) session.destroy();
  });
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size <= MAX_REQUEST_BYTES) chunks.push(chunk);
    });
    stream.once('end', () => {
      const call = callOf(stream, Buffer.concat(chunks));
      const framed = Buffer.concat(chunks);
      if (size > MAX_REQUEST_BYTES) call.end(GRPC.resourceExhausted, 'the request is too large');
      else if (framed.byteLength < PREFIX_BYTES || framed.readUInt32BE(1) !== framed.byteLength - PREFIX_BYTES || framed[0] !== 0)
        call.end(GRPC.internal, 'the request is not framed as one message');
      else onCall(headers[':path'] ?? '', call);
    });
  });

  function callOf(stream: ServerHttp2Stream, framed: Buffer): GrpcCall {
    let responded = false;
    const respond = (): void => {
      if (responded || stream.destroyed) return;
      responded = true;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    };
    const write = (bytes: Buffer, then: () => void = () => undefined): void => {
      respond();
      if (stream.destroyed) return;
      onBytes(bytes.byteLength);
      stream.write(bytes, then);
    };
    const frame = (message: Buffer): Buffer => {
      const prefix = Buffer.alloc(PREFIX_BYTES);
      prefix.writeUInt32BE(message.byteLength, 1);
      return Buffer.concat([prefix, message]);
    };
    return {
      request: framed.subarray(PREFIX_BYTES),
      send: (message) => write(frame(message)),
      sendCut(message) {
        const framedAnswer = frame(message);
        write(framedAnswer.subarray(0, framedAnswer.byteLength >> 1), () => stream.session?.destroy());
      },
      end(code, text = '') {
        if (stream.destroyed) return;
        const trailers = { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(text) };
        if (!responded) {
          stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
          return;
        }
        stream.once('wantTrailers', () => stream.sendTrailers(trailers));
        stream.end();
      },
      endAsWebPage(status) {
        if (stream.destroyed) return;
        stream.respond({ ':status': status, 'content-type': 'text/html' });
        stream.end('<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>');
      },
      onClose: (listener) => void stream.once('close', listener),
    };
  }

  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: '127.0.0.1', port }, () => {
          server.off('error', reject);
          const address = server.address();
          resolve(typeof address === 'object' && address !== null ? address.port : 0);
        });
      }),
    openConnections: () => sessions.size,
    hangUp() {
      for (const session of sessions) session.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}

/**
 * The few protobuf wire types that EosSdkRpc's messages need (the wire format of proto3): varints and length-delimited fields. Written
 * apart from the agent's reader on purpose, so that a number that is wrong in one of the two shows.
 */
export type Field = readonly [number: number, value: boolean | number | string | Buffer];

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** A message of these fields, in this order. False and 0 are written too, as a oneof's member has to be. */
export function encodeMessage(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'boolean' || typeof value === 'number') return [varint((number << 3) | VARINT), varint(Number(value))];
      const bytes = Buffer.from(value);
      return [varint((number << 3) | LENGTH_DELIMITED), varint(bytes.byteLength), bytes];
    }),
  );
}

/** The fields of a message by number, the last of each; undefined when the bytes are not a message of these two wire types. */
export function decodeMessage(bytes: Buffer): ReadonlyMap<number, number | Buffer> | undefined {
  const fields = new Map<number, number | Buffer>();
  let at = 0;
  const readVarint = (): number | undefined => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined) return undefined;
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.byteLength) {
    const key = readVarint();
    const value = readVarint();
    if (key === undefined || value === undefined) return undefined;
    if ((key & 7) === VARINT) fields.set(key >>> 3, value);
    else if ((key & 7) === LENGTH_DELIMITED && at + value <= bytes.byteLength) {
      fields.set(key >>> 3, bytes.subarray(at, at + value));
      at += value;
    } else return undefined;
  }
  return fields;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.of(...bytes, rest);
}

const WATCH_BGP = '/eos.remote.BgpMgrService/watch';

/** `BgpPeerState` of EosSdkRpc. */
const STATES: Readonly<Record<NeighborState, number>> = {
  unrecognized: 0,
  idle: 1,
  connect: 2,
  active: 3,
  'open-sent': 4,
  'open-confirm': 5,
  established: 6,
};

/**
 * `BgpMgrService.watch(BgpPeerWatchRequest{ack=1, all=2 | peer_key=3}) → stream BgpPeerWatchResponse`: an `on_peer_set`, `on_peer_del` or
 * `on_peer_state` a change, for `BgpPeerKey{vrf_name=1, peer_addr=2}`. Whether a real switch begins with all that it has, its public
 * descriptions do not say; this one sends an acknowledgement if requested, and then only changes.
 */
function serveBgpWatch(call: GrpcCall, sim: SimulatedSwitch): void {
  const request = decodeMessage(call.request);
  if (request === undefined || !(request.get(2) === 1 || Buffer.isBuffer(request.get(3)))) {
    call.end(GRPC.invalidArgument, 'neither all nor a peer');
    return;
  }
  if (request.get(1) === 1) call.send(encodeMessage([1, encodeMessage()]));
  const wanted = request.get(3);
  const key = Buffer.isBuffer(wanted) ? decodeMessage(wanted) : undefined;
  const isWanted = ({ neighbor: { vrf, address } }: SwitchChange): boolean =>
    key === undefined || (String(key.get(1)) === vrf && String(key.get(2)) === address);
  call.onClose(
    sim.onChange((change) => {
      if (isWanted(change)) call.send(render(change));
    }),
  );
}

function render({ kind, neighbor: { vrf, address, state } }: SwitchChange): Buffer {
  const key = encodeMessage([1, vrf], [2, address]);
  switch (kind) {
    case 'configured':
      return encodeMessage([2, encodeMessage([1, key])]);
    case 'removed':
      return encodeMessage([3, encodeMessage([1, key])]);
    case 'state':
      return encodeMessage([4, encodeMessage([1, key], [2, STATES[state]])]);
  }
}

const RUN_SHOW_CMD = '/eos.remote.EapiMgrService/run_show_cmd';

/** What a call comes to: one message, whole or cut in its middle, or a status without one. */
type ShowAnswer =
  | { readonly kind: 'message' | 'cut'; readonly message: Buffer }
  | { readonly kind: 'refused'; readonly code: number; readonly text: string };

const NOT_A_MESSAGE = Buffer.from('<!DOCTYPE html><html></html>');

/**
 * `EapiMgrService.run_show_cmd(RunShowCmdRequest{command=1}) → RunShowCmdResponse{response=1}`, where
 * `EapiResponse{success=1, error_code=2, error_message=3, responses=4, raw_response=5}`: one command a call, and its result as JSON text.
 */
function answerShowCommand(request: Buffer, scene: Scene, onCommand: (command: string) => void): ShowAnswer {
  const bytes = decodeMessage(request)?.get(1);
  if (!Buffer.isBuffer(bytes)) return { kind: 'refused', code: GRPC.invalidArgument, text: 'no command' };
  const command = bytes.toString('utf8');
  if (!/^show\s/.test(command)) return { kind: 'refused', code: GRPC.invalidArgument, text: 'only show commands' };
  onCommand(command);
  if (scene.faults.current('garbage') !== undefined) return { kind: 'message', message: NOT_A_MESSAGE };
  const message = encodeMessage([1, responseTo(scene, command)]);
  return { kind: scene.faults.current('cut') === undefined ? 'message' : 'cut', message };
}

function responseTo(scene: Scene, command: string): Buffer {
  const outcome = runCommand(scene, command, 1);
  return outcome.kind === 'failure'
    ? encodeMessage([1, false], [2, outcome.code], [3, outcome.errors.join('; ')])
    : encodeMessage([1, true], [4, JSON.stringify(outcome.result)]);
}

export interface SimulatedGrpcOptions {
  readonly switch: SimulatedSwitch;
  readonly faults: SwitchFaults;
  readonly clock?: Clock;
  /** On 127.0.0.1; a free one without it. */
  readonly port?: number;
  readonly eosQuirks?: Partial<EosQuirks>;
}

export interface GrpcStats {
  readonly calls: number;
  /** Watches that are open now. */
  readonly watches: number;
  readonly bytesOut: number;
  /** Show commands that were run. */
  readonly commands: number;
}

export interface SimulatedGrpc {
  /** Listens on loopback. */
  start(): Promise<{ readonly host: string; readonly port: number }>;
  stop(): Promise<void>;
  openConnections(): number;
  /** Ends the connections that are open now, as a restart of the switch's agent does. */
  hangUp(): void;
  stats(): GrpcStats;
}

const HOST = '127.0.0.1';

/**
 * The EosSdkRpc of the simulated DZD: gRPC over cleartext HTTP/2.
 *
 *   SimulatedSwitch ── render ──► run_show_cmd ──┐
 *        └── onChange ──────────► watch ─────────┴─► HTTP/2 ──► TCP
 *   SwitchFaults ──────────────────┴────────────────┘
 *
 * Connection faults end or silence a watch: `refuse` closes it, `hang` leaves it open without messages.
 */
export function createSimulatedGrpc(options: SimulatedGrpcOptions): SimulatedGrpc {
  const { switch: sim, faults, clock = systemClock } = options;
  const eosQuirks: EosQuirks = { ...CURRENT_EOS, ...options.eosQuirks };
  const counts = { calls: 0, watches: 0, bytesOut: 0, commands: 0 };
  let answers = 0;
  let running: GrpcListener | undefined;
  let starting: Promise<{ readonly host: string; readonly port: number }> | undefined;
  let stopping = createAbortController();

  const nextScene = (): Scene => ({ sim, faults, eosQuirks, answer: answers++ });

  async function serve(method: string, call: GrpcCall): Promise<void> {
    counts.calls += 1;
    if (faults.current('refuse') !== undefined) {
      running?.hangUp();
      return;
    }
    if (faults.current('hang') !== undefined) return;
    const slow = faults.current('slow');
    if (slow !== undefined) await clock.sleep(slow.delayMs, stopping.signal);
    const status = faults.current('http-status')?.status;
    if (status !== undefined) return call.endAsWebPage(status);
    if (method === RUN_SHOW_CMD) {
      serveShowCommand(call);
    } else if (method === WATCH_BGP) {
      counts.watches += 1;
      call.onClose(() => {
        counts.watches -= 1;
      });
      serveBgpWatch(call, sim);
    } else call.end(GRPC.unimplemented, `no method ${method}`);
  }

  function serveShowCommand(call: GrpcCall): void {
    const answer = answerShowCommand(call.request, nextScene(), () => {
      counts.commands += 1;
    });
    switch (answer.kind) {
      case 'refused':
        call.end(answer.code, answer.text);
        break;
      case 'cut':
        call.sendCut(answer.message);
        break;
      case 'message':
        call.send(answer.message);
        call.end(GRPC.ok);
        break;
    }
  }

  async function listen(): Promise<{ readonly host: string; readonly port: number }> {
    stopping = createAbortController();
    running = createGrpcListener({
      // The server stops during a delay: no response is possible.
      onCall: (method, call) => void serve(method, call).catch(() => call.end(GRPC.internal)),
      refuses: () => faults.current('refuse') !== undefined,
      onBytes: (sent) => {
        counts.bytesOut += sent;
      },
    });
    return { host: HOST, port: await running.listen(options.port ?? 0) };
  }

  return {
    start() {
      starting ??= listen();
      return starting;
    },
    async stop() {
      const ending = running;
      running = undefined;
      starting = undefined;
      stopping.abort(new Stopped('the simulated gRPC server stops'));
      await ending?.close();
    },
    openConnections: () => running?.openConnections() ?? 0,
    hangUp: () => running?.hangUp(),
    stats: () => ({ ...counts }),
  };
}
