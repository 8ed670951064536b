/** Reading the switch: eAPI, SNMP and the sources to come. */
export const SWITCH_CODES = {
  EAPI__UNREACHABLE: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} cannot be reached: {problem}',
    remedy: 'check that `management api http-commands` is on, in this VRF, and that the address and port are right',
  },
} as const;
