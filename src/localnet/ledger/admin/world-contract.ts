import type { Address, Device, Lamports, Tenant, User } from '../../../serviceability/index.ts';
import type { DeviceChange, NewDevice } from './device-factory.ts';
import type { NewUser } from './user-factory.ts';

/** Fields of a user that UpdateUser and its kin can change; anything goes here, so that clients can be shown what they should refuse. */
export type UserChange = { readonly [K in keyof Omit<User, 'devicePk'>]?: User[K] | undefined };

/**
 * Builds and changes the DoubleZero world directly, with the effects that the program's own instructions have. Every change is there at
 * once, as of the newest slot (processed; confirmed a slot later); changes made before time begins are genesis, and finalized.
 * Methods throw WorldError for an address that holds no such account, or one that is taken.
 */
export interface WorldAdmin {
  readonly programId: Address;
  createDevice(input: NewDevice): Address;
  changeDevice(device: Address, change: DeviceChange): void;
  /**
   * Gives a device without users its ResourceExtension of RFC-11. From then on its users are created, banned and deleted by the program's own
   * instructions, which the foundation signs; what those cannot do is still done by hand, with the slots kept right.
   */
  createExtension(device: Address): void;
  device(address: Address): Device | undefined;
  /** `vrfId` counts up from 1 without one. */
  createTenant(input: { readonly code: string; readonly vrfId?: number | undefined }): Address;
  tenant(address: Address): Tenant | undefined;
  /** At the address that its client address and type give: a deleted user comes back at the same one. */
  createUser(input: NewUser): Address;
  changeUser(user: Address, change: UserChange): void;
  /** Status 6; tunnel and DoubleZero address zeroed and free for others; the BGP fields stay as they are. */
  banUser(user: Address): void;
  /** Closes the account; tunnel network and id are free for others at once. */
  deleteUser(user: Address): void;
  user(address: Address): User | undefined;
  users(device?: Address): ReadonlyMap<Address, User>;
  /** Gives the account an older layout: cut (177 bytes: before the BGP fields), or longer with zeros; with just the rent of that length. */
  setUserLayout(user: Address, bytes: number): void;
  /** The world is one that was there before, in these accounts of the bank: counts go on, and what its users hold is taken. Before time begins. */
  adopt(accounts: ReadonlyMap<Address, unknown>): void;
  /** Sets the balance of a plain account, at once and without a transaction. */
  fund(address: Address, balance: Lamports): void;
}
