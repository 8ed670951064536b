import { randomBytes, randomInt } from 'node:crypto';
import { type LabUser, tunnelEnds } from './configuration.ts';
import { addNamespace, deleteLink, deleteNamespace, ip, linkNameOf, nameOf, namespacesNow } from './namespaces.ts';

/** The namespaces of one lab and the wires between them. */
export interface LabNetwork {
  readonly device: string;
  /** By the users' positions. */
  readonly clients: readonly string[];
  /** The device's address on the management wire, which the root namespace reaches. */
  readonly managementAddress: string;
  /** The root namespace's on the same wire. */
  readonly rootAddress: string;
  lay(): Promise<void>;
  /** Sets the client's end of its tunnel up or down. */
  setClientLink(position: number, state: 'up' | 'down'): Promise<void>;
  /** Removes what there is of it, with the processes inside. Every step is tried; resolves with the failures. */
  remove(): Promise<unknown[]>;
}

const CLIENT_INTERFACE = 'doublezero0';

export function createLabNetwork(users: readonly LabUser[]): LabNetwork {
  const id = randomBytes(2).toString('hex');
  const device = nameOf(`${id}-dzd`);
  const clients = users.map((_, position) => nameOf(`${id}-c${position}`));
  const management = managementAddresses();

  const rootEnd = linkNameOf(id);

  const prepareManagement = async (): Promise<void> => {
    await ip('-n', device, 'link', 'add', 'management', 'type', 'veth', 'peer', 'name', rootEnd, 'netns', String(process.pid));
    await ip('-n', device, 'address', 'add', `${management.device}/30`, 'dev', 'management');
    await ip('-n', device, 'link', 'set', 'management', 'up');
    await ip('address', 'add', `${management.root}/30`, 'dev', rootEnd);
    await ip('link', 'set', rootEnd, 'up');
  };

  const prepareTunnel = async (user: LabUser, namespace: string): Promise<void> => {
    const tunnel = `Tunnel${user.tunnelId}`;
    const ends = tunnelEnds(user);
    await ip('-n', device, 'link', 'add', tunnel, 'type', 'veth', 'peer', 'name', CLIENT_INTERFACE, 'netns', namespace);
    await ip('-n', device, 'address', 'add', `${ends.device}/31`, 'dev', tunnel);
    await ip('-n', device, 'link', 'set', tunnel, 'up');
    await ip('-n', namespace, 'address', 'add', `${ends.client}/31`, 'dev', CLIENT_INTERFACE);
    await ip('-n', namespace, 'link', 'set', CLIENT_INTERFACE, 'up');
  };

  return {
    device,
    clients,
    managementAddress: management.device,
    rootAddress: management.root,
    async lay() {
      await addNamespace(device);
      await prepareManagement();
      for (const [position, user] of users.entries()) {
        const namespace = clients[position] ?? '';
        await addNamespace(namespace);
        await prepareTunnel(user, namespace);
      }
    },
    async setClientLink(position, state) {
      await ip('-n', clients[position] ?? '', 'link', 'set', CLIENT_INTERFACE, state);
    },
    async remove() {
      const there = await namespacesNow();
      const removed = await Promise.allSettled([device, ...clients].filter((name) => there.includes(name)).map(deleteNamespace));
      removed.push(...(await Promise.allSettled([deleteLink(rootEnd)])));
      return removed.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    },
  };
}

/** Two ends of a /30 of 198.18.0.0/15, which RFC 2544 sets aside for such benches. */
function managementAddresses(): { readonly device: string; readonly root: string } {
  const block = `198.${18 + randomInt(2)}.${randomInt(256)}`;
  const base = randomInt(64) * 4;
  return { device: `${block}.${base + 1}`, root: `${block}.${base + 2}` };
}
