import { type Device, DeviceStatus } from '../../../../serviceability/index.ts';

const READY_FOR_USERS = 3;
const DESIRED_ACTIVATED = 1;

/** A device that has just been made and activated, but for who and where it is: nobody is on it, and nothing on it is counted or limited. */
export const UNUSED_DEVICE = {
  status: DeviceStatus.activated,
  deprecatedInterfaces: [],
  interfaces: [],
  referenceCount: 0,
  usersCount: 0,
  maxUsers: 0,
  deviceHealth: READY_FOR_USERS,
  desiredStatus: DESIRED_ACTIVATED,
  unicastUsersCount: 0,
  multicastSubscribersCount: 0,
  maxUnicastUsers: 0,
  maxMulticastSubscribers: 0,
  reservedSeats: 0,
  multicastPublishersCount: 0,
  maxMulticastPublishers: 0,
} as const satisfies Partial<Device>;
