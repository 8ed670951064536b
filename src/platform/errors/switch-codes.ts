/** Reading the switch: eAPI, SNMP and the sources to come. */
export const SWITCH_CODES = {
  SWITCH__SOURCE_FAILED: {
    class: 'retry-later',
    message: 'source {source} could not read the switch: {problem}',
    remedy: 'the agent goes on asking; if it persists, compare the source with docs/configuration.md',
  },
  EAPI__UNREACHABLE: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} cannot be reached: {problem}',
    remedy: 'check that `management api http-commands` is on, in this VRF, and that the address and port are right',
  },
  SNMP__UNREACHABLE: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} could not be read: {problem}',
    remedy:
      'check address, port and community, that `snmp-server vrf` allows the VRF that asks, and that no ACL drops UDP; snmpwalk -v2c with the same community shows what the agent says',
  },
  SNMP__EMPTY: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} has no BGP neighbor in any of the VRFs read ({collected} of {vrfs})',
    remedy: 'compare `show ip bgp summary vrf all` on the switch with the configured VRFs: each VRF is read as `<community>@<VRF>`',
  },
} as const;
