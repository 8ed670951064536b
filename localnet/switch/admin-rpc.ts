import { z } from 'zod';
import { type Address, type Ipv4, isIpv4 } from '../../src/serviceability/index.ts';
import { addressParam, invalidParams, type RpcMethods, readParams, WorldError } from '../ledger/index.ts';
import type { Localnet } from '../world.ts';
import type { SwitchFault } from './switch.ts';

const vrf = z.string().min(1).max(100);
const fault: z.ZodType<SwitchFault> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal(['refuse', 'hang', 'cut', 'garbage', 'wrong-types', 'empty', 'wrong-request-id']) }),
  z.strictObject({ kind: z.literal('slow'), delayMs: z.number().min(0).max(600_000) }),
  z.strictObject({ kind: z.literal(['vrf-missing', 'vrf-failing']), vrf }),
  z.strictObject({ kind: z.literal('http-status'), status: z.literal([401, 403, 404, 500, 502, 503]) }),
  z.strictObject({ kind: z.literal('command-error'), code: z.int(), errors: z.array(z.string()), command: z.exactOptional(z.string()) }),
  z.strictObject({
    kind: z.literal('large-answer'),
    command: z.string(),
    bytes: z
      .int()
      .min(0)
      .max(64 << 20),
  }),
]);
const newUser = z.strictObject({
  clientIp: z.custom<Ipv4>(isIpv4, 'expected an IPv4 address').optional(),
  kind: z.exactOptional(z.enum(['unicast', 'multicast'])),
  tenant: z.exactOptional(z.literal([0, 1])),
  connect: z.exactOptional(z.boolean()),
});
const newDevice = z.strictObject({
  code: z.string().regex(/^[A-Za-z0-9_:.-]{1,32}$/, 'expected a code of 1 to 32 letters, digits, and _ : . -'),
});
const oneDevice = z.strictObject({ device: addressParam });
const oneUser = z.strictObject({ user: addressParam, rttUs: z.number().min(0).max(60_000_000).optional() });
const disconnected = z.strictObject({ user: addressParam, reason: z.exactOptional(z.enum(['Admin', 'NoInterface', 'MaxPath'])) });

/**
 * `localnet_…` methods for clients and switch, over the ledger's JSON-RPC. Each takes one object (docs/localnet.md).
 */
export function createSwitchMethods(localnet: () => Localnet): RpcMethods {
  const existing = (user: Address): Address => {
    if (localnet().truth().has(user)) return user;
    throw invalidParams(`${user} is not an activated user of the device`);
  };
  const refusing = <T>(change: () => T): T => {
    try {
      return change();
    } catch (error) {
      throw error instanceof WorldError ? invalidParams(error.message) : error;
    }
  };
  return {
    localnet_connectUser(_, [params]) {
      const { user, rttUs } = readParams(oneUser, params ?? {});
      localnet().connect(existing(user), rttUs);
      return null;
    },
    localnet_disconnectUser(_, [params]) {
      const { user, reason } = readParams(disconnected, params ?? {});
      localnet().disconnect(existing(user), reason);
      return null;
    },
    /** Like `addUser`: creates the user, configures it on the switch, and connects it if requested. */
    localnet_addUser(_, [params]) {
      const { connect, clientIp, ...wanted } = readParams(newUser, params ?? {});
      const user = refusing(() => localnet().addUser({ ...wanted, clientIp }));
      if (connect === true) localnet().connect(user);
      return { address: user };
    },
    /** A further device, on the ledger only, with the publisher of the first; with RFC-11, with its extension. */
    localnet_addDevice(_, [params]) {
      const { code } = readParams(newDevice, params ?? {});
      const { device, ledger } = localnet();
      const { admin } = ledger;
      const metricsPublisher = admin.device(device)?.metricsPublisherPk;
      if (metricsPublisher === undefined) throw invalidParams('the localnet has no device');
      const address = refusing(() => admin.createDevice({ code, metricsPublisher }));
      if (admin.program === 'rfc11') refusing(() => admin.createExtension(address));
      return { address };
    },
    /** A further device; the first one is the switch's. */
    localnet_deleteDevice(_, [params]) {
      const { device } = readParams(oneDevice, params ?? {});
      if (device === localnet().device) throw invalidParams('the switch stands for this device, so it stays');
      refusing(() => localnet().ledger.admin.deleteDevice(device));
      return null;
    },
    localnet_device() {
      const { device, programId, ledger } = localnet();
      const { code, status, publicIp, metricsPublisherPk } = ledger.admin.device(device) ?? {};
      return {
        address: device,
        programId,
        code,
        status,
        publicIp,
        metricsPublisher: metricsPublisherPk,
        users: ledger.admin.users(device).size,
      };
    },
    localnet_snapshot: () => localnet().snapshot(),
    localnet_rebootSwitch() {
      localnet().sim.reboot();
      return null;
    },
    localnet_beginSwitchFault(_, [params]) {
      localnet().switchFaults.begin(readParams(fault, params ?? {}));
      return localnet().switchFaults.active();
    },
    localnet_switchFaults: () => localnet().switchFaults.active(),
    localnet_clearSwitchFaults() {
      localnet().switchFaults.clear();
      return [];
    },
    /** The actual session state by user, to which the ledger should converge. */
    localnet_truth: () => Object.fromEntries(localnet().truth()),
  };
}
