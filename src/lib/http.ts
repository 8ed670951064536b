import request from 'undici/lib/api/api-request.js';
import buildConnector from 'undici/lib/core/connect.js';
import errors from 'undici/lib/core/errors.js';
import Agent from 'undici/lib/dispatcher/agent.js';
import Client from 'undici/lib/dispatcher/client.js';
import Pool from 'undici/lib/dispatcher/pool.js';

/*
 * What is used of undici. The package loads all of itself, fetch and WebSocket and caches and mocks, where any of it is asked for by its name: 9 MB of
 * resident memory that no request of ours needs. The files behind it are no promise of its makers, so the version is pinned, and an upgrade
 * that moves them fails to load here, in every test. What the package mixes into its dispatchers (`request`, `stream` …) is not there,
 * whatever their types say: `request` is called on one, `request.call(client, …)`.
 */
export { Agent, buildConnector, Client, errors, Pool, request };

/** All of an answer's body. Throws what `tooLarge` makes as soon as more than `maxBytes` have come, and whatever the body's own reading throws. */
export async function readBody(body: AsyncIterable<unknown>, maxBytes: number, tooLarge: () => Error): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
