import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  agentxConfiguration,
  clientConfiguration,
  deviceConfiguration,
  type LabSnmpUser,
  type LabTrapTarget,
  type LabUser,
  snmpdConfiguration,
} from './configuration.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { nameOf, sweepLeftovers } from './namespaces.ts';
import { createLabNetwork } from './network.ts';
import { BGPD, requireLabMachine } from './requirements.ts';

export interface BgpLabOptions {
  readonly users: readonly LabUser[];
  /** Users of the device's snmpd, besides its community. */
  readonly snmpUsers?: readonly LabSnmpUser[];
  /** Ports of the root namespace to which snmpd sends notifications. */
  readonly traps?: readonly LabTrapTarget[];
}

export interface BgpLab {
  /** Where the device's snmpd answers the root namespace, once started. FRR's BGP4-MIB shows the default VRF. */
  readonly snmp: { readonly host: string; readonly port: number; readonly community: string };
  /** The network namespace that stands for the device, for `ip netns exec`. */
  readonly deviceNamespace: string;
  /**
   * Resolves when all daemons run; the sessions come up within seconds after. Rejects, with nothing left behind, when something is
   * missing or fails.
   */
  start(): Promise<void>;
  /** Ends and removes everything. Every step is tried, and the failures are thrown together. Idempotent. */
  stop(): Promise<void>;
  /** The client's bgpd dies on the spot; `user` is the position in `users`. */
  killClient(user: number): Promise<void>;
  restartClient(user: number): Promise<void>;
  /** The client's end of the tunnel goes dark: the device learns of it when its hold timer runs out. */
  unplugClient(user: number): Promise<void>;
  replugClient(user: number): Promise<void>;
  /** The device's bgpd dies: every session with it, and the rows that snmpd had of it. */
  killDeviceBgp(): Promise<void>;
  restartDeviceBgp(): Promise<void>;
  /** The device's SNMP agent dies and comes back: another boot of its engine. bgpd restarts, too, since its module reconnects slowly. */
  restartSnmpd(): Promise<void>;
  /** What the daemons printed last, for a failing test's message. */
  describe(): string;
}

const COMMUNITY = 'telemetry';
const SNMP_PORT = 161;

/**
 * A DoubleZero Device with real BGP sessions, on one machine:
 *
 *   root namespace            namespace `…-dzd`                              namespace `…-c0`, `…-c1`, …
 *     agent ── management veth ── snmpd ◄─AgentX─ bgpd ── Tunnel500 ══veth══ doublezero0 ── bgpd
 *                                                  └───── Tunnel501 ══veth══ doublezero0 ── bgpd
 *
 * veth pairs stand for the GRE tunnels. Names carry this process's number, so that runs do not meet, and a later run can remove what a
 * killed one left.
 */
