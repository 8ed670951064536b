import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, startLocalnet, until } from './bed.mjs';
import { prometheusAt } from './prometheus.mjs';

/*
 * The alerts whose condition a localnet and an agent can produce, each with its fault. The faults of a bed follow each other; beds run at the same time.
 *
 *   alerts    for each the output of each command of its runbook, in the order of the page: what it prints with the fault and not without; ANY where it excludes another cause
 *   user      which one USER means in a command; the first without it
 *   end       what the runbook says to do, or to wait for
 *   finding   the runbook of the verdict's finding, where another one covers this alert
 *   silent    the agent itself cannot know
 *   noData    the queries of the runbook find nothing, which shows the fault
 */
export const ANY = /./;
/** The text at least so many times. */
const times = (count, text) => ({ test: (printed) => printed.split(text).length > count, toString: () => `${count} times ${text}` });

const eapi = (localnet) => ({ type: 'eapi', url: localnet.eapiUrl });

/** Eight users in two VRFs, so that none depends on vrf2. */
const USERS_OF_VRF1 = Array.from({ length: 8 }, (_, n) => ({
  clientIp: `198.18.0.${n + 1}`,
  connected: true,
  ...(n % 4 === 3 ? { kind: 'multicast' } : { tenant: 'a' }),
}));

/** Alerts that no fault of this file fires, and why. */
export const NOT_FOLLOWED = {
  DzdTickStalled:
    'Each wait of a tick has a deadline, so only a defect stalls one. .ci/systemd stops the process, and sees the watchdog restart it.',
  DzdDefect: 'No fault of the environment causes an internal error; one that did would be a defect to fix.',
};

/** Lines of runbooks that need systemd or a switch, and where they run. */
export const ELSEWHERE = {
  'systemctl status dzd-telemetry': '.ci/systemd',
  'systemctl show dzd-telemetry -p NRestarts -p Result -p ExecMainStatus': '.ci/systemd',
  'top -b -n 1 -p "$(systemctl show dzd-telemetry -p MainPID --value)"': 'not run: nothing stalls a tick',
  "FastCli -p 15 -c 'show daemon'": 'not run: only EOS has it',
  "FastCli -p 15 -c 'show running-config section bgp' | grep -o 'description USER-[0-9]*' | sort | uniq -d": 'not run: only EOS has it',
};

/** An account of the loader for programs that can be upgraded. */
const PROGRAM = {
  owner: 'BPFLoaderUpgradeab1e11111111111111111111111',
  data: Buffer.from([2, 0, 0, 0, ...new Uint8Array(32)]).toString('base64'),
};

const fund = (lamports) => async (bed) => {
  const { publisher } = await bed.status();
  await bed.rpc('localnet_fund', { address: publisher, lamports });
};
const reconfigure = (change) => async (bed) => {
  bed.configure(change);
  await bed.reload();
};
const faultOfLedger = (patch) => (bed) => bed.faultOfLedger(patch);
const faultOfSwitch = (fault) => (bed) => bed.faultOfSwitch(fault);
const clear = (bed) => bed.clear();
const setDevice = (changeOf) => (bed) => bed.rpc('localnet_changeDevice', { device: bed.localnet.device, ...changeOf(bed) });
const untilObserved = (bed, users, wanted) =>
  until(
    () => `the agent observes ${users.length} users as ${wanted}`,
    async () => {
      const { users: all } = await bed.status();
      const observed = new Map(all.map(({ user, observation }) => [user, observation]));
      return users.every(({ address }) => observed.get(address) === wanted) ? true : undefined;
    },
    60,
  );
/** When the agent was started, as Prometheus knows it. */
const scrapedStart = async ({ host, prometheus }) => {
  const [sample] = await prometheusAt(`http://${prometheus.address}`).query(`dzd_telemetry_start_timestamp_seconds{instance="${host}"}`);
  return sample?.value[1];
};
/** The device's status bytes. */
const ACTIVATED = 1;
const DRAINED = 5;

/** The localnet of the dashboards, on which nothing fails. */
export const HEALTHY = {
  name: 'healthy',
  flags: ['--scenario', 'churn'],
  settings: ({ rpcUrl }) => ({ ledger: { rpcUrls: [rpcUrl, rpcUrl.replace('127.0.0.1', 'localhost')] } }),
};

