import type { VrfName } from '../../bgp/index.ts';
import type { IgnoredDatagrams, SnmpSession, SnmpUser } from './session.ts';
import { createV2cSession } from './session-v2c.ts';

/** SNMPv2c by community, or SNMPv3 as a user. */
export type SnmpCredentials =
  | {
      /** Community of the default VRF; that of VRF X is `<community>@X` unless the VRF has its own. */
      readonly community: string;
      readonly user?: never;
    }
  | {
      /** The context of the default VRF is the empty one; that of VRF X is `X` unless the VRF has its own. */
      readonly user: SnmpUser;
      readonly community?: never;
    };

/** A VRF to read, by name, or with its own community or context on the switch. */
export type SnmpVrf = VrfName | NamedSnmpVrf;

export interface NamedSnmpVrf {
  readonly vrf: VrfName;
  readonly community?: string;
  readonly context?: string;
}

interface SessionOptions {
  /** Numeric address of the agent. */
  readonly address: string;
  readonly port: number;
  /** Upper bound for all that the session is used for, milliseconds. */
  readonly timeoutMs: number;
  readonly ignored: IgnoredDatagrams;
}

/** Opens sessions that see one VRF each. */
interface SnmpAccess {
  open(vrf: SnmpVrf, options: SessionOptions): Promise<SnmpSession>;
}

/** A lost datagram costs a quarter of the time; the last wait is longer than the deadline, so the deadline ends it. */
const waitsOf = (timeoutMs: number): number[] => [timeoutMs / 4, timeoutMs / 4, timeoutMs / 4, timeoutMs];

/** `endpoint` is the agent's name in messages. */
export function snmpAccess(credentials: SnmpCredentials, endpoint: string): SnmpAccess {
  const { user } = credentials;
  if (user === undefined) {
    const { community } = credentials;
    return {
      open(vrf, { address, port, timeoutMs, ignored }) {
        const { vrf: name, community: own } = named(vrf);
        const communityOfVrf = own ?? (name === 'default' ? community : `${community}@${name}`);
        return Promise.resolve(createV2cSession({ address, port, community: communityOfVrf, waits: waitsOf(timeoutMs), ignored }));
      },
    };
  }
  return {
    async open(vrf, options) {
      // net-snmp takes a tenth of the agent's memory, so it is loaded only where it is used.
      const { createV3Session } = await import('./session-v3.ts');
      const { vrf: name, context } = named(vrf);
      return createV3Session({ ...options, user, endpoint, context: context ?? (name === 'default' ? '' : name) });
    },
  };
}

export function named(vrf: SnmpVrf): NamedSnmpVrf {
  return typeof vrf === 'string' ? { vrf } : vrf;
}
