import { beforeEach, describe, expect, test } from 'vitest';
import { type Address, decodeDevice, encodeDevice, type Instruction, userAddress } from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { type NetworkBed, networkBed } from './network-fixture.ts';
import {
  CUSTOMER,
  client,
  extensionOf,
  FOUNDATION,
  GLOBAL_EXTENSION,
  linkEnds,
  newDevice,
  newGroup,
  newInterface,
  newLink,
  newUser,
  OPERATOR,
  OTHER_OPERATOR,
  OUTSIDER,
  PROGRAM,
  userAt,
  userIn,
  type World,
} from './rfc11-world.ts';

let world: World;
let device: Address;
let other: Address;
let pass: Address;
let onUser: NetworkBed['onUser'];

beforeEach(() => {
  ({ world, device, other, pass, onUser } = networkBed());
});

const onDevice = (authority: Address) => ({ programId: PROGRAM, extension: extensionOf(device), authority });
const tunnelId = { resourceType: rfc11.ResourceType.tunnelId };
const interfaceOn = () => ({
  programId: PROGRAM,
  interface: rfc11.interfaceAddress(PROGRAM, device, 'Loopback100').address,
  device,
  extension: extensionOf(device),
  contributor: world.contributors[0],
});

/** A device from before RFC-11, so without an extension. */
function oldDevice(): Address {
  const value = decodeDevice(world.data(device));
  const address = userAddress(PROGRAM, client(4_000), 9).address;
  return world.put(address, encodeDevice({ ...value, code: 'old1' }));
}

const extensionFor = (old: Address, authority: Address): Instruction =>
  rfc11.createResourceExtension({
    programId: PROGRAM,
    extension: extensionOf(old),
    associatedWith: old,
    authority,
    payer: authority,
    idBitmaps: [rfc11.TUNNEL_IDS].map(({ startOffset, usableSlots }) => ({ idType: rfc11.IdType.tunnelId, startOffset, usableSlots })),
    ipBlocks: [],
  });

interface Row {
  readonly operation: string;
  /** What must be there before. */
  readonly given?: () => void;
  readonly as: (authority: Address) => Instruction;
  readonly may: readonly (readonly [who: string, key: Address])[];
  readonly mayNot: readonly (readonly [who: string, key: Address])[];
}

const founder = ['the foundation', FOUNDATION] as const;
const owner = ["the pass's owner", CUSTOMER] as const;
const contributor = ['the owner of its contributor', OPERATOR] as const;
const anotherContributor = ['the owner of another contributor', OTHER_OPERATOR] as const;
const anybody = ['an outsider', OUTSIDER] as const;

