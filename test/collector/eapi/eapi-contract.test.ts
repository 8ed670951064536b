import { createSimulatedEapi, createSimulatedGrpc } from '../../../localnet/switch/index.ts';
import { createEapiSource } from '../../../src/collector/eapi/source.ts';
import { describeSwitchSource, type SourceFixture, type SourceHarness, type StartedSource } from '../source-contract.ts';

const FATAL_FAULTS: SourceHarness['fatalFaults'] = [
  { kind: 'refuse' },
  { kind: 'hang' },
  { kind: 'cut' },
  { kind: 'garbage' },
  { kind: 'wrong-types' },
  { kind: 'empty' },
  { kind: 'http-status', status: 401 },
  { kind: 'http-status', status: 500 },
  { kind: 'http-status', status: 503 },
  { kind: 'command-error', code: 1000, errors: ['BGP inactive'] },
  { kind: 'command-error', code: 1001, errors: [''] },
  { kind: 'command-error', code: 1002, errors: ["Invalid input (at token 1: 'ip')"] },
  { kind: 'command-error', code: 1003, errors: ['Command cannot be used over the API at this time'] },
  { kind: 'command-error', code: 1004, errors: [] },
  { kind: 'command-error', code: 1005, errors: ['Command unauthorized: user has insufficient permissions'] },
];

/** Those that differ by the way in which the switch is reached. */
const TRANSPORT_FAULTS = FATAL_FAULTS.filter(({ kind }) => ['refuse', 'hang', 'cut', 'garbage', 'http-status'].includes(kind));

const USER = { username: 'telemetry', password: 'only-for-this-test' };

async function startTcp(fixture: SourceFixture, login: 'basic' | 'session'): Promise<StartedSource> {
  const server = createSimulatedEapi({ switch: fixture.sim, faults: fixture.faults, clock: fixture.clock, credentials: USER });
  const { url } = await server.start();
  const source = createEapiSource({ endpoint: url, credentials: { ...USER, login }, clock: fixture.clock, timeoutMs: fixture.timeoutMs });
  return { source, where: url, openConnections: server.openConnections, stop: server.stop };
}

describeSwitchSource('eAPI over HTTP with a login session', {
  fatalFaults: FATAL_FAULTS,
  start: (fixture) => startTcp(fixture, 'session'),
});

describeSwitchSource('eAPI over HTTP with basic authentication', {
  fatalFaults: TRANSPORT_FAULTS,
  start: (fixture) => startTcp(fixture, 'basic'),
});

describeSwitchSource('eAPI over a Unix socket', {
  fatalFaults: TRANSPORT_FAULTS,
  async start(fixture) {
    const server = createSimulatedEapi({ switch: fixture.sim, faults: fixture.faults, clock: fixture.clock, credentials: USER });
    const { socketPath } = await server.start();
    const source = createEapiSource({ endpoint: `unix://${socketPath}`, clock: fixture.clock, timeoutMs: fixture.timeoutMs });
    return { source, where: `unix://${socketPath}`, openConnections: server.openConnections, stop: server.stop };
  },
});

describeSwitchSource('eAPI over gRPC', {
  fatalFaults: [
    ...TRANSPORT_FAULTS.filter((fault) => fault.kind !== 'http-status' || fault.status !== 401),
    { kind: 'command-error', code: 1000, errors: ['BGP inactive'] },
    { kind: 'command-error', code: 1004, errors: [] },
    { kind: 'empty' },
  ],
  async start(fixture) {
    const server = createSimulatedGrpc({ switch: fixture.sim, faults: fixture.faults, clock: fixture.clock });
    const { host, port } = await server.start();
    const endpoint = `grpc://${host}:${port}`;
    const source = createEapiSource({ endpoint, clock: fixture.clock, timeoutMs: fixture.timeoutMs });
    return { source, where: endpoint, openConnections: server.openConnections, stop: server.stop };
  },
});
