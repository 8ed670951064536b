import { mkdtemp, rm } from 'node:fs/promises';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VrfName } from '../../src/bgp/index.ts';
import { type Clock, createAbortController, isRecord, type MonotonicMs, Stopped, systemClock } from '../../src/lib/index.ts';
import {
  CURRENT_EOS,
  type EosQuirks,
  renderClock,
  renderHostname,
  renderInterfaceIndexes,
  renderIsisDatabase,
  renderMrouteCount,
  renderMroutes,
  renderMsdpSummary,
  renderNeighbors,
  renderSaCache,
  renderSummary,
  renderText,
  renderVersion,
  renderVrfs,
  type Scene,
} from './eapi-render.ts';
import type { SimulatedSwitch, SwitchFaults } from './switch.ts';

/** What one command comes to: its result, or the code and texts of its failure. */
export type CommandOutcome =
  | { readonly kind: 'result'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly kind: 'failure'; readonly code: number; readonly errors: readonly string[] };

type Render = (scene: Scene, words: Readonly<Record<string, string | undefined>>) => CommandOutcome;

const COMMANDS: readonly (readonly [RegExp, Render])[] = [
  [/^show ip bgp summary(?: vrf (?<vrf>\S+))?$/, bgp((scene, vrfs) => renderSummary(scene, vrfs))],
  [/^show ip bgp neighbors(?: (?<address>[\d.]+))?(?: vrf (?<vrf>\S+))?$/, bgp(renderNeighbors)],
  [/^show version$/, ({ sim }) => result(renderVersion(sim))],
  [/^show hostname$/, ({ sim }) => result(renderHostname(sim))],
  [/^show vrf$/, ({ sim }) => result(renderVrfs(sim))],
  [/^show clock$/, ({ sim }) => result(renderClock(sim))],
  [/^show snmp mib ifmib ifindex$/, ({ sim }) => result(renderInterfaceIndexes(sim))],
  [/^show isis database detail$/, ({ sim }) => result(renderIsisDatabase(sim))],
  [/^show ip mroute$/, ({ sim }) => result(renderMroutes(sim))],
  [/^show ip mroute count$/, ({ sim }) => result(renderMrouteCount(sim))],
  [/^show ip msdp summary$/, ({ sim }) => result(renderMsdpSummary(sim))],
  [/^show ip msdp (?:pim )?sa-cache(?: rejected)?$/, () => result(renderSaCache())],
  [/^enable$/, () => result({})],
  [/^configure( terminal)?$/, () => failure(1005, 'Command unauthorized: user has insufficient permissions')],
  [/^show tech-support$/, () => failure(1003, 'Command cannot be used over the API at this time')],
];

const VOCABULARY: ReadonlySet<string> = new Set(
  'show ip bgp summary neighbors vrf version hostname clock snmp mib ifmib isis database mroute msdp pim sa-cache'.split(' '),
);

/** The newest supported model revision of every command. */
const NEWEST_REVISION = 3;

export function runCommand(scene: Scene, command: string, revision: number): CommandOutcome {
  const fault = scene.faults.current('command-error');
  const line = command.trim().replaceAll(/\s+/g, ' ');
  if (fault !== undefined && (fault.command ?? line) === line) return { kind: 'failure', code: fault.code, errors: fault.errors };
  const large = scene.faults.current('large-answer');
  if (large?.command === line) return result({ filler: 'x'.repeat(large.bytes) });
  for (const [pattern, render] of COMMANDS) {
    const match = pattern.exec(line);
    if (match === null) continue;
    if (revision > NEWEST_REVISION) return failure(1004, `Revision ${revision} of this command is not available`);
    return render(scene, match.groups ?? {});
  }
  const words = line.split(' ');
  const token = words.findIndex((word) => !VOCABULARY.has(word));
  return failure(1002, token < 0 ? 'Incomplete command' : `Invalid input (at token ${token}: '${words[token] ?? ''}')`);
}

