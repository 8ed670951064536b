import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, Stopped, systemClock } from '../../../lib/index.ts';
import type { SimulatedSwitch } from '../simulated-switch.ts';
import type { SwitchFaults } from '../switch-faults.ts';
import { createEapiHandler } from './eapi-handler.ts';
import { createListener, type Listener } from './listener.ts';
import { CURRENT_EOS, type EapiOddities } from './oddities.ts';
import { createEapiSessions, type EapiUser } from './sessions.ts';
import { createEapiStats, type EapiStats } from './stats.ts';

export interface SimulatedEapiOptions {
  readonly switch: SimulatedSwitch;
  readonly faults: SwitchFaults;
  readonly clock?: Clock;
  /** The one user of the TCP face; without it nobody has to authenticate. The Unix socket never asks, as on a switch. */
  readonly credentials?: EapiUser;
  /** How long the cookie of a login is good for, milliseconds; a switch's default is 24 hours. */
  readonly sessionLifetimeMs?: number;
  /** Of the TCP face, on 127.0.0.1; a free one without it. */
  readonly port?: number;
  /** Path of the Unix socket, which must not exist; one in a directory of its own without it. */
  readonly socketPath?: string;
  /** HTTPS instead of HTTP on the TCP face, PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly oddities?: Partial<EapiOddities>;
}

export interface SimulatedEapi {
  /** Listens on loopback and at the Unix socket. */
  start(): Promise<EapiAddresses>;
  /** Hangs up, stops listening and removes the socket. */
  stop(): Promise<void>;
  setOddities(oddities: Partial<EapiOddities>): void;
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
 * The eAPI of the simulated DZD: `POST /command-api` over TCP and over a Unix socket, with the answers of a real switch drawn from the
 * simulated one.
 *
 *   SimulatedSwitch ── render ──► runCmds ──► HTTP ──► TCP (authenticated) · Unix socket
 *   SwitchFaults ────────┴──────────┴──────────┘
 */
export function createSimulatedEapi(options: SimulatedEapiOptions): SimulatedEapi {
  const { switch: sim, faults, clock = systemClock, credentials, sessionLifetimeMs = 86_400_000, tls } = options;
  const sessions = createEapiSessions(credentials, clock, sessionLifetimeMs);
  const stats = createEapiStats();
  let oddities: EapiOddities = { ...CURRENT_EOS, ...options.oddities };
  let answers = 0;
  let running: { readonly listeners: readonly Listener[]; readonly directory: string; readonly addresses: EapiAddresses } | undefined;
  let life = new AbortController();

  const handle = createEapiHandler({
    clock,
    sessions,
    stats,
    nextScene: () => ({ sim, faults, oddities, answer: answers++ }),
    stopping: () => life.signal,
  });
  const listener = (local: boolean): Listener =>
    createListener({
      onRequest(request, response) {
        // A client that hangs up, or the end of the face, ends the exchange: there is nobody left to tell.
        handle(request, response, local).catch(() => request.socket.destroy());
      },
      tls: local ? undefined : tls,
      refuses: () => faults.current('refuse') !== undefined,
      onConnection: () => stats.count('connections'),
    });

  return {
    async start() {
      if (running !== undefined) return running.addresses;
      life = new AbortController();
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
      life.abort(new Stopped('the simulated eAPI stops'));
      await Promise.all(ending.listeners.map((each) => each.close()));
      await rm(ending.directory, { recursive: true, force: true });
    },
    setOddities(changed) {
      oddities = { ...oddities, ...changed };
    },
    expireSessions: () => sessions.expire(),
    openSessions: () => sessions.open(),
    openConnections: () => running?.listeners.reduce((total, each) => total + each.openConnections(), 0) ?? 0,
    hangUp() {
      for (const each of running?.listeners ?? []) each.hangUp();
    },
    stats: () => stats.read(),
    resetStats: () => stats.reset(),
  };
}
