import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { createLocalnet, type Localnet, type LocalnetAddresses } from '../../localnet/index.ts';
import { writeNewKeypair } from '../../localnet/start.ts';
import type { CommandIo, ExitCode } from '../../src/cli/command.ts';
import { runCommandLine } from '../../src/cli/command-line.ts';
import {
  checkCommand,
  explainCommand,
  historyCommand,
  resourcesCommand,
  runCommand,
  statusCommand,
  supportCommand,
} from '../../src/cli/commands.ts';
import { loadKeypair } from '../../src/config/index.ts';
import { createAbortController, isRecord } from '../../src/lib/index.ts';
import type { Address } from '../../src/serviceability/index.ts';
import { expectDocumented } from '../support/documented-output.ts';

/** About the shortest slot time that the agent accepts. */
const SLOT_MS = 55;

export interface CommandResult {
  readonly exitCode: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
  /** What went to standard output as bytes. */
  readonly bytes: Buffer;
}

type StreamLike = Partial<Pick<CommandIo['stdout'], 'isTerminal' | 'columns' | 'writeBytes'>>;

export interface CommandFixture extends AsyncDisposable {
  readonly localnet: Localnet;
  readonly addresses: LocalnetAddresses;
  /** It goes with the fixture: tests that run at the same time cannot share the hooks of vitest. */
  readonly folder: string;
  /** Another folder, in the first one. */
  newFolder(): string;
  readonly keypair: string;
  readonly publisher: Address;
  /** The users in the order of their tunnels. */
  readonly users: readonly Address[];
  /** Runs `dzd-telemetry COMMAND` with the fixture's configuration file and these arguments; `signal` ends it. */
  run(
    args: readonly [command: string, ...string[]],
    signal?: AbortSignal,
    onOutput?: (text: string) => void,
    onHangup?: CommandIo['onHangup'],
    /** What differs in the streams and the environment. */
    surroundings?: { readonly environment?: CommandIo['environment']; readonly stdout?: StreamLike; readonly stderr?: StreamLike },
  ): Promise<CommandResult>;
  /** Lets slots pass until a change of the ledger is confirmed. */
  settle(): void;
}

/** A localnet of three connected users, a key file and a configuration file for it. */
export async function commandFixture(
  settings: Readonly<Record<string, unknown>> = {},
  {
    sourceTimeout = '10s',
    ...more
  }: { readonly stateIngestPort?: number; readonly program?: 'rfc11' | 'deployed'; readonly sourceTimeout?: string } = {},
): Promise<CommandFixture> {
  const folder = mkdtempSync(join(tmpdir(), 'dzd-telemetry-test-'));
  const keypair = await writeNewKeypair(folder);
  const publisher = loadKeypair(keypair).keypair.address;
  const localnet = createLocalnet({ users: 3, publisher, slotMs: SLOT_MS, ...more });
  const addresses = await localnet.start();
  for (const user of localnet.truth().keys()) localnet.connect(user);
  const settle = (): void => localnet.ledger.bank.advance(3);
  settle();
  const file = join(folder, 'config.yaml');
  const sources = [{ type: 'eapi', url: addresses.eapiUrl, timeout: sourceTimeout }];
  const ours = { env: 'localnet', device: localnet.device, keypair, ledger: { rpcUrls: [addresses.rpcUrl] } };
  const collector = { sources, ...Object(settings.collector) };
  // Port 0: nothing on this host is asked by mistake.
  writeFileSync(file, JSON.stringify({ ...ours, http: { listen: '127.0.0.1:0' }, ...settings, collector }), { mode: 0o600 });
  return {
    localnet,
    addresses,
    folder,
    keypair,
    publisher,
    users: [...localnet.ledger.admin.users(localnet.device)].sort(([, a], [, b]) => a.tunnelId - b.tunnelId).map(([user]) => user),
    settle,
    async run(
      [command, ...args],
      signal = createAbortController().signal,
      onOutput = () => undefined,
      onHangup = () => undefined,
      around = {},
    ) {
      const stdout: string[] = [];
      const stderr: string[] = [];
      const bytes: Uint8Array[] = [];
      const keep = (lines: string[]) => (text: string) => {
        lines.push(text);
        onOutput(text);
      };
      const io: CommandIo = {
        stdout: {
          write: keep(stdout),
          writeBytes: (some) => void bytes.push(some),
          isTerminal: false,
          columns: undefined,
          ...around.stdout,
        },
        stderr: { write: keep(stderr), isTerminal: false, columns: undefined, ...around.stderr },
        environment: around.environment ?? {},
        onHangup,
        signal,
        version: '1.2.3',
      };
      const commands = [runCommand, checkCommand, statusCommand, explainCommand, historyCommand, resourcesCommand, supportCommand];
      const exitCode = await runCommandLine([command, '--config', file, ...args], commands, io);
      if (args.includes('json')) expectDocumented(command, stdout.join(''));
      return { exitCode, stdout: stdout.join(''), stderr: stderr.join(''), bytes: Buffer.concat(bytes) };
    },
    newFolder: () => mkdtempSync(join(folder, 'folder-')),
    async [Symbol.asyncDispose]() {
      await localnet.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One fixture for those tests of a `describe` that change neither ledger nor switch nor files. */
export function shareFixture(make: () => Promise<CommandFixture>): () => CommandFixture {
  let fixture: CommandFixture | undefined;
  beforeAll(async () => {
    fixture = await make();
  });
  afterAll(() => fixture?.[Symbol.asyncDispose]());
  return () => {
    if (fixture === undefined) throw new Error('the fixture is not ready');
    return fixture;
  };
}

/** The objects of a command's output with `--output json`. */
export function jsonLines(text: string): readonly unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** A server on a free port of loopback that goes when the test ends. */
export async function serve(listener: RequestListener, onTestFinished: (close: () => void) => void): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

/** The part of `/status.json` that the commands read, of an agent without users and problems. */
export function statusOf(device: string) {
  return {
    device,
    now: 0,
    lastTick: null,
    users: [],
    sources: [],
    endpoints: [],
    failedVrfs: [],
    ledgerProblem: null,
    halted: null,
    verdict: 'ok',
    findings: [],
    timeline: [],
  };
}

/** An endpoint before the fixture's that counts methods, and changes the results of some. */
export async function endpointBefore(
  { addresses }: CommandFixture,
  onTestFinished: (close: () => void) => void,
  own: Readonly<Record<string, (result: unknown) => unknown>> = {},
) {
  const counts: Record<string, number> = {};
  const where = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    const answer = async (): Promise<void> => {
      const body = Buffer.concat(chunks).toString();
      const { method, id } = JSON.parse(body);
      counts[method] = (counts[method] ?? 0) + 1;
      const asked = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
      const change = own[method];
      const text =
        change === undefined
          ? await (await fetch(addresses.rpcUrl, asked)).text()
          : JSON.stringify({ jsonrpc: '2.0', id, result: change(await resultOf(await fetch(addresses.rpcUrl, asked))) });
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    };
    // The localnet may end while a request waits for it.
    request.on('end', () => void answer().catch(() => response.destroy()));
  }, onTestFinished);
  return { url: `http://${where}`, counts };
}

async function resultOf(response: Response): Promise<unknown> {
  const answer: unknown = await response.json();
  return isRecord(answer) ? answer.result : undefined;
}
