import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { seededRandom } from '../../src/lib/index.ts';
import { createLedgerRpc, type EndpointEvent, type Resolve } from '../../src/rpc/index.ts';
import { asTimePasses, letTimersStandStill } from '../support/passing-time.ts';
import { calm, manualClock, OUR_KEY, PROGRAM } from './builders.ts';

const DEAD = '127.0.0.2';
const ALIVE = '127.0.0.1';
const at = (...addresses: readonly string[]) => addresses.map((address) => ({ address, family: 4 }));

/** A node whose every balance is 7, which counts its connections. */
async function node(address: string, port = 0): Promise<{ readonly port: number; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { id } = JSON.parse(Buffer.concat(chunks).toString());
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { context: { slot: 5 }, value: 7 } }));
  });
  server.on('connection', () => {
    connections += 1;
  });
  return { port: await listening(server, address, port), connections: () => connections };
}

/** Takes connections and says nothing, as the address of a node that hangs does. */
async function silence(address: string, port: number): Promise<{ readonly connections: () => number }> {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
  });
  await listening(server, address, port);
  return { connections: () => connections };
}

async function listening(server: Server | TcpServer, address: string, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A ledger client at `ledger.test`, whose addresses are what `resolve` says. */
function clientOf(port: number, resolve: Resolve) {
  letTimersStandStill();
  const events: EndpointEvent[] = [];
  const clock = manualClock();
  const rpc = createLedgerRpc({
    urls: [`http://ledger.test:${port}`],
    programId: PROGRAM,
    random: seededRandom(1),
    clock,
    requestTimeoutMs: 2_000,
    resolve,
    onEndpoint: (event) => void events.push(event),
  });
  onTestFinished(() => rpc.close());
  /** The balance, or the code and the address of the error. */
  const balance = (): Promise<unknown> =>
    asTimePasses(
      25,
      rpc.balance(OUR_KEY, calm()).catch((error) => `${error.code} at ${error.context.address}`),
    );
  return { balance, events, clock };
}

test('an address that accepts connections and never answers is replaced by another one, and the event names it', async () => {
  const { port } = await node(ALIVE);
  const dead = await silence(DEAD, port);
  const { balance, events, clock } = clientOf(port, async () => at(DEAD, ALIVE));
  expect(await balance()).toBe(`LEDGER__TIMEOUT at ${DEAD}`);
  clock.advance(60_000);
  expect([await balance(), await balance()]).toEqual([7n, 7n]);
  expect(dead.connections()).toBe(1);
  expect(events).toEqual([
    {
      endpoint: `http://ledger.test:${port}`,
      state: 'lost',
      error: expect.objectContaining({ context: expect.objectContaining({ address: DEAD }) }),
    },
    { endpoint: `http://ledger.test:${port}`, state: 'back' },
  ]);
});

test('several requests that hang on one address count as one failure of it, and not of the next one', async () => {
  const { port } = await node(ALIVE);
  await silence(DEAD, port);
  const { balance, clock } = clientOf(port, async () => at(DEAD, ALIVE));
  const timeout = `LEDGER__TIMEOUT at ${DEAD}`;
  expect(await Promise.all([balance(), balance(), balance()])).toEqual([timeout, timeout, timeout]);
  clock.advance(60_000);
  expect(await Promise.all([balance(), balance(), balance()])).toEqual([7n, 7n, 7n]);
});

test('within one request, an address that refuses is skipped', async () => {
  const { port } = await node(ALIVE);
  const { balance, events } = clientOf(port, async () => at(DEAD, ALIVE));
  expect(await balance()).toBe(7n);
  expect(events).toEqual([]);
});

test('when all addresses refuse, the request fails and the next one resolves the name anew', async () => {
  const { port } = await node(ALIVE);
  const answers = [at(DEAD), at(DEAD, ALIVE)];
  const { balance, clock } = clientOf(port, async () => answers.shift() ?? []);
  expect(await balance()).toBe(`LEDGER__UNREACHABLE at ${DEAD}`);
  clock.advance(60_000);
  expect(await balance()).toBe(7n);
  expect(answers).toEqual([]);
});

test('the client follows a name that moves to another node once the old one stops answering', async () => {
  const { port } = await node(ALIVE);
  await silence(DEAD, port);
  let addresses = at(DEAD);
  const { balance, clock } = clientOf(port, async () => addresses);
  expect(await balance()).toBe(`LEDGER__TIMEOUT at ${DEAD}`);
  addresses = at(ALIVE);
  clock.advance(60_000);
  expect(await balance()).toBe(7n);
});

test('while the resolver fails, its last answer is used', async () => {
  const { port } = await node(ALIVE);
  await silence(DEAD, port);
  let broken = false;
  const { balance, clock } = clientOf(port, async () => {
    if (broken) throw new Error('getaddrinfo EAI_AGAIN ledger.test');
    return at(DEAD, ALIVE);
  });
  expect(await balance()).toBe(`LEDGER__TIMEOUT at ${DEAD}`);
  broken = true;
  clock.advance(60_000);
  expect(await balance()).toBe(7n);
});

test('an endpoint whose name was never resolved is unreachable', async () => {
  const { balance } = clientOf(1, async () => {
    throw new Error('getaddrinfo ENOTFOUND ledger.test');
  });
  expect(await balance()).toBe('LEDGER__UNREACHABLE at undefined');
});
