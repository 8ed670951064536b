import { readFile } from 'node:fs/promises';
import { loadKeypair } from '../config/index.ts';
import { AgentError, describeError, systemClock } from '../lib/index.ts';
import { createLocalnet, createScenario, type Localnet } from '../localnet/index.ts';
import { createEventSink, type ReadyEvent } from '../observability/index.ts';
import { choosePort } from './choose-port.ts';
import { DEFAULT_RPC_URL } from './localnet/drive-options.ts';
import { readGenesis } from './localnet/genesis-file.ts';
import { readSnapshot } from './localnet/state-file.ts';
import type { LocalnetBody, LocalnetOptions } from './localnet-options.ts';
import { temporaryFolder, writeNewKeypair } from './temporary-keypair.ts';

/** Mean time between two events of the scenario `churn`. */
const CHURN_INTERVAL_MS = 2_000;

/** `dzd-telemetry localnet`: a ledger and a switch, until a signal ends them. */
export const localnetBody: LocalnetBody = async (options, io) => {
  const restore = options.restore === undefined ? undefined : await readSnapshot(options.restore);
  const genesis = options.genesis === undefined ? undefined : readGenesis(options.genesis);
  const folder = await temporaryFolder();
  const keypair = options.keypair ?? (await writeNewKeypair(folder.path));
  const localnet = createLocalnet({
    users: options.users,
    rpcPort: await choosePort({ flag: 'rpc-port', protocol: 'tcp', wanted: options.rpcPort, usual: 8_899 }),
    eapiPort: await choosePort({ flag: 'eapi-port', protocol: 'tcp', wanted: options.eapiPort, usual: 8_080 }),
    snmpPort: await choosePort({ flag: 'snmp-port', protocol: 'udp', wanted: options.snmpPort, usual: 1_161 }),
    grpcPort: await choosePort({ flag: 'grpc-port', protocol: 'tcp', wanted: options.grpcPort, usual: 9_543 }),
    ...(options.eapiTls === undefined ? {} : { eapiTls: await readTls(options.eapiTls) }),
    ...(options.eapiSocket === undefined ? {} : { eapiSocket: options.eapiSocket }),
    ...(options.stateIngestPort === undefined ? {} : { stateIngestPort: await stateIngestPort(options.stateIngestPort) }),
    ...(restore === undefined ? {} : { restore }),
    ...(genesis === undefined ? {} : { genesis }),
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
      eapiUrl,
      eapiSocket,
      snmp: `${snmp.host}:${snmp.port}`,
      grpc: `${grpc.host}:${grpc.port}`,
      ...(stateIngestUrl === undefined ? {} : { stateIngestUrl }),
    };
    createEventSink({ output: options.output, destination: io.stdout }).emit(ready);
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
    await folder.remove();
  }
};

async function readTls({ keyFile, certFile }: NonNullable<LocalnetOptions['eapiTls']>) {
  const read = (flag: string, file: string): Promise<string> =>
    readFile(file, 'utf8').catch((error: unknown) => {
      throw new AgentError('CONFIG__USAGE', { problem: `--${flag}: ${describeError(error)}` }, { cause: error });
    });
  return { key: await read('eapi-key', keyFile), cert: await read('eapi-cert', certFile) };
}

function stateIngestPort(wanted: number): Promise<number> {
  return choosePort({ flag: 'state-ingest-port', protocol: 'tcp', wanted, usual: 0 });
}

function connectEveryone(localnet: Localnet): void {
  for (const user of localnet.truth().keys()) localnet.connect(user);
}

function howToUse({ rpcUrl, device, keypair, eapiUrl }: ReadyEvent): string {
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
        url: ${eapiUrl}

  dzd-telemetry run --config FILE --dry-run
${rpcUrl === DEFAULT_RPC_URL ? '' : `\nWhat drives this localnet wants its address: dzd-telemetry localnet user list --rpc-url ${rpcUrl}\n`}
docs/localnet.md tells how users are created and connected from outside, and how faults are set. Ctrl-C ends it.
`;
}
