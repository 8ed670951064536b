import { AgentError, shareWork, withDeadline } from '../../lib/index.ts';

import type { EapiTransport } from './transport.ts';

export interface EapiCredentials {
  readonly username: string;
  readonly password: string;
  /**
   * `session` logs in once and sends a cookie; `basic` sends the password with each request, which the switch checks with AAA each time.
   */
  readonly login: 'session' | 'basic';
}

export interface Authentication {
  /** The headers of the next request; logs in first where that is needed. Throws what a login can meet with. */
  headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** Told of a 401 to a request with these headers; true when another try, with new headers, can help. */
  refused(headers: Readonly<Record<string, string>>): boolean;
  /** Ends the session on the switch, if there is one. */
  end(): Promise<void>;
}

export interface AuthenticationOptions {
  readonly endpoint: string;
  readonly credentials: EapiCredentials | undefined;
  readonly transport: EapiTransport;
}

const LOGOUT_MS = 1_000;

/** A switch's `/login` needs no more; what else it sends is not looked at. */
const SESSION_COOKIE = /^Session=([^;\s]{1,4096})/;

export function createAuthentication({ endpoint, credentials, transport }: AuthenticationOptions): Authentication {
  if (credentials === undefined) return { headers: async () => ({}), refused: () => false, end: async () => undefined };
  const { username, password } = credentials;
  if (credentials.login === 'basic') {
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    return { headers: async () => ({ authorization }), refused: () => false, end: async () => undefined };
  }

  let cookie: string | undefined;

  /** One login at a time, however many requests wait for it. */
  const login = shareWork(async (signal) => {
    const request = {
      path: '/login',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    } as const;
    const { status, setCookie } = await transport.post(request, signal);
    if (status === 401 || status === 403) throw new AgentError('EAPI__UNAUTHORIZED', { endpoint, user: username, status });
    if (status !== 200) throw new AgentError('EAPI__HTTP_STATUS', { endpoint, path: request.path, status });
    const session = setCookie.map((text) => SESSION_COOKIE.exec(text)?.[1]).find((token) => token !== undefined);
    if (session === undefined) throw new AgentError('EAPI__MALFORMED', { endpoint, problem: 'the login brought no session cookie' });
    cookie = `Session=${session}`;
    return cookie;
  });

  return {
    async headers(signal) {
      return { cookie: cookie ?? (await login(signal)) };
    },
    refused(headers) {
      if (headers.cookie === cookie) cookie = undefined;
      return true;
    },
    async end() {
      const leaving = cookie;
      cookie = undefined;
      if (leaving === undefined) return;
      const logout = { path: '/logout', headers: { cookie: leaving, 'content-type': 'application/json' }, body: '{}' } as const;
      // A session that cannot be ended expires by itself; closing must neither fail over it nor wait long.
      await withDeadline(LOGOUT_MS, undefined, (signal) => transport.post(logout, signal)).catch(() => undefined);
    },
  };
}