const ledger = {
  name: 'ledger',
  faults: [
    {
      what: 'an endpoint that refuses transactions',
      begin: async (bed) => {
        await bed.faultOfLedger({
          rpc: [{ kind: 'error', methods: ['sendTransaction'], code: -32_005, message: 'rate limit of the plan' }],
        });
        await bed.disconnect((await bed.users()).slice(0, 1));
      },
      end: clear,
      finding: 'DzdWritesNotLanding',
      alerts: {
        DzdWritesNotLanding: [/LEDGER__RATE_LIMITED/, /No write has landed/, /writes are not landing/, /rate limit of the plan/],
        DzdWritesDelayed: [/"failed": \d\d/, /rate limit of the plan/, /rate limit of the plan/],
        DzdTransactionFailureRatio: [/rate limit of the plan.*endpoint failed/, /"failed": \d\d/, /rate limit of the plan/],
      },
    },
  ],
};

const slots = {
  name: 'slots',
  faults: [
    {
      what: 'a ledger that stands still',
      begin: async (bed) => {
        await bed.faultOfLedger({ frozen: true });
        await bed.disconnect((await bed.users()).slice(1, 2));
      },
      end: clear,
      alerts: { DzdLedgerStandsStill: [/has made no progress/, /"stillForMs": \d{5}/, /no newer one for 3 s/] },
    },
    {
      what: 'an endpoint that lags',
      begin: faultOfLedger({ lagSlots: 100 }),
      end: clear,
      alerts: { DzdLedgerLag: [/ledger-lag/, /"behindMs": [2-9]\d{4}/, ANY, /is \d+ s old by its block time/] },
    },
  ],
};

const endpoints = {
  name: 'endpoints',
  faults: [
    {
      what: 'a second endpoint that nobody listens on',
      begin: (bed) => reconfigure({ ledger: { rpcUrls: [bed.localnet.rpcUrl, 'http://127.0.0.1:9'] } })(bed),
      end: (bed) => reconfigure({ ledger: { rpcUrls: [bed.localnet.rpcUrl] } })(bed),
      alerts: { DzdEndpointsSetAside: [/127\.0\.0\.1:9\b/, /"state": "lost"/, /127\.0\.0\.1:9\b/] },
    },
    {
      what: 'an endpoint that is not available',
      begin: faultOfLedger({ rpc: [{ kind: 'unavailable' }] }),
      end: clear,
      alerts: { DzdLedgerStale: [/HTTP status 503/, /"state": "lost"/, /HTTP status 503/] },
    },
  ],
};

const theSwitch = {
  name: 'switch',
  genesis: { tenants: [{ code: 'a', vrfId: 1 }], devices: [{ code: 'lo-dz001', users: USERS_OF_VRF1 }] },
  settings: (_, folder) => ({
    snapshots: { sink: 'folder', directory: join(folder, 'snapshots'), collect: ['show snmp mib ifmib ifindex'], interval: '5s' },
  }),
  faults: [
    {
      what: 'a switch that refuses connections',
      begin: faultOfSwitch({ kind: 'refuse' }),
      end: clear,
      alerts: { DzdSwitchUnreachable: [/fail +source eapi/, /"state": "lost"/, /source failed/] },
    },
    {
      what: 'an API of the switch that answers 503',
      begin: faultOfSwitch({ kind: 'http-status', status: 503 }),
      end: clear,
      alerts: { DzdSourceDown: [/HTTP 503/, /"state": "lost"/] },
    },
    {
      what: 'a VRF without users that the switch does not answer for',
      begin: faultOfSwitch({ kind: 'vrf-failing', vrf: 'vrf2' }),
      end: clear,
      alerts: { DzdVrfFailed: [/vrf-failed/, /vrf2/, /not read: vrf2/] },
    },
    {
      what: 'a VRF of users that the switch does not answer for',
      begin: faultOfSwitch({ kind: 'vrf-failing', vrf: 'vrf1' }),
      end: clear,
      alerts: { DzdUsersUnobserved: [/vrf-not-collected/, /VRF vrf1 could not be read/, /not found while a VRF could not be read/] },
    },
    {
      what: 'a neighbor that the controller left behind',
      // Another user has the tunnel on the ledger, so the controller configures it a second time, in the default VRF; the agent cannot see that user.
      begin: async (bed) => {
        const [user, ...others] = await bed.users();
        const { tunnelId, tunnelNet } = user;
        const other = others.find(({ userType }) => userType !== user.userType);
        await bed.faultOfLedger({ account: { kind: 'missing', addresses: [other.address] } });
        await bed.rpc('localnet_changeUser', { user: other.address, tunnelId, tunnelNet });
      },
      end: async (bed) => {
        const [, other] = await bed.users();
        await bed.rpc('localnet_deleteUser', { user: other.address });
        await bed.clear();
      },
      alerts: { DzdUsersAmbiguous: [/users-ambiguous/, ANY] },
    },
    {
      what: 'a folder for snapshots that is a file',
      begin: async ({ folder }) => {
        rmSync(join(folder, 'snapshots'), { recursive: true });
        writeFileSync(join(folder, 'snapshots'), '');
      },
      end: async (bed) => {
        rmSync(join(bed.folder, 'snapshots'));
        await bed.reload();
      },
      alerts: { DzdSnapshotsFailing: [/snapshot/, /fail +snapshots/] },
    },
  ],
};