/** A BGP command: its VRF argument resolved, and what the whole process or one VRF can be suffering from. */
function bgp(render: (scene: Scene, vrfs: readonly VrfName[], address?: string) => Record<string, unknown>): Render {
  return (scene, { vrf = 'default', address }) => {
    const { sim, faults, eosQuirks } = scene;
    if (eosQuirks.noBgp === 'error') return failure(1000, 'BGP inactive');
    if (vrf === 'all') return result(render(scene, sim.vrfs(), address));
    if (!sim.vrfs().includes(vrf)) return failure(1000, `VRF '${vrf}' is not active`);
    if (address !== undefined && faults.affects('vrf-failing', vrf)) return failure(1000, `BGP did not answer for VRF ${vrf}`);
    return result(render(scene, [vrf], address));
  };
}

function result(value: Readonly<Record<string, unknown>>): CommandOutcome {
  return { kind: 'result', result: value };
}

function failure(code: number, error: string): CommandOutcome {
  return { kind: 'failure', code, errors: [error] };
}

interface ListenerOptions {
  readonly onRequest: RequestListener;
  /** Serves HTTPS with this key and certificate, PEM. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  /** Connections are hung up on as they arrive while this is true. */
  readonly refuses: () => boolean;
  readonly onConnection: () => void;
}

interface Listener {
  /** Listens on a port (0: a free one), or on a Unix socket; answers with the port, 0 for a socket. */
  listen(at: { readonly host: string; readonly port: number } | { readonly path: string }): Promise<number>;
  openConnections(): number;
  /** Closes all open connections; accepts new ones. */
  hangUp(): void;
  /** Closes all connections and stops listening. */
  close(): Promise<void>;
}

/** An HTTP server that knows its connections, so that it can end them. */
function createListener({ onRequest, tls, refuses, onConnection }: ListenerOptions): Listener {
  const server: Server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  const open = new Set<Socket>();
  // As on a switch, whose web server keeps an idle connection for over a minute.
  server.keepAliveTimeout = 75_000;
  server.on('connection', (socket: Socket) => {
    onConnection();
    open.add(socket);
    // Ignore connection resets by the peer.
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
    if (refuses()) socket.destroy();
  });

  const hangUp = (): void => {
    for (const socket of open) socket.destroy();
  };

  return {
    listen: (at) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(at, () => {
          server.off('error', reject);
          const address = server.address();
          resolve(typeof address === 'object' && address !== null ? address.port : 0);
        });
      }),
    openConnections: () => open.size,
    hangUp,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        hangUp();
      }),
  };
}

/** What follows `failed: ` in the message of each code. */
const PHRASES: Readonly<Record<number, string>> = {
  1000: 'could not run command',
  1001: 'internal error',
  1002: 'invalid command',
  1003: 'unconverted command',
  1004: 'incompatible revision',
  1005: 'Command unauthorized: user has insufficient permissions',
};

const PARAMETERS = ['version', 'cmds', 'format', 'timestamps', 'autoComplete', 'expandAliases', 'stopOnError', 'includeErrorDetail'];

interface Command {
  readonly cmd: string;
  readonly revision: number;
}

interface RunCmds {
  readonly cmds: readonly Command[];
  readonly format: 'json' | 'text';
  readonly timestamps: boolean;
  readonly stopOnError: boolean;
}

/**
 * Answers one `runCmds` request. `error.data` holds the results up to and including the failed command, whose element has `errors`.
 * The codes of a malformed envelope are JSON-RPC 2.0's own. `onCommand` hears of each command that is run.
 */
