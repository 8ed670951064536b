/** A user of the lab's device: its tunnel's number and its /31, such as 169.254.0.0/31. */
export interface LabUser {
  readonly tunnelId: number;
  readonly tunnelNet: string;
  /** False for a user whose client does not run from the start. */
  readonly connects?: boolean;
}

/** The two addresses of the user's tunnel: the device's is the even one, the client's the odd one. */
export function tunnelEnds({ tunnelNet }: LabUser): { readonly device: string; readonly client: string } {
  const [base = '', length] = tunnelNet.split('/');
  const octets = base.split('.').map(Number);
  const last = octets[3];
  if (length !== '31' || octets.length !== 4 || last === undefined || last % 2 !== 0)
    throw new Error(`${tunnelNet} is not a /31 with an even base`);
  return { device: base, client: [...octets.slice(0, 3), last + 1].join('.') };
}

const DEVICE_AS = 65_342;
const CLIENT_AS = 65_000;

/** bgpd of the device, as the DoubleZero controller configures its users: passive, keepalive 1 s, hold 3 s, described by tunnel. */
export function deviceConfiguration(users: readonly LabUser[]): string {
  return lines(
    'frr defaults traditional',
    'hostname dzd',
    'log stdout informational',
    'agentx',
    `router bgp ${DEVICE_AS}`,
    ' bgp router-id 10.255.0.1',
    ' no bgp ebgp-requires-policy',
    ' no bgp network import-check',
    ' timers bgp 1 3',
    ...users.flatMap((user) => {
      const { client } = tunnelEnds(user);
      return [
        ` neighbor ${client} remote-as ${CLIENT_AS}`,
        ` neighbor ${client} description USER-${user.tunnelId}`,
        ` neighbor ${client} passive`,
      ];
    }),
  );
}

/** bgpd of a client: it connects to the device, again each second. */
export function clientConfiguration(user: LabUser, routerId: string): string {
  const { device } = tunnelEnds(user);
  return lines(
    'frr defaults traditional',
    `hostname client-${user.tunnelId}`,
    'log stdout informational',
    `router bgp ${CLIENT_AS}`,
    ` bgp router-id ${routerId}`,
    ' no bgp ebgp-requires-policy',
    ' timers bgp 1 3',
    ` neighbor ${device} remote-as ${DEVICE_AS}`,
    ` neighbor ${device} timers connect 1`,
  );
}

/** A user of snmpd, by the words of its configuration: SHA, SHA-512, …; AES, AES-256, … */
export interface LabSnmpUser {
  readonly name: string;
  readonly auth: { readonly protocol: string; readonly password: string };
  readonly priv: { readonly protocol: string; readonly password: string };
  /** The least that it may come with; both without it. */
  readonly level?: 'auth' | 'noauth';
}

/** Where snmpd sends what bgpd notifies of, and how. */
export interface LabTrapTarget {
  readonly port: number;
  readonly version: '2c' | '3';
  readonly kind: 'trap' | 'inform';
}

export interface LabSnmpd {
  readonly community: string;
  readonly agentxSocket: string;
  /** The first one sends the notifications of version 3. */
  readonly users: readonly LabSnmpUser[];
  readonly traps: readonly LabTrapTarget[];
  readonly trapHost: string;
}

/** snmpd as the master of AgentX subagents (RFC 2741), which bgpd's SNMP module is. */
export function snmpdConfiguration({ community, agentxSocket, users, traps, trapHost }: LabSnmpd): string {
  const [sender] = users;
  return lines(
    'master agentx',
    `agentXSocket ${agentxSocket}`,
    'agentXPerms 0777 0777',
    `rocommunity ${community}`,
    ...users.flatMap(({ name, auth, priv, level = 'priv' }) => [
      `createUser ${name} ${auth.protocol} ${auth.password} ${priv.protocol} ${priv.password}`,
      `rouser ${name} ${level}`,
    ]),
    ...traps.map(({ port, version, kind }) => {
      const as = version === '2c' || sender === undefined ? `-v 2c -c ${community}` : `-v 3 ${userOptions(sender)}`;
      return `trapsess ${kind === 'inform' ? '-Ci ' : ''}${as} ${trapHost}:${port}`;
    }),
  );
}

function userOptions({ name, auth, priv }: LabSnmpUser): string {
  return `-l authPriv -u ${name} -a ${auth.protocol} -A ${auth.password} -x ${priv.protocol} -X ${priv.password}`;
}

/** What bgpd's SNMP module reads, as an application of Net-SNMP's named `frr`. */
export function agentxConfiguration(agentxSocket: string): string {
  return lines(`agentXSocket ${agentxSocket}`);
}

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
