import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type CommandIo, type ExitCode, usage } from '../src/cli/command.ts';
import { type ConfigFile, loadKeypair, readConfigFile, yamlRefusal } from '../src/config/index.ts';
import { AgentError, describeError, isAgentError, systemClock } from '../src/lib/index.ts';
import { jsonLine, printable } from '../src/observability/index.ts';
import { readSnapshot } from './drive.ts';
import { CONTRIBUTOR_SEED, createSigner, FOUNDATION_SEED } from './ledger/index.ts';
import { createLocalnet } from './localnet.ts';
import { DEFAULT_RPC_URL, type LocalnetBody, type LocalnetOptions } from './options.ts';
import { createScenario } from './scenario.ts';
import { type Genesis, genesisSchema, type Localnet } from './world.ts';

interface PortChoice {
  /** The flag that names the port, for the error. */
  readonly flag: string;
  readonly protocol: 'tcp' | 'udp';
  /** The requested port; 0 means any. */
  readonly wanted: number | undefined;
  /** The default, used if free. */
  readonly usual: number;
}

/** The port to listen on at 127.0.0.1; 0 for any free port. Throws AgentError `CONFIG__PORT_IN_USE` when the requested port is taken. */
export async function choosePort({ flag, protocol, wanted, usual }: PortChoice): Promise<number> {
  const port = wanted ?? usual;
  const problem = port === 0 ? undefined : await (protocol === 'tcp' ? listenProblem({ host: '127.0.0.1', port }) : bindProblem(port));
  if (problem === undefined) return port;
  if (wanted === undefined) return 0;
  throw new AgentError('CONFIG__PORT_IN_USE', { flag, port, problem: describeError(problem) });
}

/** The bind error of a UDP port, if any. Another process may still take the port afterwards. */
async function bindProblem(port: number): Promise<unknown> {
  try {
    const socket = createSocket('udp4');
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    socket.close();
    await once(socket, 'close');
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The same for a TCP port or a Unix socket. */
async function listenProblem(at: { readonly host: string; readonly port: number } | { readonly path: string }): Promise<unknown> {
  try {
    const server = createServer().listen(at);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The limit of unix(7). Node.js truncates a longer path without an error. */
const MAX_SOCKET_PATH_BYTES = 107;

/** Throws AgentError `CONFIG__USAGE` for a path on which no socket can listen. */
async function requireSocketPath(path: string): Promise<void> {
  const problem =
    Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES
      ? `the path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`
      : await listenProblem({ path });
  if (problem === undefined) return;
  throw usage(`--eapi-socket: cannot listen on ${path}: ${describeError(problem)}; name a file that does not exist, in a folder that does`);
}

/** A temporary folder, removed at exit. */
interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'dzd-telemetry-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Writes a new key into the folder, in the form of solana-keygen: 64 numbers, the seed and the public key. */
export async function writeNewKeypair(folder: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
  return await writeKeypair(join(folder, 'metrics-publisher.json'), Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url'));
}

async function writeKeypair(file: string, seed: Uint8Array, publicKey: Uint8Array): Promise<string> {
  await writeFile(file, `${JSON.stringify([...seed, ...publicKey])}\n`, { mode: 0o600 });
  return file;
}

/** Writes the key of a 32-byte seed, and returns the file. */
export const writeSeed = (file: string, seed: Uint8Array): Promise<string> => writeKeypair(file, seed, createSigner(seed).publicKey);

/** Prints an event: one JSON object a line for programs, a list of names and values for people. */
export function printEvent(event: { readonly event: string }, output: 'json' | 'table', stdout: { write(text: string): unknown }): void {
  const { event: title, ...fields } = event;
  const entries = Object.entries(fields);
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  const lines = entries.map(([name, value]) => `  ${name.padEnd(width)}  ${printable(String(value ?? '-'))}\n`);
  stdout.write(output === 'json' ? jsonLine(event) : `${title}\n${lines.join('')}`);
}

/** Twice the size of a world of 4,000 devices with a user each. */
const MAX_GENESIS_BYTES = 1 << 20;

/** Reads the file of `--genesis`. Throws AgentError `CONFIG__…` with file and line of each problem. */
export function readGenesis(path: string): Genesis {
  const file = readGenesisFile(path);
  const checked = genesisSchema.safeParse(file.value);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key], problem: 'unknown key' }))
      : [{ path: issue.path, problem: issue.message }],
  );
  throw yamlRefusal(file, problems);
}

/** Throws a usage error for an unreadable file: the remedy of `CONFIG__FILE_UNREADABLE` names options that this command lacks. */
function readGenesisFile(path: string): ConfigFile {
  try {
    return readConfigFile(path, MAX_GENESIS_BYTES);
  } catch (error) {
    if (!isAgentError(error) || error.code !== 'CONFIG__FILE_UNREADABLE') throw error;
    throw usage(`--genesis: ${path}: ${error.context.problem}`);
  }
}

/** Mean time between two events of the scenario `churn`. */
const CHURN_INTERVAL_MS = 2_000;

/** The localnet is up and can be used. */
interface ReadyEvent {
  readonly event: 'ready';
  readonly rpcUrl: string;
  /** Of the ledger's subscriptions. */
  readonly wsUrl: string;
  readonly programId: string;
  readonly device: string;
  /** Path of the metrics publisher's key file. */
  readonly keypair: string;
  /** Path of the foundation's key file, which may do what the program keeps for the foundation. */
  readonly foundationKeypair: string;
  /** Path of the key file of the contributor that owns the devices. */
  readonly contributorKeypair: string;
  readonly eapiUrl: string;
  readonly eapiSocket: string;
  /** `host:port` over UDP. */
  readonly snmp: string;
  /** `host:port` over TCP. */
  readonly grpc: string;
  /** Of the state-ingest server, if one was requested. */
  readonly stateIngestUrl?: string;
}