export function answerRunCmds(body: string, scene: Scene, onCommand: (command: string) => void): Record<string, unknown> {
  let request: unknown;
  try {
    request = JSON.parse(body);
  } catch {
    return fail(null, -32_700, 'Parse error');
  }
  if (!isRecord(request)) return fail(null, -32_600, 'Invalid request');
  const id = typeof request.id === 'string' || typeof request.id === 'number' ? request.id : null;
  if (request.jsonrpc !== '2.0') return fail(id, -32_600, 'Invalid request');
  if (request.method !== 'runCmds') return fail(id, -32_601, 'Method not found');
  const params = readParams(request.params, scene);
  return typeof params === 'string' ? fail(id, -32_602, params) : run(id, params, scene, onCommand);
}

function run(id: string | number | null, params: RunCmds, scene: Scene, onCommand: (command: string) => void): Record<string, unknown> {
  const results: unknown[] = [];
  let failed: { readonly code: number; readonly message: string } | undefined;
  for (const [index, { cmd, revision }] of params.cmds.entries()) {
    onCommand(cmd);
    const outcome = runCommand(scene, cmd, revision);
    results.push(present(outcome, cmd, params, scene));
    if (outcome.kind === 'result') continue;
    const phrase = PHRASES[outcome.code] ?? 'could not run command';
    failed ??= { code: outcome.code, message: `CLI command ${index + 1} of ${params.cmds.length} '${cmd}' failed: ${phrase}` };
    if (params.stopOnError) break;
  }
  return failed === undefined ? { jsonrpc: '2.0', id, result: results } : fail(id, failed.code, failed.message, results);
}

function present(outcome: CommandOutcome, cmd: string, { format, timestamps }: RunCmds, { sim, eosQuirks }: Scene): unknown {
  const meta = timestamps ? { _meta: { execStartTime: sim.now() / 1_000, execDuration: 0.002_406_120_300_292_968_8 } } : {};
  if (outcome.kind === 'failure') return { errors: outcome.errors, ...meta };
  if (format === 'text') return { output: renderText(cmd, outcome.result), ...meta };
  const result = { ...outcome.result, ...meta };
  return eosQuirks.resultsAsText ? JSON.stringify(result) : result;
}

/** The parameters, or what is wrong with them. */
function readParams(params: unknown, { eosQuirks }: Scene): RunCmds | string {
  if (!isRecord(params)) return 'Invalid params';
  const unknown = Object.keys(params).find((key) => !PARAMETERS.includes(key) || (key === 'timestamps' && !eosQuirks.knowsTimestamps));
  if (unknown !== undefined) return `runCmds() got an unexpected keyword argument '${unknown}'`;
  const { version = 1, cmds, format = 'json', timestamps = false, stopOnError = true } = params;
  if (version !== 'latest' && !Number.isInteger(version)) return 'Invalid version';
  if (format !== 'json' && format !== 'text') return 'Invalid format';
  if (!Array.isArray(cmds)) return 'cmds must be a list';
  const commands: Command[] = [];
  for (const entry of cmds) {
    const command: unknown = typeof entry === 'string' ? { cmd: entry } : entry;
    if (!isRecord(command) || typeof command.cmd !== 'string') return 'a command must be text or have cmd';
    const { revision = 1 } = command;
    if (typeof revision !== 'number' || !Number.isInteger(revision) || revision < 1) return 'revision must be a positive whole number';
    commands.push({ cmd: command.cmd, revision });
  }
  return { cmds: commands, format, timestamps: timestamps === true, stopOnError: stopOnError !== false };
}

function fail(id: string | number | null, code: number, message: string, data: readonly unknown[] = []): Record<string, unknown> {
  return { jsonrpc: '2.0', id, error: { code, message, data } };
}

export interface EapiUser {
  readonly username: string;
  readonly password: string;
}

/** Access to eAPI over TCP: open without a configured user, else by basic authentication or a login cookie. */
class EapiSessions {
  readonly #user: EapiUser | undefined;
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #live = new Map<string, MonotonicMs>();
  #issued = 0;

