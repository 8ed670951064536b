import { lookup as resolveByHost } from 'node:dns/promises';
import { isIP, type LookupFunction, type Socket } from 'node:net';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a host name, in the resolver's order. */
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/** The host's own resolver: /etc/hosts, DNS, whatever it is configured for. */
export const resolveHost: Resolve = (hostname) => resolveByHost(hostname, { all: true });

/**
 * The addresses behind one host name, and which of them are worth a connection: the one that served last, then those that never failed, then
 * those whose failure is longest ago.
 */
export interface AddressBook {
  /** For `net.connect`: asks the resolver at each connection. A resolver that fails is made up for by what it said before. */
  readonly lookup: LookupFunction;
  /** Notes how this socket's attempts to connect go. */
  watch(socket: Socket): void;
  /** Requests to the address in use are not answered: other addresses first from now on. */
  failed(): void;
  /** The address that was connected to last, or tried last when none was; undefined for a host that is an address itself. */
  readonly inUse: string | undefined;
  /** Whether the host is a name at all. */
  readonly isName: boolean;
}

/** Failures that are remembered; a name with more addresses than this forgets the oldest. */
const MOST_FAILURES = 64;

export function createAddressBook(hostname: string, resolve: Resolve): AddressBook {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  const isName = isIP(bare) === 0;
  let known: readonly ResolvedAddress[] = [];
  let serving: string | undefined;
  let tried: string | undefined;
  /** In the order of the failures, the oldest first. */
  const failures = new Set<string>();

  const noteFailure = (address: string): void => {
    failures.delete(address);
    failures.add(address);
    if (serving === address) serving = undefined;
    for (const oldest of failures) {
      if (failures.size <= MOST_FAILURES) break;
      failures.delete(oldest);
    }
  };

  const preferred = (): readonly ResolvedAddress[] => {
    const order = [...failures];
    const rank = ({ address }: ResolvedAddress): number => (address === serving ? -2 : order.indexOf(address));
    return [...known].sort((a, b) => rank(a) - rank(b));
  };

  async function addresses(): Promise<readonly ResolvedAddress[]> {
    try {
      const resolved = await resolve(bare);
      if (resolved.length > 0) known = resolved;
    } catch (error) {
      if (known.length === 0) throw error;
    }
    return preferred();
  }

  return {
    isName,
    lookup(_, { all }, callback) {
      addresses().then(
        (found) => {
          const [first] = found;
          if (first === undefined) callback(new Error(`no address for ${bare}`), '');
          else if (all === true) callback(null, [...found]);
          else callback(null, first.address, first.family);
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), ''),
      );
    },
    watch(socket) {
      if (!isName) return;
      socket.on('connectionAttempt', (address) => {
        tried = address;
      });
      socket.on('connectionAttemptFailed', noteFailure);
      socket.on('connectionAttemptTimeout', noteFailure);
      socket.on('connect', () => {
        serving = socket.remoteAddress ?? serving;
        if (serving !== undefined) failures.delete(serving);
      });
    },
    failed() {
      const address = serving ?? tried;
      if (address !== undefined) noteFailure(address);
    },
    get inUse() {
      return isName ? (serving ?? tried) : undefined;
    },
  };
}