const users = {
  name: 'users',
  settings: () => ({ policy: { downGrace: '2s', damping: { halfLife: '15s', suppress: 2_500, reuse: 750 } } }),
  faults: [
    {
      what: 'users that flap',
      begin: async (bed) => {
        const some = (await bed.users()).slice(0, 9);
        const flap = async () => {
          await bed.disconnect(some);
          await untilObserved(bed, some, 'down');
          await bed.connect(some);
          await untilObserved(bed, some, 'up');
        };
        const areSuppressed = async () => (await bed.status()).users.filter(({ suppressed }) => suppressed).length >= some.length;
        // The agent counts flaps by the minute, so these must be in one.
        while (new Date().getSeconds() > 20) await sleep(500);
        for (let flaps = 0; flaps < 3 || (flaps < 20 && !(await areSuppressed())); flaps += 1) await flap();
      },
      end: async () => {},
      alerts: { DzdMassFlap: [/"penalty"/, /"down": [2-9]\d/] },
    },
    {
      what: 'a device that loses its users',
      begin: async (bed) => bed.disconnect(await bed.users()),
      end: async (bed) => bed.connect(await bed.users()),
      finding: 'DzdAllUsersDown',
      alerts: {
        DzdMassDown: [/sessions read down at once/, /most sessions/, /\n24 users/],
        DzdAllUsersDown: [/users-all-down/, times(24, '"neighbor": "active"'), times(9, 'session is down')],
      },
    },
    {
      what: 'a device that loses most of its users',
      begin: async (bed) => bed.disconnect((await bed.users()).slice(0, 16)),
      end: async (bed) => bed.connect((await bed.users()).slice(0, 16)),
      alerts: { DzdMostUsersDown: [/users-mostly-down/, times(16, 'tunnelId'), times(16, 'activated  down')] },
    },
    {
      what: 'a user that the program rejects',
      begin: async (bed) => {
        bed.rejected = (await bed.users()).at(18);
        await bed.rpc('localnet_changeUser', { user: bed.rejected.address, dzIp: '127.0.0.1' });
        await bed.disconnect([bed.rejected]);
      },
      user: 18,
      end: ({ rpc, rejected: { address: user, dzIp } }) => rpc('localnet_changeUser', { user, dzIp }),
      alerts: { DzdUsersRejected: [/"parked"/, /rejected the status/, /backed off/] },
    },
    {
      what: 'an endpoint that lists too few users',
      begin: async (bed) => {
        const some = (await bed.users()).slice(-3);
        await bed.faultOfLedger({ account: { kind: 'missing', addresses: some.map(({ address }) => address) } });
      },
      end: clear,
      alerts: { DzdUsersUnlisted: [/"sessions": 3/, /3 on the switch without a user/, /\n21 users: 2[01] connected(, 1 down)?\n/] },
    },
  ],
};

