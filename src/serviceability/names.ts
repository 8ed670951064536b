/*
 * Names of the program's enum bytes, as the `doublezero` command prints them. A byte without a name is `unknown(9)`, so that it stays visible.
 */
type NameOf = (byte: number) => string;

/** Of User.status, as the `doublezero` command prints it. */
export const userStatusName: NameOf = /* @__PURE__ */ namesOf({
  0: 'pending (deprecated)',
  1: 'activated',
  2: 'suspended (deprecated)',
  3: 'deleting',
  4: 'rejected (deprecated)',
  5: 'pending ban (deprecated)',
  6: 'banned',
  7: 'updating (deprecated)',
  8: 'out_of_credits',
});
/** Of User.bgp_status (RFC-19). */
export const bgpStatusName: NameOf = /* @__PURE__ */ namesOf({ 0: 'unknown', 1: 'up', 2: 'down' });
/** Of User.user_type. */
export const userTypeName: NameOf = /* @__PURE__ */ namesOf({ 0: 'IBRL', 1: 'IBRLWithAllocatedIP', 2: 'EdgeFiltering', 3: 'Multicast' });
/** Of users and of interfaces. */
export const cyoaTypeName: NameOf = /* @__PURE__ */ namesOf({
  0: 'none',
  1: 'GREOverDIA',
  2: 'GREOverFabric',
  3: 'GREOverPrivatePeering',
  4: 'GREOverPublicPeering',
  5: 'GREOverCable',
});

/** Of Device.status, in the program's numbering; some published clients number differently from 2 on. */
export const deviceStatusName: NameOf = /* @__PURE__ */ namesOf({
  0: 'pending (deprecated)',
  1: 'activated',
  3: 'deleting',
  4: 'rejected (deprecated)',
  5: 'drained',
  6: 'device-provisioning',
  7: 'link-provisioning',
});
/** Of Device.device_type. */
export const deviceTypeName: NameOf = /* @__PURE__ */ namesOf({ 0: 'hybrid', 1: 'transit', 2: 'edge' });
/** Of Device.device_health. */
export const deviceHealthName: NameOf = /* @__PURE__ */ namesOf({
  0: 'unknown',
  1: 'pending',
  2: 'ready-for-links',
  3: 'ready-for-users',
  4: 'impaired',
});
/** Of Device.desired_status. */
export const deviceDesiredStatusName: NameOf = /* @__PURE__ */ namesOf({ 0: 'pending', 1: 'activated', 6: 'drained' });

/** Of an interface's status. */
export const interfaceStatusName: NameOf = /* @__PURE__ */ namesOf({
  0: 'invalid',
  1: 'unmanaged',
  2: 'pending',
  3: 'activated',
  4: 'deleting',
  5: 'rejected',
  6: 'unlinked',
});
/** Of an interface's type. */
export const interfaceTypeName: NameOf = /* @__PURE__ */ namesOf({ 0: 'invalid', 1: 'loopback', 2: 'physical' });
/** Of a loopback interface's type. */
export const loopbackTypeName: NameOf = /* @__PURE__ */ namesOf({ 0: 'none', 1: 'vpnv4', 2: 'ipv4', 3: 'pim_rp_addr' });
/** Of an interface: whether it has direct internet access (DIA). */
export const interfaceDiaName: NameOf = /* @__PURE__ */ namesOf({ 0: 'none', 1: 'dia' });
/** Of an interface's routing. */
export const routingModeName: NameOf = /* @__PURE__ */ namesOf({ 0: 'static', 1: 'bgp' });

/** Of Tenant.payment_status. */
export const paymentStatusName: NameOf = /* @__PURE__ */ namesOf({ 0: 'Delinquent', 1: 'Paid' });
/** Of Link.link_type. */
export const linkTypeName: NameOf = /* @__PURE__ */ namesOf({ 1: 'WAN', 127: 'DZX' });
/** Of Link.status. */
export const linkStatusName: NameOf = /* @__PURE__ */ namesOf({
  0: 'pending (deprecated)',
  1: 'activated',
  3: 'deleting',
  4: 'rejected (deprecated)',
  5: 'requested',
  6: 'hard-drained',
  7: 'soft-drained',
  8: 'provisioning',
});
/** Of Link.link_health. */
export const linkHealthName: NameOf = /* @__PURE__ */ namesOf({ 0: 'unknown', 1: 'pending', 2: 'ready-for-service', 3: 'impaired' });
/** Of Link.desired_status. */
export const linkDesiredStatusName: NameOf = /* @__PURE__ */ namesOf({
  0: 'pending',
  1: 'activated',
  6: 'hard-drained',
  7: 'soft-drained',
});
/** Of Contributor.status. */
export const contributorStatusName: NameOf = /* @__PURE__ */ namesOf({ 0: 'none', 1: 'activated', 2: 'suspended', 3: 'deleting' });
/** Of locations and of exchanges. */
export const placeStatusName: NameOf = /* @__PURE__ */ namesOf({ 0: 'pending (deprecated)', 1: 'activated', 2: 'suspended' });
/** Of MulticastGroup.status. */
export const multicastGroupStatusName: NameOf = /* @__PURE__ */ namesOf({
  0: 'pending (deprecated)',
  1: 'activated',
  2: 'suspended',
  3: 'deleting',
  4: 'rejected (deprecated)',
});
/** Of AccessPass.status. */
export const accessPassStatusName: NameOf = /* @__PURE__ */ namesOf({
  0: 'requested',
  1: 'connected',
  2: 'disconnected',
  3: 'expired (deprecated)',
});
/** Of Permission.status. */
export const permissionStatusName: NameOf = /* @__PURE__ */ namesOf({ 0: 'none', 1: 'activated', 2: 'suspended' });
/** Of Topology.constraint. */
export const topologyConstraintName: NameOf = /* @__PURE__ */ namesOf({ 0: 'include-any', 1: 'exclude' });

function namesOf(names: Readonly<Record<number, string>>): NameOf {
  return (byte) => names[byte] ?? `unknown(${byte})`;
}
