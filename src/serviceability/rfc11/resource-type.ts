/** RFC-11's IdType, in its order. */
export const IdType = { tunnelId: 0, segmentRoutingId: 1 } as const;

/** RFC-11's IpBlockType, in its order. */
export const IpBlockType = { userTunnelNet: 0, linkTunnelNet: 1, dzIp: 2, multicast: 3 } as const;

/** The bitmaps that AllocateResource, ReleaseResource and SetResourceState can name: RFC-11 lists the names, and leaves the bytes open. */
export const ResourceType = { tunnelId: 0, segmentRoutingId: 1, userTunnelNet: 2, linkTunnelNet: 3, dzIp: 4, multicast: 5 } as const;

export type IdTypeName = keyof typeof IdType;
export type IpBlockTypeName = keyof typeof IpBlockType;
export type ResourceTypeName = keyof typeof ResourceType;

/** Addresses of a slot, as a power of two: a tunnel takes a /31, everything else a /32. */
export const SLOT_SIZE: Readonly<Record<IpBlockTypeName, number>> = { userTunnelNet: 1, linkTunnelNet: 1, dzIp: 0, multicast: 0 };

/** As RFC-11 writes them, in its logs and tables. */
export const RESOURCE_LABEL: Readonly<Record<ResourceTypeName, string>> = {
  tunnelId: 'TunnelId',
  segmentRoutingId: 'SegmentRoutingId',
  userTunnelNet: 'UserTunnelNet',
  linkTunnelNet: 'LinkTunnelNet',
  dzIp: 'DzIp',
  multicast: 'Multicast',
};

export const idTypeOf = (byte: number): IdTypeName | undefined => nameOf(IdType, byte);
export const ipBlockTypeOf = (byte: number): IpBlockTypeName | undefined => nameOf(IpBlockType, byte);
export const resourceTypeOf = (byte: number): ResourceTypeName | undefined => nameOf(ResourceType, byte);

function nameOf<Name extends string>(bytes: Readonly<Record<Name, number>>, byte: number): Name | undefined {
  for (const name in bytes) if (bytes[name] === byte) return name;
  return undefined;
}
