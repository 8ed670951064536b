import { z } from 'zod';
import { type Address, DeviceStatus, type Ipv4, isAddress, isIpv4, parseNetworkV4, UserType } from '../serviceability/index.ts';
import type { WorldAdmin } from './ledger/index.ts';
import { DZ_PREFIXES, PUBLISHER_BALANCE, type World } from './world.ts';

const MOST_USERS = 4_096;

const code = z.string().regex(/^[\w.-]{1,32}$/, 'expected a code of 1 to 32 letters, digits, dots and dashes');
const ip = z.custom<Ipv4>(isIpv4, 'expected an IPv4 address');
const statuses = Object.keys(DeviceStatus);
const status = z.custom<keyof typeof DeviceStatus>(
  (value) => typeof value === 'string' && statuses.includes(value),
  `expected ${statuses.join(', ')}`,
);
const prefix = z.string().transform((text, context) => {
  try {
    return parseNetworkV4(text);
  } catch {
    context.addIssue('expected an IPv4 network, a.b.c.d/n');
    return z.NEVER;
  }
});

const user = z.strictObject({
  clientIp: ip,
  kind: z.enum(['unicast', 'multicast'], 'expected unicast or multicast').default('unicast'),
  /** The code of one of the tenants; none without it, and none for a multicast user. */
  tenant: z.string().optional(),
  connected: z.boolean('expected true or false').default(false),
  /** Microseconds. */
  rttUs: z.number('expected microseconds').min(0, 'expected microseconds').max(60_000_000, 'expected at most a minute').optional(),
});

const device = z.strictObject({
  code,
  publicIp: ip.optional(),
  dzPrefixes: z.array(prefix).min(1, 'expected at least one network').optional(),
  status: status.default('activated'),
  /** Who may write the status of its users; the localnet's own key without it. */
  publisher: z.custom<Address>(isAddress, 'expected a public key in base58').optional(),
  users: z.array(user).max(MOST_USERS, `expected at most ${MOST_USERS} users`).default([]),
});

/** A world as a file describes it. The first device is the one that the simulated switch stands for. */
export const genesisSchema = z
  .strictObject({
    tenants: z
      .array(
        z.strictObject({
          code,
          vrfId: z.int('expected a whole number').min(1, 'expected 1 or more').max(65_535, 'expected at most 65535').optional(),
        }),
      )
      .default([]),
    devices: z.array(device, 'expected a list of devices').min(1, 'expected at least one device'),
  })
  .superRefine(({ tenants, devices }, { addIssue }) => {
    const refuse = (path: readonly PropertyKey[], message: string): void => addIssue({ code: 'custom', path: [...path], message });
    for (const [at, tenant] of tenants.entries()) {
      if (tenants.findIndex((other) => other.code === tenant.code) < at)
        refuse(['tenants', at, 'code'], `"${tenant.code}" is another tenant's code`);
    }
    const holders = new Set<string>();
    for (const [at, { code: own, users }] of devices.entries()) {
      if (devices.findIndex((other) => other.code === own) < at) refuse(['devices', at, 'code'], `"${own}" is another device's code`);
      for (const [index, { clientIp, kind, tenant, connected }] of users.entries()) {
        const path = ['devices', at, 'users', index];
        if (holders.has(`${clientIp} ${kind}`)) refuse([...path, 'clientIp'], `another ${kind} user has ${clientIp}`);
        holders.add(`${clientIp} ${kind}`);
        if (tenant !== undefined && kind === 'multicast') refuse([...path, 'tenant'], 'a multicast user has no tenant');
        else if (tenant !== undefined && !tenants.some((one) => one.code === tenant))
          refuse([...path, 'tenant'], `there is no tenant "${tenant}"`);
        if (connected && at > 0) refuse([...path, 'connected'], 'only the first device has a switch to connect to');
      }
    }
  });

export type Genesis = z.output<typeof genesisSchema>;

/** Builds the world. The same description gives the same addresses: they come from the order of devices, from codes, and from client addresses. */
export function genesisWorld(admin: WorldAdmin, { tenants, devices }: Genesis, publisher: Address): World {
  const byCode = new Map(tenants.map((tenant) => [tenant.code, admin.createTenant(tenant)]));
  const addresses = devices.map(({ code: own, publicIp, dzPrefixes, publisher: named = publisher }) => {
    const address = admin.createDevice({ metricsPublisher: named, code: own, publicIp, dzPrefixes: dzPrefixes ?? DZ_PREFIXES });
    admin.createExtension(address);
    admin.fund(named, PUBLISHER_BALANCE);
    return address;
  });
  const connected: World['connected'][number][] = [];
  for (const [at, address] of addresses.entries()) {
    const { users, status: wanted } = devices[at] ?? { users: [], status: 'activated' };
    for (const { clientIp, kind, tenant, connected: isUp, rttUs } of users) {
      const about =
        kind === 'multicast' ? { userType: UserType.multicast } : { tenant: tenant === undefined ? undefined : byCode.get(tenant) };
      const created = admin.createUser({ device: address, clientIp, ...about });
      if (isUp) connected.push({ user: created, rttUs });
    }
    // Last: a device that is not activated takes no users.
    if (wanted !== 'activated') admin.changeDevice(address, { status: DeviceStatus[wanted] });
  }
  const [first] = addresses;
  if (first === undefined) throw new Error('a genesis has a device');
  return { device: first, tenants: [...byCode.values()], connected };
}
