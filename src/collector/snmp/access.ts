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

/** A VRF to read, by name, or with the community or the context of its own that the switch gives it. */
export type SnmpVrf = VrfName | NamedSnmpVrf;

export interface NamedSnmpVrf {
  readonly vrf: VrfName;
  readonly community?: string;
  readonly context?: string;
}

interface SessionPlace {
  /** Numeric address of the agent. */
  readonly address: string;
  readonly port: number;
  /** Upper bound for all that the session is used for, milliseconds. */
  readonly timeoutMs: number;
  readonly ignored: IgnoredDatagrams;
}

/** Opens sessions that see one VRF each. */
interface SnmpAccess {
  open(vrf: SnmpVrf, place: SessionPlace): Promise<SnmpSession>;
}

/** A lost datagram costs a quarter of the time; the last wait outlasts the deadline, which thereby is what ends it. */
const waitsOf = (timeoutMs: number): number[] => [timeoutMs / 4, timeoutMs / 4, timeoutMs / 4, timeoutMs];

/** `endpoint` is what messages call the agent. */
export function snmpAccess(credentials: SnmpCredentials, endpoint: string): SnmpAccess {
  const { user } = credentials;
  if (user === undefined) {
    const { community } = credentials;
    return {
      open(vrf, { address, port, timeoutMs, ignored }) {
        const { vrf: name, community: own } = named(vrf);
        const ofVrf = own ?? (name === 'default' ? community : `${community}@${name}`);
        return Promise.resolve(createV2cSession({ address, port, community: ofVrf, waits: waitsOf(timeoutMs), ignored }));
      },
    };
  }
  return {
    async open(vrf, place) {
      // The library is loaded only where it is used: it costs a tenth of the agent's memory.
      const { createV3Session } = await import('./session-v3.ts');
      const { vrf: name, context } = named(vrf);
      return createV3Session({ ...place, user, endpoint, context: context ?? (name === 'default' ? '' : name) });
    },
  };
}

export function named(vrf: SnmpVrf): NamedSnmpVrf {
  return typeof vrf === 'string' ? { vrf } : vrf;
}