  constructor(user: EapiUser | undefined, clock: Clock, lifetimeMs: number) {
    this.#user = user;
    this.#clock = clock;
    this.#lifetimeMs = lifetimeMs;
  }

  get open(): number {
    return this.#live.size;
  }

  /** A new session's token; undefined for wrong credentials. */
  login(body: string): string | undefined {
    const { username, password } = readLogin(body);
    if (!this.#matches(username, password)) return undefined;
    this.#issued += 1;
    const token = `simulated-session-${this.#issued}`;
    this.#live.set(token, this.#clock.monotonic());
    return token;
  }

  logout(headers: IncomingHttpHeaders): void {
    this.#live.delete(tokenOf(headers) ?? '');
  }

  /** Whether these headers have the right credentials or the cookie of a live session. */
  admits(headers: IncomingHttpHeaders): boolean {
    if (this.#user === undefined) return true;
    const [username, password] = basicOf(headers);
    if (username !== undefined) return this.#matches(username, password);
    const since = this.#live.get(tokenOf(headers) ?? '');
    return since !== undefined && this.#clock.monotonic() - since < this.#lifetimeMs;
  }

  /** Ends every session, as after `session timeout`. */
  expire(): void {
    this.#live.clear();
  }

  #matches(username: unknown, password: unknown): boolean {
    return this.#user === undefined || (username === this.#user.username && password === this.#user.password);
  }
}

function readLogin(body: string): { readonly username?: unknown; readonly password?: unknown } {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

function tokenOf({ cookie = '' }: IncomingHttpHeaders): string | undefined {
  return /(?:^|;\s*)Session=([^;]+)/.exec(cookie)?.[1];
}

function basicOf({ authorization = '' }: IncomingHttpHeaders): readonly [username?: string, password?: string] {
  const encoded = /^Basic (\S+)$/.exec(authorization)?.[1];
  if (encoded === undefined) return [];
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? [decoded, ''] : [decoded.slice(0, colon), decoded.slice(colon + 1)];
}

/** Counters for tests and benchmarks. */
export interface EapiStats {
  readonly requests: number;
  readonly logins: number;
  readonly logouts: number;
  /** Connections accepted since the start. */
  readonly connections: number;
  /** Bytes of request and response bodies. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How often each command was run. */
  readonly commands: Readonly<Record<string, number>>;
}

/** Commands that differ only in the neighbor that they name are many; beyond this many distinct ones they are counted together. */
const MAX_DISTINCT_COMMANDS = 10_000;
const NO_TOTALS = { requests: 0, logins: 0, logouts: 0, connections: 0, bytesIn: 0, bytesOut: 0 };

class EapiCounters {
  #totals = { ...NO_TOTALS };
  readonly #commands = new Map<string, number>();

  count(what: keyof typeof NO_TOTALS, by = 1): void {
    this.#totals[what] += by;
  }

  countCommand(command: string): void {
    const key = this.#commands.has(command) || this.#commands.size < MAX_DISTINCT_COMMANDS ? command : '(others)';
    this.#commands.set(key, (this.#commands.get(key) ?? 0) + 1);
  }

  read(): EapiStats {
    return { ...this.#totals, commands: Object.fromEntries(this.#commands) };
  }

  reset(): void {
    this.#totals = { ...NO_TOTALS };
    this.#commands.clear();
  }
}

interface EapiHandlerOptions {
  readonly clock: Clock;
  readonly sessions: EapiSessions;
  readonly stats: EapiCounters;
  /** The input of the next response. */
  readonly nextScene: () => Scene;
  /** Aborted when the server stops, so that no delay outlives it. */
  readonly stopping: () => AbortSignal;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** No request of a reader of BGP comes near; more is refused. */
const MAX_REQUEST_BYTES = 1 << 20;

const NOT_EAPI = '<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Welcome</h1><p>Sign in to continue.</p></body></html>';
const WRONG_CREDENTIALS = 'Unable to authenticate user: Bad username/password combination';

/**
 * Handles one HTTP request.
 *
 *   faults of the transport ── /login · /logout · /command-api ── authentication ── runCmds ── answer, cut where a fault says so
 */
function createEapiHandler({ clock, sessions, stats, nextScene, stopping }: EapiHandlerOptions) {
  return async (request: IncomingMessage, response: ServerResponse, local: boolean): Promise<void> => {
    const scene = nextScene();
    stats.count('requests');
    if (scene.faults.current('refuse') !== undefined) {
      request.socket.destroy();
      return;
    }
    const body = await readBody(request);
    if (scene.faults.current('hang') !== undefined) return;
    const slow = scene.faults.current('slow');
    if (slow !== undefined) await clock.sleep(slow.delayMs, stopping());
    const reply = body === undefined ? plain(413, 'Request Entity Too Large') : (faultyReply(scene) ?? route(request, body, scene, local));
    const cut = scene.faults.current('cut') !== undefined && reply.status === 200;
    send(response, reply, cut);
  };

  function route(request: IncomingMessage, body: string, scene: Scene, local: boolean): Reply {
    stats.count('bytesIn', Buffer.byteLength(body));
    const path = (request.url ?? '').split('?')[0];
    if (path === '/login' && request.method === 'POST') return login(body);
    if (path === '/logout' && request.method === 'POST') {
      stats.count('logouts');
      sessions.logout(request.headers);
      return json('{"Logout": "Successful"}');
    }
    if (path !== '/command-api') return plain(404, 'Not Found');
    if (!local && !sessions.admits(request.headers)) {
      return { ...plain(401, WRONG_CREDENTIALS), headers: { 'WWW-Authenticate': 'Basic realm="COMMAND_API_AUTH"' } };
    }
    if (request.method === 'HEAD') return json('');
    return request.method === 'POST'
      ? json(JSON.stringify(answerRunCmds(body, scene, (command) => stats.countCommand(command))))
      : plain(405, 'Method Not Allowed');
  }

  function login(body: string): Reply {
    stats.count('logins');
    const token = sessions.login(body);
    if (token === undefined) return plain(401, WRONG_CREDENTIALS);
    return { ...json('{"Username": "admin", "Login": "Successful"}'), headers: { 'Set-Cookie': `Session=${token}; Path=/; HttpOnly` } };
  }

  /** Writes the reply; a cut one promises the whole, sends half and hangs up. */
  function send(response: ServerResponse, { status, type, text, headers = {} }: Reply, cut: boolean): void {
    const bytes = Buffer.from(text);
    const sent = cut ? bytes.subarray(0, bytes.byteLength >> 1) : bytes;
    stats.count('bytesOut', sent.byteLength);
    response.writeHead(status, { ...headers, 'Content-Type': type, 'Content-Length': bytes.byteLength });
    if (cut) response.write(sent, () => response.socket?.end());
    else response.end(sent);
  }
}

function faultyReply({ faults }: Scene): Reply | undefined {
  const status = faults.current('http-status')?.status;
  if (status !== undefined) return { status, type: 'text/html', text: `<html><body><h1>${status}</h1></body></html>` };
  return faults.current('garbage') === undefined ? undefined : { status: 200, type: 'text/html', text: NOT_EAPI };
}

function json(text: string): Reply {
  return { status: 200, type: 'application/json', text };
}

function plain(status: number, text: string): Reply {
  return { status, type: 'text/plain', text };
}

/** The request's body as text; undefined when it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.byteLength;
    if (size > MAX_REQUEST_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export interface SimulatedEapiOptions {
  readonly switch: SimulatedSwitch;
  readonly faults: SwitchFaults;
  readonly clock?: Clock;
  /** The user for TCP. Default: no authentication. The Unix socket needs none, as on a switch. */
  readonly credentials?: EapiUser;
  /** How long the cookie of a login is good for, milliseconds; a switch's default is 24 hours. */
  readonly sessionLifetimeMs?: number;
  /** TCP port on 127.0.0.1. Default: a free port. */
  readonly port?: number;
  /** Path of the Unix socket, which must not exist; one in a directory of its own without it. */
  readonly socketPath?: string;
  /** HTTPS instead of HTTP over TCP, PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly eosQuirks?: Partial<EosQuirks>;
}

export interface SimulatedEapi {
  /** Listens on loopback and at the Unix socket. */
  start(): Promise<EapiAddresses>;
  /** Hangs up, stops listening and removes the socket. */
  stop(): Promise<void>;
  setQuirks(eosQuirks: Partial<EosQuirks>): void;
  /** Every cookie session ends now. */
  expireSessions(): void;
  openSessions(): number;
  openConnections(): number;
  /** Ends the connections that are open now, as a switch does with idle ones. */
  hangUp(): void;
  stats(): EapiStats;
  resetStats(): void;
}

export interface EapiAddresses {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly socketPath: string;
}

/**
 * The eAPI of the simulated DZD: `POST /command-api` over TCP and over a Unix socket, with the responses of a real switch.
 *
 *   SimulatedSwitch ── render ──► runCmds ──► HTTP ──► TCP (authenticated) · Unix socket
 *   SwitchFaults ────────┴──────────┴──────────┘
 */
export function createSimulatedEapi(options: SimulatedEapiOptions): SimulatedEapi {
  const { switch: sim, faults, clock = systemClock, credentials, sessionLifetimeMs = 86_400_000, tls } = options;
  const sessions = new EapiSessions(credentials, clock, sessionLifetimeMs);
  const stats = new EapiCounters();
  let eosQuirks: EosQuirks = { ...CURRENT_EOS, ...options.eosQuirks };
  let answers = 0;
  let running: { readonly listeners: readonly Listener[]; readonly directory: string; readonly addresses: EapiAddresses } | undefined;
  let stopping = createAbortController();

  const handle = createEapiHandler({
    clock,
    sessions,
    stats,
    nextScene: () => ({ sim, faults, eosQuirks, answer: answers++ }),
    stopping: () => stopping.signal,
  });
  const listener = (local: boolean): Listener =>
    createListener({
      onRequest(request, response) {
        // The client disconnected or the server stops: no response is possible.
        handle(request, response, local).catch(() => request.socket.destroy());
      },
      tls: local ? undefined : tls,
      refuses: () => faults.current('refuse') !== undefined,
      onConnection: () => stats.count('connections'),
    });

  return {
    async start() {
      if (running !== undefined) return running.addresses;
      stopping = createAbortController();
      const directory = await mkdtemp(join(tmpdir(), 'dzd-eapi-'));
      const socketPath = options.socketPath ?? join(directory, 'command-api.sock');
      const tcp = listener(false);
      const unix = listener(true);
      const port = await tcp.listen({ host: '127.0.0.1', port: options.port ?? 0 });
      await unix.listen({ path: socketPath });
      running = {
        listeners: [tcp, unix],
        directory,
        addresses: { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, socketPath },
      };
      return running.addresses;
    },
    async stop() {
      const ending = running;
      running = undefined;
      if (ending === undefined) return;
      stopping.abort(new Stopped('the simulated eAPI stops'));
      await Promise.all(ending.listeners.map((each) => each.close()));
      await rm(ending.directory, { recursive: true, force: true });
    },
    setQuirks(changed) {
      eosQuirks = { ...eosQuirks, ...changed };
    },
    expireSessions: () => sessions.expire(),
    openSessions: () => sessions.open,
    openConnections: () => running?.listeners.reduce((total, each) => total + each.openConnections(), 0) ?? 0,
    hangUp() {
      for (const each of running?.listeners ?? []) each.hangUp();
    },
    stats: () => stats.read(),
    resetStats: () => stats.reset(),
  };
}
