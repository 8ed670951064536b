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
  EAPI__ENDPOINT_INVALID: {
    class: 'agent-never',
    message: '{endpoint} is no eAPI endpoint: {problem}',
    remedy:
      'write https://host[:port], http://host[:port], unix:///var/run/command-api.sock or grpc://127.0.0.1:9543; credentials have keys of their own',
  },
  EAPI__TIMEOUT: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} did not answer within {ms} ms',
    remedy:
      'the switch answers one request after another: look for other eAPI clients in `show management api http-commands`, or raise the timeout',
  },
  EAPI__TLS: {
    class: 'agent-never',
    message: 'the certificate of eAPI at {endpoint} is not accepted: {problem}',
    remedy: 'name the CA file, or pin the certificate by the SHA-256 fingerprint that `openssl x509 -noout -fingerprint -sha256` prints',
  },
  EAPI__UNAUTHORIZED: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} refuses user {user}: HTTP {status}',
    remedy: 'check user name and password; the user needs `show` commands only, and AAA must be reachable from the switch',
  },
  EAPI__HTTP_STATUS: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} answered {path} with HTTP {status}',
    remedy: 'a switch answers 200: is it another service at this address, or a proxy between, or eAPI restarting?',
  },
  EAPI__INCOMPLETE: {
    class: 'retry-now',
    message: 'the answer of eAPI at {endpoint} broke off after {bytes} bytes: {problem}',
    remedy: 'the agent asks again; if it persists, look for a proxy or a firewall that ends connections',
  },
  EAPI__TOO_LARGE: {
    class: 'retry-later',
    message: 'the answer of eAPI at {endpoint} is larger than {limit} bytes',
    remedy: 'a summary takes a quarter of a kilobyte a neighbor: check what answers there, or raise the bound',
  },
  EAPI__MALFORMED: {
    class: 'retry-later',
    message: 'the answer of eAPI at {endpoint} makes no sense: {problem}',
    remedy: 'check that a switch answers at this address; compare with `show ip bgp summary vrf all | json` on its command line',
  },
  EAPI__EMPTY: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} names no BGP neighbor in any VRF',
    remedy: 'compare `show ip bgp summary vrf all` on the switch; while it names no neighbor, no user is reported up or down',
  },
  EAPI__NO_BGP: {
    class: 'retry-later',
    message: 'BGP is not running on the switch behind eAPI at {endpoint}: {problem}',
    remedy: 'compare `show ip bgp summary vrf all` on the switch; while BGP does not run, no user is reported up or down',
  },
  EAPI__COMMAND_FAILED: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} could not run `{command}` ({code}): {problem}',
    remedy: 'run the command on the switch; the agent of EOS behind it may be restarting',
  },
  EAPI__COMMAND_INTERNAL_ERROR: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} had an internal error in `{command}` (1001): {problem}',
    remedy: 'run the command on the switch; `show agent logs crash` may tell more',
  },
  EAPI__COMMAND_INVALID: {
    class: 'agent-never',
    message: 'eAPI at {endpoint} does not know `{command}` (1002): {problem}',
    remedy: 'this EOS release lacks the command; use the snmp source on it',
  },
  EAPI__COMMAND_UNCONVERTED: {
    class: 'agent-never',
    message: 'eAPI at {endpoint} has no JSON for `{command}` (1003): {problem}',
    remedy: 'this EOS release is too old for JSON output of the command; use the snmp source on it',
  },
  EAPI__COMMAND_INCOMPATIBLE: {
    class: 'agent-never',
    message: 'eAPI at {endpoint} cannot answer `{command}` in this model version (1004): {problem}',
    remedy: 'set the model version of the eapi source to latest',
  },
  EAPI__COMMAND_UNAUTHORIZED: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} does not let this user run `{command}` (1005): {problem}',
    remedy: 'give the user a role that permits `show`: role <name> / 10 permit command show',
  },
  GRPC__UNREACHABLE: {
    class: 'retry-later',
    message: 'EosSdkRpc at {endpoint} cannot be reached: {problem}',
    remedy: 'check that `management api eos-sdk-rpc` has a transport on this address and is not disabled, and that this is its VRF',
  },
  GRPC__TIMEOUT: {
    class: 'retry-later',
    message: 'EosSdkRpc at {endpoint} did not answer within {ms} ms',
    remedy: 'the switch runs one command after another: look for other clients of it, or raise the timeout',
  },
  GRPC__NOT_SERVED: {
    class: 'retry-later',
    message: 'EosSdkRpc at {endpoint} does not serve {method}: {problem}',
    remedy: 'no service is on by default: write `service all` under the transport of `management api eos-sdk-rpc`',
  },
  GRPC__EXHAUSTED: {
    class: 'retry-later',
    message: 'EosSdkRpc at {endpoint} or its answer is too much: {problem}',
    remedy: 'a summary takes a quarter of a kilobyte a neighbor, and a client may have 100 calls open: check what answers at this address',
  },
  GRPC__FAILED: {
    class: 'retry-later',
    message: 'EosSdkRpc at {endpoint} failed at {method} ({status}): {problem}',
    remedy: 'the agent goes on asking; if it persists, check what answers at this address, and `show agent logs crash` on the switch',
  },
  GRPC__MALFORMED: {
    class: 'retry-later',
    message: 'the answer of EosSdkRpc at {endpoint} makes no sense: {problem}',
    remedy: 'check that a switch answers at this address; compare with `show ip bgp summary vrf all | json` on its command line',
  },
  GRPC__WATCH_ENDED: {
    class: 'retry-later',
    message: 'the watch of EosSdkRpc at {endpoint} has ended: {problem}',
    remedy: 'the agent watches again and polls at its interval meanwhile; if it persists, look at `show agent logs crash` on the switch',
  },
  SOCKETS__FOLDER: {
    class: 'retry-later',
    message: 'the network namespaces in {folder} cannot be listed: {problem}',
    remedy: "this source runs on the switch itself, where EOS keeps a VRF's namespace in /var/run/netns; in a container, mount that folder",
  },
  SOCKETS__SS_FAILED: {
    class: 'retry-later',
    message: 'ss could not run in namespace {namespace}: {problem}',
    remedy: 'iproute2 has to be installed, and entering a namespace takes root, or CAP_SYS_ADMIN',
  },
  SOCKETS__UNREADABLE: {
    class: 'retry-later',
    message: 'the sockets of no namespace in {folder} could be read, VRF {vrf} first: {problem}',
    remedy: 'run `ip netns exec NAMESPACE ss -tinHO` as the user of the agent; entering a namespace takes root, or CAP_SYS_ADMIN',
  },
  SOCKETS__EMPTY: {
    class: 'retry-later',
    message: 'there is no TCP session on port 179 in any of the {namespaces} namespaces in {folder}',
    remedy: 'compare `show ip bgp summary vrf all` on the switch; while there is no session at all, no user is reported up or down',
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
  SNMP__USER_INVALID: {
    class: 'agent-never',
    message: 'SNMPv3 user {user} cannot be used: {problem}',
    remedy: 'compare with `show snmp user` on the switch; passwords have 8 characters or more',
  },
  SNMP__USER_UNKNOWN: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} has no user {user}',
    remedy: 'compare with `show snmp user` on the switch: snmp-server user <name> <group> v3 auth sha … priv aes …',
  },
  SNMP__WRONG_PASSWORD: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} refuses the authentication of user {user}',
    remedy: 'the password or the protocol for authentication (md5, sha, …) is not the one that the switch has for this user',
  },
  SNMP__WRONG_PRIVACY: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} and user {user} cannot decrypt each other: {problem}',
    remedy: 'the password or the protocol for privacy (aes, des, …) is not the one that the switch has for this user',
  },
  SNMP__LEVEL_REFUSED: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} does not let user {user} ask with this authentication and privacy',
    remedy: 'give the user of the switch the authentication and the privacy protocol that the configuration has',
  },
  SNMP__OUT_OF_TIME: {
    class: 'retry-now',
    message: 'the SNMP agent at {endpoint} and this host cannot agree on its time: {problem}',
    remedy: 'the agent restarted a moment ago, or restarts over and over; the next poll begins with its new time',
  },
  SNMP__TRAPS_UNHEARD: {
    class: 'retry-later',
    message: 'SNMP traps cannot be received at {endpoint}: {problem}',
    remedy:
      'check that the address is of this host, that no other trap daemon has the port, and that the unit may bind ports below 1024; sessions are still polled',
  },
} as const;