/** `dzd-localnet start`: a ledger and a switch, until a signal ends them. */
export const localnetBody: LocalnetBody = async (options, io) => {
  const folder = await temporaryFolder();
  try {
    return await startIn(folder.path, options, io);
  } finally {
    await folder.remove();
  }
};

async function startIn(folder: string, options: LocalnetOptions, io: CommandIo): Promise<ExitCode> {
  const restore = options.restore === undefined ? undefined : await readSnapshot(options.restore);
  const genesis = options.genesis === undefined ? undefined : readGenesis(options.genesis);
  if (options.eapiSocket !== undefined) await requireSocketPath(options.eapiSocket);
  const keypair = options.keypair ?? (await writeNewKeypair(folder));
  const [foundationKeypair, contributorKeypair] = await Promise.all([
    writeSeed(join(folder, 'foundation.json'), FOUNDATION_SEED),
    writeSeed(join(folder, 'contributor.json'), CONTRIBUTOR_SEED),
  ]);
  const localnet = createLocalnet({
    users: options.users,
    rpcPort: await choosePort({ flag: 'rpc-port', protocol: 'tcp', wanted: options.rpcPort, usual: 8_899 }),
    eapiPort: await choosePort({ flag: 'eapi-port', protocol: 'tcp', wanted: options.eapiPort, usual: 8_080 }),
    snmpPort: await choosePort({ flag: 'snmp-port', protocol: 'udp', wanted: options.snmpPort, usual: 1_161 }),
    grpcPort: await choosePort({ flag: 'grpc-port', protocol: 'tcp', wanted: options.grpcPort, usual: 9_543 }),
    eapiTls: options.eapiTls === undefined ? undefined : await readTls(options.eapiTls),
    eapiSocket: options.eapiSocket,
    stateIngestPort: options.stateIngestPort === undefined ? undefined : await stateIngestPort(options.stateIngestPort),
    program: options.program,
    slotsPerEpoch: options.slotsPerEpoch === undefined ? undefined : BigInt(options.slotsPerEpoch),
    restore,
    genesis,
    publisher: loadKeypair(keypair).keypair.address,
  });
  const scenario = createScenario({ localnet, clock: systemClock, random: Math.random, meanIntervalMs: CHURN_INTERVAL_MS });
  try {
    const { rpcUrl, wsUrl, eapiUrl, eapiSocket, snmp, grpc, stateIngestUrl } = await localnet.start();
    const ready: ReadyEvent = {
      event: 'ready',
      rpcUrl,
      wsUrl,
      programId: localnet.programId,
      device: localnet.device,
      keypair,
      foundationKeypair,
      contributorKeypair,
      eapiUrl,
      eapiSocket,
      snmp: `${snmp.host}:${snmp.port}`,
      grpc: `${grpc.host}:${grpc.port}`,
      stateIngestUrl,
    };
    printEvent(ready, options.output, io.stdout);
    if (options.output === 'table') io.stdout.write(howToUse(ready));
    if (options.scenario === 'churn') scenario.start();
    else if (restore === undefined && genesis === undefined) connectEveryone(localnet);
    await new Promise<void>((resolve) => {
      if (io.signal.aborted) resolve();
      else io.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    return 0;
  } finally {
    await scenario.stop();
    await localnet.stop();
  }
}

async function readTls({ keyFile, certFile }: NonNullable<LocalnetOptions['eapiTls']>) {
  const read = (flag: string, file: string): Promise<string> =>
    readFile(file, 'utf8').catch((error: unknown) => {
      throw new AgentError('CONFIG__USAGE', { problem: `--${flag}: ${describeError(error)}` }, { cause: error });
    });
  const tls = { key: await read('eapi-key', keyFile), cert: await read('eapi-cert', certFile) };
  try {
    if (new X509Certificate(tls.cert).checkPrivateKey(createPrivateKey(tls.key))) return tls;
  } catch (error) {
    throw usage(`--eapi-key, --eapi-cert: not a key and a certificate in PEM: ${describeError(error)}`);
  }
  throw usage('--eapi-key, --eapi-cert: the certificate is for another key');
}

function stateIngestPort(wanted: number): Promise<number> {
  return choosePort({ flag: 'state-ingest-port', protocol: 'tcp', wanted, usual: 0 });
}

function connectEveryone(localnet: Localnet): void {
  for (const user of localnet.truth().keys()) localnet.connect(user);
}

function howToUse({ rpcUrl, device, keypair, eapiUrl, eapiSocket }: ReadyEvent): string {
  // HTTPS needs a user, a password file and a certificate; the socket needs none.
  const url = eapiUrl.startsWith('https:') ? `unix://${resolve(eapiSocket)}` : eapiUrl;
  return `
Try the agent on it, in another terminal. A configuration file for it:

  env: localnet
  device: ${device}
  keypair: ${keypair}
  ledger:
    rpcUrls: [${rpcUrl}]
  collector:
    sources:
      - type: eapi
        url: ${url}

  dzd-telemetry run --config FILE --dry-run
${rpcUrl === DEFAULT_RPC_URL ? '' : `\nCommands for this localnet need its URL: dzd-localnet user list --rpc-url ${rpcUrl}\n`}
docs/localnet.md describes how to create and connect users, and how to set faults. Stop with Ctrl-C.
`;
}
