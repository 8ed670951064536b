import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../../lib/index.ts';
import type { Scene } from './render-summary.ts';
import { answerRunCmds } from './run-cmds.ts';
import type { EapiSessions } from './sessions.ts';
import type { EapiStatsKeeper } from './stats.ts';

export interface EapiHandlerOptions {
  readonly clock: Clock;
  readonly sessions: EapiSessions;
  readonly stats: EapiStatsKeeper;
  /** What the next answer is drawn from. */
  readonly nextScene: () => Scene;
  /** Aborted when the face stops, so that no delay outlives it. */
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
 * Serves one HTTP request to the face.
 *
 *   faults of the transport ── /login · /logout · /command-api ── authentication ── runCmds ── answer, cut where a fault says so
 */
export function createEapiHandler({ clock, sessions, stats, nextScene, stopping }: EapiHandlerOptions) {
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
      ? json(JSON.stringify(answerRunCmds(body, scene, stats.countCommand)))
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