export function createBgpLab({ users, snmpUsers = [], traps = [] }: BgpLabOptions): BgpLab {
  const network = createLabNetwork(users);
  const clients = new Map<number, Daemon>();
  let snmpd: Daemon | undefined;
  let deviceBgpd: Daemon | undefined;
  let folder: string | undefined;

  const daemons = (): Daemon[] => [snmpd, deviceBgpd, ...clients.values()].filter((daemon) => daemon !== undefined);

  const workFolder = (): string => {
    if (folder === undefined) throw new Error('the lab is not started');
    return folder;
  };

  /** Keeps Net-SNMP to the lab's own folder: bgpd's module finds `frr.conf` there, and writes nothing to /var/lib/snmp. */
  const snmpEnvironment = (): Record<string, string> => ({ SNMPCONFPATH: workFolder(), SNMP_PERSISTENT_DIR: join(workFolder(), 'snmp') });

  const startSnmpd = async (): Promise<void> => {
    const agentxSocket = join(workFolder(), 'agentx.sock');
    const file = join(workFolder(), 'snmpd.conf');
    const trapHost = network.rootAddress;
    await writeFile(file, snmpdConfiguration({ community: COMMUNITY, agentxSocket, users: snmpUsers, traps, trapHost }));
    await writeFile(join(workFolder(), 'frr.conf'), agentxConfiguration(agentxSocket));
    const command = ['snmpd', '-f', '-Lo', '-C', '-c', file, `udp:${network.managementAddress}:${SNMP_PORT}`];
    snmpd = startDaemon({ name: 'snmpd', namespace: network.device, command, env: snmpEnvironment() });
    // bgpd tries its master at once, and after a failure not for long: the master has to listen first.
    await until(() => existsSync(agentxSocket), snmpd);
  };

  const startBgpd = async (
    namespace: string,
    configuration: string,
    extra: readonly string[],
    env: Record<string, string>,
  ): Promise<Daemon> => {
    const own = join(workFolder(), namespace);
    await mkdir(own, { recursive: true });
    const file = join(own, 'bgpd.conf');
    await writeFile(file, configuration);
    // -Z: without zebra, as nothing here needs the kernel's routes. -S: as root, so that the folders need no owner of their own.
    const options = [
      '-f',
      file,
      '-i',
      join(own, 'bgpd.pid'),
      '-z',
      join(own, 'zserv.api'),
      '--vty_socket',
      own,
      '--vty_port',
      '0',
      '-S',
      '-Z',
    ];
    return startDaemon({ name: `bgpd in ${namespace}`, namespace, command: [BGPD, ...options, ...extra], env });
  };

  const startDeviceBgp = async (): Promise<void> => {
    deviceBgpd = await startBgpd(network.device, deviceConfiguration(users), ['-M', 'snmp'], snmpEnvironment());
  };

  const startClient = async (position: number): Promise<void> => {
    const user = users[position];
    const namespace = network.clients[position];
    if (user === undefined || namespace === undefined) throw new RangeError(`the lab has no user ${position}`);
    clients.set(position, await startBgpd(namespace, clientConfiguration(user, `10.255.1.${position + 1}`), [], {}));
  };

  const lab: BgpLab = {
    snmp: { host: network.managementAddress, port: SNMP_PORT, community: COMMUNITY },
    deviceNamespace: network.device,
    async start() {
      requireLabMachine();
      await sweepLeftovers();
      folder = await mkdtemp(join(tmpdir(), nameOf('')));
      try {
        await network.lay();
        await startSnmpd();
        await startDeviceBgp();
        for (const [position, user] of users.entries()) if (user.connects !== false) await startClient(position);
      } catch (error) {
        await lab.stop().catch((stopError: unknown) => {
          throw new AggregateError([error, stopError], 'the lab did not start, and was not wholly removed');
        });
        throw error;
      }
    },
    async stop() {
      if (folder === undefined) return;
      const ended = await Promise.allSettled(daemons().map((daemon) => daemon.kill()));
      const failures = [...ended.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])), ...(await network.remove())];
      await rm(folder, { recursive: true, force: true });
      folder = undefined;
      if (failures.length > 0) throw new AggregateError(failures, `the lab was not wholly removed: ${failures.join('; ')}`);
    },
    async killClient(user) {
      await clients.get(user)?.kill();
    },
    async restartClient(user) {
      await lab.killClient(user);
      await startClient(user);
    },
    unplugClient: (user) => network.setClientLink(user, 'down'),
    replugClient: (user) => network.setClientLink(user, 'up'),
    async killDeviceBgp() {
      await deviceBgpd?.kill();
    },
    async restartDeviceBgp() {
      await lab.killDeviceBgp();
      await startDeviceBgp();
    },
    async restartSnmpd() {
      await snmpd?.kill();
      await startSnmpd();
      await lab.restartDeviceBgp();
    },
    describe: () =>
      daemons()
        .map((daemon) => `${daemon.name} (${daemon.isRunning() ? 'running' : 'ended'}):\n${daemon.output()}`)
        .join('\n\n'),
  };
  return lab;
}

async function until(condition: () => boolean, daemon: Daemon): Promise<void> {
  for (let attempt = 0; attempt < 200 && daemon.isRunning(); attempt += 1) {
    if (condition()) return;
    await delay(50);
  }
  throw new Error(`${daemon.name} did not come up:\n${daemon.output()}`);
}
