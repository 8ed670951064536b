import type { IncomingHttpHeaders } from 'node:http';
import type { Clock, MonotonicMs } from '../../../lib/index.ts';

export interface EapiUser {
  readonly username: string;
  readonly password: string;
}

export interface EapiSessions {
  /** A new session's token, or undefined for wrong credentials. */
  login(body: string): string | undefined;
  logout(headers: IncomingHttpHeaders): void;
  /** Whether these headers carry right credentials or the cookie of a live session. */
  admits(headers: IncomingHttpHeaders): boolean;
  /** Every session ends, as after `session timeout`. */
  expire(): void;
  open(): number;
}

/** Who may talk to the TCP face: anyone when no user is configured, else by basic authentication or by the cookie of a login. */
export function createEapiSessions(user: EapiUser | undefined, clock: Clock, lifetimeMs: number): EapiSessions {
  const live = new Map<string, MonotonicMs>();
  let issued = 0;
  const matches = (username: unknown, password: unknown): boolean =>
    user === undefined || (username === user.username && password === user.password);

  return {
    login(body) {
      const { username, password } = readLogin(body);
      if (!matches(username, password)) return undefined;
      issued += 1;
      const token = `simulated-session-${issued}`;
      live.set(token, clock.monotonic());
      return token;
    },
    logout(headers) {
      live.delete(tokenOf(headers) ?? '');
    },
    admits(headers) {
      if (user === undefined) return true;
      const [username, password] = basicOf(headers);
      if (username !== undefined) return matches(username, password);
      const since = live.get(tokenOf(headers) ?? '');
      return since !== undefined && clock.monotonic() - since < lifetimeMs;
    },
    expire: () => live.clear(),
    open: () => live.size,
  };
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
