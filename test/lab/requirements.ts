import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const BGPD = '/usr/lib/frr/bgpd';

/** What has to be there, and the Debian package that brings it. */
const NEEDED: readonly { readonly what: string; readonly aptPackage: string; readonly isThere: () => boolean }[] = [
  { what: 'ip', aptPackage: 'iproute2', isThere: () => isOnPath('ip') },
  { what: BGPD, aptPackage: 'frr', isThere: () => isExecutable(BGPD) },
  { what: 'bgpd_snmp.so', aptPackage: 'frr-snmp', isThere: hasSnmpModule },
  { what: 'snmpd', aptPackage: 'snmpd', isThere: () => isOnPath('snmpd') },
];

/** Throws one line that says all that the lab lacks here: it fails, and never skips itself in silence. */
export function requireLabMachine(): void {
  const missing = NEEDED.filter(({ isThere }) => !isThere());
  const problems = [
    ...(process.getuid?.() === 0 ? [] : ['it is not run as root, which network namespaces need']),
    ...missing.map(({ what, aptPackage }) => `${what} of Debian's package ${aptPackage} is missing`),
  ];
  if (problems.length === 0) return;
  const packages = NEEDED.map(({ aptPackage }) => aptPackage).join(' ');
  throw new Error(`the lab cannot run here: ${problems.join('; ')}. As root: apt-get install --no-install-recommends ${packages}`);
}

/** Debian installs daemons in folders that an ordinary PATH may lack. */
export const SYSTEM_PATH = [...new Set([...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'])].join(
  delimiter,
);

function isOnPath(name: string): boolean {
  return SYSTEM_PATH.split(delimiter).some((folder) => isExecutable(join(folder, name)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The module lies in a folder named for the machine: /usr/lib/x86_64-linux-gnu/frr/modules. */
function hasSnmpModule(): boolean {
  const folders = ['/usr/lib/frr/modules', ...readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/frr/modules`)];
  return folders.some((folder) => existsSync(join(folder, 'bgpd_snmp.so')));
}
