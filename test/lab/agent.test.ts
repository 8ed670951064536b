import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLocalLedger } from '../../localnet/ledger/index.ts';
import { type Agent, createAgent } from '../../src/agent/agent.ts';
import { DEFAULT_POLICY } from '../../src/bgp/index.ts';
import { createSnmpSource } from '../../src/collector/snmp/source.ts';
import { seededRandom, systemClock } from '../../src/lib/index.ts';
import { createLedgerRpc } from '../../src/rpc/index.ts';
import { type Address, bgpStatusName, lamports, parseNetworkV4 } from '../../src/serviceability/index.ts';
import { signerNumber } from '../support/agent-fixture.ts';
import { recordingReporter } from '../support/recording-reporter.ts';
import { createBgpLab } from './bgp-lab.ts';

const SLOT_MS = 100;
const TUNNELS = [
  { tunnelId: 500, tunnelNet: '169.254.0.0/31' },
  { tunnelId: 501, tunnelNet: '169.254.0.2/31' },
  { tunnelId: 502, tunnelNet: '169.254.0.4/31' },
];

const lab = createBgpLab({ users: TUNNELS });
const publisher = signerNumber(7);
const ledger = createLocalLedger({ clock: systemClock, random: seededRandom(1), slotMs: SLOT_MS });
const { lines, reporter } = recordingReporter((user) => `u${users.indexOf(user as Address)}`);
let users: readonly Address[] = [];
let agent: Agent | undefined;

/** The whole agent, with the waits that it has in service, between real sessions and an embedded ledger. */
async function startAgent(): Promise<void> {
  const device = ledger.admin.createDevice({ metricsPublisher: publisher.address, code: 'lab-dz001' });
  ledger.admin.fund(publisher.address, lamports(10_000_000_000));
  users = TUNNELS.map(({ tunnelId, tunnelNet }) => ledger.admin.createUser({ device, tunnelId, tunnelNet: parseNetworkV4(tunnelNet) }));
  const { rpcUrl } = await ledger.start();
  const programId = ledger.programId;
  agent = createAgent({
    device,
    programId,
    signer: publisher,
    rpc: createLedgerRpc({ urls: [rpcUrl], programId, random: seededRandom(2), requestTimeoutMs: 2_000, callTimeoutMs: 5_000 }),
    // FRR's BGP4-MIB shows its default view; it stands for the VRF in which users without a tenant are.
    sources: [
      createSnmpSource({
        name: 'snmp',
        ...lab.snmp,
        vrfs: [{ vrf: 'vrf1', community: lab.snmp.community }],
        timeoutMs: 2_000,
        maxRows: 100,
        clock: systemClock,
      }),
    ],
    policy: DEFAULT_POLICY,
    timing: {
      intervalMs: 500,
      collectTimeoutMs: 3_000,
      viewMaxAgeMs: 5_000,
      viewIdleIntervalMs: 30_000,
      maxLedgerAgeMs: 300_000,
      authorityIntervalMs: 60_000,
      drainMs: 5_000,
      worker: {
        statusPollIntervalMs: 200,
        rebroadcastIntervalMs: 1_000,
        blockhashMaxAgeMs: 1_000,
        sendStaggerMs: 1,
        maxInFlight: 64,
        skipPreflight: false,
      },
    },
    clock: systemClock,
    random: seededRandom(3),
    reporter,
  });
  agent.start();
}

beforeAll(async () => {
  await lab.start();
  await startAgent();
});

afterAll(async () => {
  await agent?.stop();
  await ledger.stop();
  await lab.stop();
});

const ledgerSays = (): readonly string[] => users.map((user) => bgpStatusName(ledger.admin.user(user)?.bgpStatus ?? 255));

async function untilLedgerSays(...wanted: readonly string[]): Promise<void> {
  await expect
    .poll(ledgerSays, { timeout: 60_000, interval: 100 })
    .toEqual(wanted)
    .catch((error: unknown) => {
      throw new Error(`${String(error)}\nlog: ${lines.join(' | ')}\n${lab.describe()}`);
    });
}

/** The writes that the agent knows to be confirmed, all of them and in their order, from this many on. */
async function untilLanded(from: number, ...wanted: readonly string[]): Promise<void> {
  const landed = (): readonly string[] => lines.filter((line) => line.startsWith('landed')).slice(from);
  await expect.poll(landed, { timeout: 10_000, interval: 100 }).toEqual(wanted);
}

describe('the agent, reading real BGP sessions by SNMP', () => {
  test('the agent brings every connected user to Up', async () => {
    await untilLedgerSays('up', 'up', 'up');
    await expect.poll(() => lines.filter((line) => line.startsWith('landed')).sort()).toEqual(users.map((_, user) => `landed u${user} up`));
  });

  test('a client’s bgpd dying brings its user to Down, its return to Up, and no other user is written to', async () => {
    await lab.killClient(1);
    await untilLedgerSays('up', 'down', 'up');
    await lab.restartClient(1);
    await untilLedgerSays('up', 'up', 'up');
    await untilLanded(3, 'landed u1 down', 'landed u1 up');
  });

  test('a client that goes silent brings its user to Down after its hold time and the grace', async () => {
    await lab.unplugClient(2);
    await untilLedgerSays('up', 'up', 'down');
    await lab.replugClient(2);
    await untilLedgerSays('up', 'up', 'up');
    await untilLanded(5, 'landed u2 down', 'landed u2 up');
  });

  test('the device’s own bgpd being gone for longer than the grace causes no write', async () => {
    await lab.killDeviceBgp();
    await expect.poll(() => lines.at(-1), { timeout: 10_000 }).toBe('source snmp lost');
    await delay(DEFAULT_POLICY.downGraceMs + 2_000);
    await lab.restartDeviceBgp();
    await expect.poll(() => lines.at(-1), { timeout: 40_000 }).toBe('source snmp back');
    await delay(DEFAULT_POLICY.downGraceMs + 2_000);
    expect(ledgerSays()).toEqual(['up', 'up', 'up']);
    await untilLanded(7);
  });
});