/** RFC-11's table of authorization levels, row by row. */
const ROWS: readonly Row[] = [
  {
    operation: 'CreateResourceExtension',
    as: (authority) => extensionFor(oldDevice(), authority),
    may: [founder],
    mayNot: [contributor, anybody],
  },
  {
    operation: 'AllocateResource',
    as: (authority) => rfc11.allocateResource({ ...onDevice(authority), ...tunnelId }),
    may: [founder],
    mayNot: [contributor, owner, anybody],
  },
  {
    operation: 'ReleaseResource',
    given: () => world.must(rfc11.allocateResource({ ...onDevice(FOUNDATION), ...tunnelId })),
    as: (authority) => rfc11.releaseResource({ ...onDevice(authority), ...tunnelId, slot: 0 }),
    may: [founder],
    mayNot: [contributor, owner, anybody],
  },
  {
    operation: 'SetResourceState',
    as: (authority) => rfc11.setResourceState({ ...onDevice(authority), ...tunnelId, slots: [1] }),
    may: [founder],
    mayNot: [contributor, anybody],
  },
  {
    operation: 'BanUser',
    given: () => userIn(world, { device, pass }),
    as: (authority) => rfc11.banUser({ ...onUser(), authority }),
    may: [founder],
    mayNot: [owner, contributor, anybody],
  },
  {
    operation: 'UpdateDeviceContributor',
    as: (authority) => rfc11.updateDeviceContributor({ programId: PROGRAM, device, newContributor: world.contributors[1], authority }),
    may: [founder],
    mayNot: [contributor, anotherContributor, anybody],
  },
  {
    operation: 'CreateAndActivateUser',
    as: (payer) => newUser({ device, pass, payer }),
    may: [owner],
    mayNot: [founder, contributor, anybody],
  },
  {
    operation: 'CreateAndActivateLink',
    as: (payer) => newLink(world, device, other, payer),
    may: [contributor, anotherContributor],
    mayNot: [founder, anybody],
  },
  {
    operation: 'CreateAndActivateDevice',
    as: (authority) => newDevice(world, { code: 'new1', authority, contributor: world.contributors[0] }),
    may: [contributor],
    mayNot: [founder, anotherContributor, anybody],
  },
  {
    operation: 'CreateAndActivateInterface',
    as: (authority) => rewritten(newInterface(world, { device }), OPERATOR, authority),
    may: [contributor],
    mayNot: [founder, anotherContributor, anybody],
  },
  {
    operation: 'DeleteUser',
    given: () => userIn(world, { device, pass }),
    as: (authority) => rfc11.deleteUser({ ...onUser(), authority }),
    may: [owner],
    mayNot: [founder, contributor, anybody],
  },
  {
    operation: 'DeleteLink',
    given: () => world.must(newLink(world, device, other, OPERATOR), OPERATOR),
    as: (authority) => {
      const their = authority === OPERATOR ? undefined : world.contributors[authority === OTHER_OPERATOR ? 1 : 0];
      return rfc11.deleteLink({ programId: PROGRAM, ...linkEnds(device, other), authority, contributor: their });
    },
    may: [
      ['its creator', OPERATOR],
      ['the owner of the other contributor', OTHER_OPERATOR],
    ],
    mayNot: [founder, anybody],
  },
  {
    operation: 'DeleteDevice',
    as: (authority) =>
      rfc11.deleteDevice({ programId: PROGRAM, device, extension: extensionOf(device), authority, contributor: world.contributors[0] }),
    may: [contributor],
    mayNot: [founder, anotherContributor, anybody],
  },
  {
    operation: 'DeleteInterface',
    given: () => world.must(newInterface(world, { device }), OPERATOR),
    as: (authority) => rfc11.deleteInterface({ ...interfaceOn(), authority }),
    may: [contributor],
    mayNot: [founder, anotherContributor, anybody],
  },
  {
    operation: 'SweepExpiredUsers',
    given: () => {
      pass = world.pass({ lastAccessEpoch: 0n });
      userIn(world, { device, pass });
      world.setEpoch(1n);
    },
    as: (caller) => rfc11.sweepExpiredUsers({ programId: PROGRAM, accessPass: pass, users: [userAt()], caller }),
    may: [founder, owner, anybody],
    mayNot: [],
  },
  {
    operation: 'CreateAndActivateMulticastGroup',
    as: (authority) => newGroup(0, authority),
    may: [founder],
    mayNot: [contributor, anybody],
  },
  {
    operation: 'DeleteMulticastGroup',
    given: () => world.must(newGroup(0)),
    as: (authority) =>
      rfc11.deleteMulticastGroup({
        programId: PROGRAM,
        group: newGroup(0).accounts[0]?.address ?? PROGRAM,
        globalExtension: GLOBAL_EXTENSION,
        authority,
      }),
    may: [founder],
    mayNot: [contributor, anybody],
  },
];

describe.each(ROWS)('$operation', ({ operation, given, as, may, mayNot }) => {
  test.each(may)(`${operation} is for %s`, (_, authority) => {
    given?.();
    expect(world.run(as(authority), authority).err).toBeNull();
  });

  if (mayNot.length > 0) {
    test.each(mayNot)(`${operation} is not for %s`, (_, authority) => {
      given?.();
      const instruction = as(authority);
      const state = world.state();
      expect(world.run(instruction, authority).err).toBe('Custom 8');
      expect(world.state()).toEqual(state);
    });
  }

  test(`${operation} needs the signature of its authority`, () => {
    given?.();
    const [first] = may;
    const authority = first?.[1] ?? FOUNDATION;
    const unsigned = as(authority);
    const accounts = unsigned.accounts.map((meta) => ({ ...meta, signer: false }));
    const state = world.state();
    expect(world.run({ ...unsigned, accounts }, OUTSIDER === authority ? CUSTOMER : OUTSIDER).err).toBe('MissingRequiredSignature');
    expect(world.state()).toEqual(state);
  });
});

test('"program CPI" is the use by the other instructions: a customer allocates through CreateAndActivateUser what it may not by hand', () => {
  const { logs } = world.must(newUser({ device, pass }), CUSTOMER);
  expect(logs).toContain('Program log: AllocateResource: TunnelId slot 0');
});

test('BackfillEntitySlots is for the foundation alone', () => {
  const slots = { tunnelNetSlot: 0, dzIpSlot: 0, tunnelIdSlot: 0, tunnelIdSlotB: undefined, multicastSlot: undefined };
  const user = userIn(world, { device, pass });
  const backfill = rfc11.backfillEntitySlots({
    programId: PROGRAM,
    entity: user,
    authority: CUSTOMER,
    extensions: [extensionOf(device)],
    accessPass: pass,
    ...slots,
  });
  expect(world.run(backfill, CUSTOMER).err).toBe('Custom 8');
});

test('a pass for one client address is not good for another', () => {
  const narrow = world.pass({ clientIp: client(7) });
  expect(world.run(newUser({ device, pass: narrow, clientIp: client(8) }), CUSTOMER).err).toBe('Custom 25');
  expect(world.run(newUser({ device, pass: narrow, clientIp: client(7) }), CUSTOMER).err).toBeNull();
});

/** The same instruction for another key. */
function rewritten(instruction: Instruction, from: Address, to: Address): Instruction {
  return { ...instruction, accounts: instruction.accounts.map((meta) => (meta.address === from ? { ...meta, address: to } : meta)) };
}