const key = {
  name: 'key',
  settings: () => ({ policy: { damping: { suppressedInterval: '10s' } } }),
  faults: [
    {
      what: 'a key with little SOL',
      begin: fund(200_000),
      end: fund(10_000_000_000),
      alerts: { DzdPayerBalanceLow: [/warn +balance/, /"hoursToEmpty": \d\d?\b/] },
    },
    {
      what: 'an empty key',
      begin: async (bed) => {
        await fund(0)(bed);
        await bed.disconnect((await bed.users()).slice(0, 1));
      },
      end: fund(10_000_000_000),
      alerts: { DzdPayerEmpty: [/WRITE__/, /fail +balance/] },
    },
    {
      what: 'a revoked key',
      begin: setDevice(({ localnet }) => ({ metricsPublisher: localnet.programId })),
      end: async (bed) => {
        const { publisher } = await bed.status();
        await setDevice(() => ({ metricsPublisher: publisher }))(bed);
      },
      alerts: { DzdAuthorityLost: [/fail +publisher/, /LEDGER__PUBLISHER_MISMATCH/] },
    },
    {
      what: 'a drained device',
      begin: setDevice(() => ({ status: DRAINED })),
      end: setDevice(() => ({ status: ACTIVATED })),
      alerts: { DzdDeviceNotActivated: [/drained/, /drained/, /drained/] },
    },
    {
      what: 'a program that cannot be executed',
      begin: async (bed) => {
        await bed.rpc('localnet_setAccount', { ...PROGRAM, address: bed.localnet.programId, executable: false });
        await bed.disconnect((await bed.users()).slice(1, 2));
      },
      end: async (bed) => bed.rpc('localnet_setAccount', { ...PROGRAM, address: bed.localnet.programId, executable: true }),
      alerts: { DzdWritingHalted: [/WRITE__PROGRAM_TOO_OLD/, /fail +instruction/] },
    },
    {
      what: 'a second agent with the same key',
      begin: async (bed) => {
        const { child, found } = await startLocalnet(['--users', '0']);
        bed.others = [
          child,
          await bed.startSecond({ collector: { sources: [eapi(found)], wakeUps: [] }, http: { enabled: false } }, '"starting"'),
        ];
      },
      end: async (bed) => {
        await Promise.all(bed.others.map((child) => end(child)));
      },
      alerts: { DzdSecondWriter: [/another process/, /\w{32}/] },
    },
  ],
};

const host = {
  name: 'host',
  flags: ['--users', '10'],
  settings: () => ({ policy: { refreshInterval: '10s' } }),
  faults: [
    {
      what: 'spend limits that leave room for changes only',
      begin: reconfigure({ worker: { maxLamportsPerDay: 15_000 } }),
      end: reconfigure({ worker: { maxLamportsPerDay: 100_000_000 } }),
      alerts: { DzdRefreshOverdue: [/were not refreshed in time/, /"decisionReason": "refresh"/, /refreshes wait/] },
    },
    {
      what: 'spend limits that leave no room',
      begin: reconfigure({ worker: { maxLamportsPerDay: 5_000 } }),
      end: reconfigure({ worker: { maxLamportsPerDay: 100_000_000 } }),
      alerts: { DzdSpendLimitReached: [/spending limit reached/, /"allowance": "none"/] },
    },
    {
      what: 'a configuration with a mistake',
      begin: reconfigure({ collector: { interval: 'soon' } }),
      end: reconfigure({ collector: { interval: '1s' } }),
      alerts: { DzdReloadFailed: [/configuration reload failed/, /soon/] },
    },
    {
      what: 'a port for traps that another process has',
      begin: async (bed) => {
        bed.socket = createSocket('udp4').bind(0, '127.0.0.1');
        await once(bed.socket, 'listening');
        const { port } = bed.socket.address();
        await reconfigure({ collector: { wakeUps: [{ type: 'snmp-traps', port, community: 'public' }] } })(bed);
      },
      end: async ({ socket }) => void socket.close(),
      alerts: { DzdTriggerLost: [/trigger-lost/, /EADDRINUSE/, /trigger source failed/] },
    },
    {
      what: 'a key file that is gone after a stop',
      begin: async (bed) => {
        await bed.stopAgent();
        renameSync(bed.keypair, `${bed.keypair}.gone`);
        await bed.failToStart();
      },
      end: async (bed) => {
        renameSync(`${bed.keypair}.gone`, bed.keypair);
        await bed.startAgent();
      },
      silent: true,
      alerts: { DzdAgentDown: [/keypair\.json/, /exit code 7/] },
    },
    {
      what: 'an agent that is killed again and again',
      begin: async (bed) => {
        for (let kills = 0; kills < 5; kills += 1) {
          const former = await scrapedStart(bed);
          await bed.stopAgent('SIGKILL');
          await bed.startAgent();
          await until(
            () => 'Prometheus scraped the restarted agent',
            async () => ([undefined, former].includes(await scrapedStart(bed)) ? undefined : true),
            60,
          );
        }
      },
      end: async () => {},
      silent: true,
      alerts: { DzdAgentRestarts: [times(4, '"msg":"starting"'), ANY] },
    },
  ],
};

export const BEDS = [ledger, slots, endpoints, theSwitch, users, key, host];

/** The last fault, as no other alert fires meanwhile. */
export const targetsLost = (targets) => ({
  what: 'a Prometheus without targets',
  begin: async ({ prometheus }) => writeFileSync(prometheus.targets, '[]'),
  end: async ({ prometheus }) => writeFileSync(prometheus.targets, targets),
  silent: true,
  noData: true,
  alerts: { DzdAgentsAbsent: [ANY, /^exit code 0$/] },
});
