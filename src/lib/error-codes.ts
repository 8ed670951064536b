/** Configuration, command line and key files. Each ends the command with exit code 2. */
export const CONFIG_CODES = {
  CONFIG__INVALID: {
    class: 'fatal',
    message: '{where}: {key}: {problem}',
    remedy: 'correct the named key; docs/configuration.md lists every key with its unit and default',
  },
  CONFIG__SEVERAL: {
    class: 'fatal',
    message: '{count} problems in the configuration: {list}',
    remedy: 'correct the named keys; docs/configuration.md lists every key with its unit and default',
  },
  CONFIG__FILE_UNREADABLE: {
    class: 'fatal',
    message: 'the configuration file {file} cannot be read: {problem}',
    remedy: 'check the path in --config or DZD_CONFIG, and that the user of this process can read it',
  },
  CONFIG__FILE_NOT_UTF8: {
    class: 'fatal',
    message: 'the configuration file {file} cannot be read: {problem}',
    remedy: 'save the file as UTF-8; `iconv -f UTF-16 -t UTF-8 FILE` converts a file in UTF-16',
  },
  CONFIG__FILE_NOT_YAML: {
    class: 'fatal',
    message: '{where}: {problem}',
    remedy: 'the file must be YAML: `key: value` lines, sections indented with spaces; config/ has examples',
  },
  CONFIG__SECRET_UNREADABLE: {
    class: 'fatal',
    message: '{key}: the secret file {file} cannot be used: {problem}',
    remedy: 'the file must hold the secret alone, on one line, readable by the user of this process',
  },
  CONFIG__USAGE: {
    class: 'fatal',
    message: '{problem}',
    remedy: 'see `--help`, or `COMMAND --help`',
  },
  CONFIG__PORT_IN_USE: {
    class: 'fatal',
    message: 'cannot listen on 127.0.0.1:{port} (--{flag}): {problem}',
    remedy: 'choose another port, or 0 for a free one',
  },
  CONFIG__CANNOT_LISTEN: {
    class: 'fatal',
    message: 'http.listen: cannot listen on {address}: {problem}',
    remedy: 'set another address or port, or `http.enabled: false`; check whether another agent runs on this host',
  },
  CONFIG__KEYPAIR_NOT_NAMED: {
    class: 'fatal',
    message: 'no key file is configured; the agent cannot write without one',
    remedy: "set --keypair, DZD_KEYPAIR or `keypair` to the file of the device's metrics publisher key, or use --dry-run",
  },
  CONFIG__KEYPAIR_MISSING: {
    class: 'fatal',
    message: 'the key file {file} does not exist',
    remedy:
      "set `keypair` to a key file as solana-keygen writes it: for `run`, that of the device's metrics publisher; `run --dry-run` needs none",
  },
  CONFIG__KEYPAIR_UNREADABLE: {
    class: 'fatal',
    message: 'the key file {file} cannot be read: {problem}',
    remedy: 'check the path, and that the user of this process owns the file (chmod 400)',
  },
  CONFIG__KEYPAIR_INVALID: {
    class: 'fatal',
    message: 'the key file {file} does not contain a keypair: {problem}',
    remedy: 'the file must be a JSON array of 64 numbers from 0 to 255, as solana-keygen writes it; restore it from its backup',
  },
  CONFIG__KEYPAIR_MISMATCH: {
    class: 'fatal',
    message: 'the key file {file} is damaged: its public key does not match its private key',
    remedy: 'restore the file from its backup; `solana-keygen verify` checks a key file',
  },
} as const;

/**
 * Reading the ledger. `{endpoint}` never carries the path, the query or the credentials of an RPC URL: they are often its secret.
 * Trouble with an endpoint is never fatal, a 403 included: gateways turn clients away for an hour and take them back without anybody
 * here doing anything. Only what the ledger itself says of our device is final.
 */
export const LEDGER_CODES = {
  LEDGER__UNREACHABLE: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} cannot be reached: {problem}',
    remedy:
      'check ledger.rpcUrls, any proxy that the message names, and the network to the endpoint; if its certificate is not accepted, set NODE_EXTRA_CA_CERTS to the CA file',
  },
  LEDGER__TIMEOUT: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} did not answer {method}: {problem}',
    remedy: 'check the network to the endpoint and any proxy that the message names, or add another endpoint to ledger.rpcUrls',
  },
  LEDGER__RATE_LIMITED: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} rate-limits our requests: {problem}',
    remedy: 'use an endpoint with a higher limit, or add another one to ledger.rpcUrls',
  },
  LEDGER__UNAVAILABLE: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} cannot serve {method}: {problem}',
    remedy: 'wait for the endpoint to recover, or add another one to ledger.rpcUrls',
  },
  LEDGER__BAD_ANSWER: {
    class: 'retry-later',
    message: 'malformed response to {method} from the ledger endpoint {endpoint}: {problem}',
    remedy: 'check that the URL in ledger.rpcUrls is a Solana JSON-RPC endpoint and that no proxy rewrites its responses',
  },
  LEDGER__TOO_LARGE: {
    class: 'retry-later',
    message: 'the response to {method} from the ledger endpoint {endpoint} exceeds what this program reads: {problem}',
    remedy:
      'check that the URL in ledger.rpcUrls is a Solana JSON-RPC endpoint; if the network has outgrown this bound, read one device (`dzd-telemetry status --device`) and report the bound',
  },
  LEDGER__BAD_ACCOUNT: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} sent a malformed account {account}: {problem}',
    remedy: 'check that ledger.rpcUrls and the program id belong to the same network; the agent drops the whole response',
  },
  LEDGER__NOT_YET: {
    class: 'retry-now',
    message: 'the ledger endpoint {endpoint} has not reached the slot that {method} needs: {problem}',
    remedy: 'none needed; if it persists, the endpoint lags, so add another one to ledger.rpcUrls',
  },
  LEDGER__LAGGING: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} lags {slots} slots behind another endpoint',
    remedy:
      'none needed while it catches up; else compare the slots of the endpoints (`dzd-telemetry check`): this one stays behind, or another is wrong',
  },
  LEDGER__OTHER_CLUSTER: {
    class: 'retry-later',
    message:
      'the ledger endpoint {endpoint} belongs to another cluster (genesis hash {actual}) than {reference} ({expected}), which has our device',
    remedy: 'name only endpoints of one cluster in ledger.rpcUrls; the agent does not use this one',
  },
  LEDGER__WITHOUT_DEVICE: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} does not have our device, but another endpoint does: {problem}',
    remedy: 'check that all of ledger.rpcUrls belong to one network; the agent does not use this one until it has the device',
  },
  LEDGER__ACCESS_DENIED: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} denies access: {problem}',
    remedy: 'check the URL in ledger.rpcUrls: its scheme, path, token and credentials, and the plan at the provider',
  },
  LEDGER__UNSUPPORTED: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} does not serve {method}: {problem}',
    remedy:
      'use an endpoint that serves the method, or add one to ledger.rpcUrls; getProgramAccounts and transaction history are often off',
  },
  LEDGER__REQUEST_REFUSED: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} rejects {method}: {problem}',
    remedy: 'add another endpoint to ledger.rpcUrls; if every endpoint rejects it, report a bug with this line',
  },
  LEDGER__NODE_ERROR: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} failed at {method}: {problem}',
    remedy: 'wait for the endpoint to recover, or add another one to ledger.rpcUrls',
  },
  LEDGER__BUSY: {
    class: 'retry-later',
    message: 'too many requests wait for the ledger endpoint {endpoint}: {problem}',
    remedy: 'add a faster endpoint to ledger.rpcUrls, or raise ledger.requestsPerSecond',
  },
  LEDGER__NO_ENDPOINT: {
    class: 'retry-later',
    message: 'no ledger endpoint could answer: {problems}',
    remedy: 'check ledger.rpcUrls and the network between this host and the endpoints',
  },
  LEDGER__VIEW_FAILED: {
    class: 'retry-later',
    message: 'the users of this device could not be read from the ledger: {problem}',
    remedy: 'check ledger.rpcUrls; the agent keeps trying and writes nothing until a read succeeds',
  },
  LEDGER__STALE_ANSWER: {
    class: 'retry-later',
    message: 'the ledger answered for slot {slot}, older than slot {applied} of the last view',
    remedy:
      'wait: an endpoint lags, or the ledger rolled back, which the agent accepts after two minutes; then compare the slots of the endpoints (`dzd-telemetry check`), and remove a wrong one',
  },
  LEDGER__STANDS_STILL: {
    class: 'retry-later',
    message: 'the ledger makes no progress: every answer is of slot {slot}',
    remedy: 'check the health of the network or of ledger.rpcUrls; the agent goes on by itself once slots advance',
  },
  LEDGER__NOT_A_USER: {
    class: 'fatal-for-user',
    message: 'account {account} is not a user: {problem}',
    remedy: 'give the public key or the client address of a user; `dzd-telemetry status --all` lists the current users',
  },
  LEDGER__NO_HISTORY: {
    class: 'fatal-for-user',
    message: 'no user {wanted} is on this ledger, and no transaction names one',
    remedy: 'give the public key or the client address of a user; `dzd-telemetry status --all` lists the current users',
  },
  LEDGER__HISTORY_TOO_LONG: {
    class: 'fatal',
    message: 'the ledger holds more than {most} transactions of {address} in this time',
    remedy: 'choose a shorter --since',
  },
  LEDGER__LOCALNET_UNREACHABLE: {
    class: 'fatal',
    message: 'no localnet answers at {url}: {problem}',
    remedy: 'start one with `dzd-localnet`, or name the address of its ledger with --rpc-url',
  },
  LEDGER__LOCALNET_REFUSED: {
    class: 'fatal',
    message: 'the localnet rejected {method}: {problem}',
    remedy:
      '`dzd-localnet user list`, `device show` and `faults show` list what exists; docs/localnet.md and docs/localnet-ledger.md list the parameters of each method',
  },
  LEDGER__DEVICE_UNKNOWN: {
    class: 'fatal',
    message: 'device {device} does not exist on this ledger',
    remedy: 'check the device public key, and that env or ledger.rpcUrls name its network',
  },
  LEDGER__DEVICE_WRONG_OWNER: {
    class: 'fatal',
    message: 'device {device} belongs to program {owner}, not to the serviceability program {programId}',
    remedy: 'check the device public key and the program id of the network',
  },
  LEDGER__NOT_A_DEVICE: {
    class: 'fatal',
    message: 'account {device} is not a device: {problem}',
    remedy: 'check the device public key; `doublezero device list` shows it',
  },
  LEDGER__USER_UNKNOWN: {
    class: 'fatal-for-user',
    message: 'device {device} has no user {wanted} on this ledger',
    remedy: 'give the public key, the client address or the tunnel id of one of its users; `dzd-telemetry status` lists them',
  },
  LEDGER__PUBLISHER_MISMATCH: {
    class: 'fatal',
    message: 'device {device} accepts reports only from its metrics publisher {actual}; our key is {expected}',
    remedy: 'load the key that the device names, or have its contributor set ours as the metrics publisher (`doublezero device update`)',
  },
} as const;

/** Raw state snapshots: what is collected, and where it goes. None of them touches a user's status. */
export const SNAPSHOT_CODES = {
  SNAPSHOT__SERVER_UNREACHABLE: {
    class: 'retry-later',
    message: 'the state-ingest server {server} cannot be reached: {problem}',
    remedy: 'check snapshots.url, and that this host reaches it; statuses do not depend on it',
  },
  SNAPSHOT__SERVER_BUSY: {
    class: 'retry-later',
    message: 'the state-ingest server {server} is busy (HTTP {status}); the next attempt is in {seconds} s',
    remedy: 'nothing to do: it answers so while it cannot read the ledger itself; if it persists, ask its operator',
  },
  SNAPSHOT__SERVER_STATUS: {
    class: 'retry-later',
    message: 'the state-ingest server {server} answered {request} with HTTP {status}: {problem}',
    remedy: 'check that snapshots.url is that of a state-ingest server; redirects are not followed',
  },
  SNAPSHOT__SERVER_MALFORMED: {
    class: 'retry-later',
    message: 'malformed response from the state-ingest server {server} to {request}: {problem}',
    remedy: 'check that snapshots.url is that of a state-ingest server',
  },
  SNAPSHOT__UNAUTHORIZED: {
    class: 'retry-later',
    message: 'the state-ingest server {server} refuses the signature of {publisher} for device {device}: {problem}',
    remedy:
      'the device must name this key as its metrics publisher, on the ledger that the server reads; it may take a minute to notice a change',
  },
  SNAPSHOT__CLOCK_SKEW: {
    class: 'retry-later',
    message: 'the clock of this host is {skew} {direction} the one of the state-ingest server {server}, which accepts 5 min',
    remedy: 'set the clock (`ntp server` on the switch, chrony or systemd-timesyncd elsewhere)',
  },
  SNAPSHOT__TOO_LARGE: {
    class: 'retry-later',
    message: 'the snapshot of {kind} has {bytes} bytes, and {place} does not take it: {problem}',
    remedy: 'raise the limit of the server or of the folder, or leave this kind out',
  },
  SNAPSHOT__UPLOAD_REFUSED: {
    class: 'retry-later',
    message: 'the snapshot of {kind} is not uploaded to {place}: {problem}',
    remedy: 'the state-ingest server names the place of the upload; ask its operator',
  },
  SNAPSHOT__UPLOAD_FAILED: {
    class: 'retry-later',
    message: 'the snapshot of {kind} could not be uploaded to {place}: {problem}',
    remedy: 'check that this host reaches the storage behind the state-ingest server; the next snapshot is uploaded in any case',
  },
  SNAPSHOT__ENTRY_REFUSED: {
    class: 'fatal',
    message: '{entry} is requested but not collected: {problem}',
    remedy: 'only the `show` commands that docs/snapshots.md lists are run, and the custom kind bgp-sockets',
  },
  SNAPSHOT__NO_SHOW_SOURCE: {
    class: 'fatal',
    message: 'no source can run `{command}`',
    remedy: 'add a source of type eapi; if BGP is read in another way, put it last in collector.sources',
  },
  SNAPSHOT__FOLDER: {
    class: 'retry-later',
    message: 'the snapshot of {kind} could not be written to {directory}: {problem}',
    remedy: 'check that the folder of snapshots.directory can be written by the user of this process, and that its disk has room',
  },
  SNAPSHOT__DEFECT: {
    class: 'retry-later',
    message: 'internal error in a snapshot: {problem}',
    remedy: 'report it with this line and the version; statuses do not depend on it',
  },
} as const;

/** Reading the switch over eAPI, gRPC, SNMP and from the kernel's sockets. */
export const SWITCH_CODES = {
  SWITCH__SOURCE_FAILED: {
    class: 'retry-later',
    message: 'source {source} could not read the switch: {problem}',
    remedy: 'the agent retries; if it persists, compare the source with docs/configuration.md',
  },
  EAPI__UNREACHABLE: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} cannot be reached: {problem}',
    remedy:
      'check that `management api http-commands` is on, in this VRF, and that address and port are right; a Unix socket also needs `protocol unix-socket` there',
  },
  EAPI__TIMEOUT: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} did not answer within {ms} ms',
    remedy:
      'the switch answers one request after another: check for other eAPI clients in `show management api http-commands`, or raise the timeout',
  },
  EAPI__TLS: {
    class: 'fatal',
    message: 'the certificate of eAPI at {endpoint} is not accepted: {problem}',
    remedy: 'name the CA file, or pin the certificate by the SHA-256 fingerprint that `openssl x509 -noout -fingerprint -sha256` prints',
  },
  EAPI__TLS_PROTOCOL: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} and this host cannot agree on TLS: {problem}',
    remedy: 'the agent speaks TLS 1.2 and 1.3: check versions and ciphers under `management security ssl profile` of the switch',
  },
  EAPI__NOT_TLS: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} does not speak TLS: {problem}',
    remedy: 'check the port; write http:// for an eAPI in clear text (`protocol http`), or turn on `protocol https` on the switch',
  },
  EAPI__NOT_HTTP: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} does not speak HTTP: {problem}',
    remedy: 'write https:// if this port is one of TLS, as `show management api http-commands` on the switch says; else check the port',
  },
  EAPI__UNAUTHORIZED: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} refuses {requests}: HTTP {status}',
    remedy: 'check user name and password; the user needs `show` commands only, and AAA must be reachable from the switch',
  },
  EAPI__HTTP_STATUS: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} answered {path} with HTTP {status}',
    remedy: 'a switch answers 200: check for another service at this address, a proxy in between, or an eAPI that restarts',
  },
  EAPI__INCOMPLETE: {
    class: 'retry-now',
    message: 'incomplete eAPI response from {endpoint}, {bytes} bytes: {problem}',
    remedy: 'the agent retries; if it persists, check for a proxy or a firewall that ends connections',
  },
  EAPI__TOO_LARGE: {
    class: 'retry-later',
    message: 'eAPI response from {endpoint} is larger than {limit} bytes',
    remedy: 'a summary takes a quarter of a kilobyte a neighbor: check which service answers there, or raise the limit',
  },
  EAPI__MALFORMED: {
    class: 'retry-later',
    message: 'malformed eAPI response from {endpoint}: {problem}',
    remedy: 'check that a switch answers at this address; compare with `show ip bgp summary vrf all | json` on its command line',
  },
  EAPI__MALFORMED_JSON: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} returned {problem}',
    remedy:
      'check that a switch answers at this address, and that nothing between agent and switch rewrites the answer; compare with `show ip bgp summary vrf all | json`',
  },
  EAPI__EMPTY: {
    class: 'retry-later',
    message: 'eAPI at {endpoint} shows no BGP neighbor in any VRF',
    remedy: 'compare `show ip bgp summary vrf all` on the switch; while it shows no neighbor, no user is reported up or down',
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
    remedy: 'run the command on the switch; `show agent logs crash` may show the cause',
  },
  EAPI__COMMAND_INVALID: {
    class: 'fatal',
    message: 'eAPI at {endpoint} does not know `{command}` (1002): {problem}',
    remedy: 'this EOS release lacks the command; use the snmp source on it',
  },
  EAPI__COMMAND_UNCONVERTED: {
    class: 'fatal',
    message: 'eAPI at {endpoint} has no JSON for `{command}` (1003): {problem}',
    remedy: 'this EOS release is too old for JSON output of the command; use the snmp source on it',
  },
  EAPI__COMMAND_INCOMPATIBLE: {
    class: 'fatal',
    message: 'eAPI at {endpoint} cannot answer `{command}` in this model version (1004): {problem}',
    remedy: "this EOS release no longer has the first revision of the command's model; use the snmp source on it",
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
    remedy: 'the switch runs one command after another: check for other clients of it, or raise the timeout',
  },
  GRPC__NOT_SERVED: {
    class: 'retry-later',
    message: 'EosSdkRpc at {endpoint} does not serve {method}: {problem}',
    remedy: 'no service is on by default: write `service all` under the transport of `management api eos-sdk-rpc`',
  },
  GRPC__EXHAUSTED: {
    class: 'retry-later',
    message: 'EosSdkRpc at {endpoint} is overloaded, or its response is too large: {problem}',
    remedy:
      'a summary takes a quarter of a kilobyte a neighbor, and a client may have 100 calls open: check which service answers at this address',
  },
  GRPC__FAILED: {
    class: 'retry-later',
    message: 'EosSdkRpc at {endpoint} failed {method} ({status}): {problem}',
    remedy: 'the agent retries; if it persists, check which service answers at this address, and `show agent logs crash` on the switch',
  },
  GRPC__MALFORMED: {
    class: 'retry-later',
    message: 'malformed EosSdkRpc response from {endpoint}: {problem}',
    remedy: 'check that a switch answers at this address; compare with `show ip bgp summary vrf all | json` on its command line',
  },
  GRPC__MALFORMED_JSON: {
    class: 'retry-later',
    message: 'EosSdkRpc at {endpoint} returned {problem}',
    remedy:
      'check that nothing between agent and switch rewrites the answer; compare with `show ip bgp summary vrf all | json` on its command line',
  },
  GRPC__WATCH_ENDED: {
    class: 'retry-later',
    message: 'the watch of EosSdkRpc at {endpoint} ended: {problem}',
    remedy: 'the agent starts a new watch and meanwhile polls at its interval; if it persists, check `show agent logs crash` on the switch',
  },
  SOCKETS__FOLDER: {
    class: 'retry-later',
    message: 'the network namespaces in {folder} cannot be listed: {problem}',
    remedy: "this source runs on the switch itself, where EOS keeps a VRF's namespace in /var/run/netns; in a container, mount that folder",
  },
  SOCKETS__SS_FAILED: {
    class: 'retry-later',
    message: 'ss could not run in namespace {namespace}: {problem}',
    remedy: 'install iproute2; entering a namespace needs root or CAP_SYS_ADMIN',
  },
  SOCKETS__UNREADABLE: {
    class: 'retry-later',
    message: 'the sockets of no namespace in {folder} could be read; VRF {vrf}: {problem}',
    remedy: 'run `ip netns exec NAMESPACE ss -tinHO` as the user of the agent; entering a namespace needs root or CAP_SYS_ADMIN',
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
      'check address, port and community, that `snmp-server vrf` allows the VRF that asks, and that no ACL drops UDP; snmpwalk -v2c with the same community shows the agent’s answer',
  },
  SNMP__SLOW: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} answers, but too slowly for one poll: {problem}',
    remedy:
      'raise pollTimeout of the source: an answer holds six neighbors of ARISTA-BGP4V2-MIB or twelve of BGP4-MIB; the eapi source takes one answer',
  },
  SNMP__MALFORMED: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} sends datagrams that cannot be read: {problem}',
    remedy: 'check that an SNMP agent answers at this address and port, in the configured version, and that nothing between cuts datagrams',
  },
  SNMP__NOT_IN_ORDER: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} returns a table out of order: {problem}',
    remedy:
      'snmpwalk of the table shows "OID not increasing"; set mib to the other table, or use the eapi source, until the agent is repaired',
  },
  SNMP__WRONG_INDEX: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} returns a row that names no neighbor: {problem}',
    remedy: 'compare the indices that snmpwalk shows with the MIB; set mib to the other table, or use the eapi source',
  },
  SNMP__WRONG_TYPE: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} returns a value of the wrong type: {problem}',
    remedy: 'compare the types that snmpwalk shows with the MIB; set mib to the other table, or use the eapi source',
  },
  SNMP__ROW_TWICE: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} returns one neighbor twice: {problem}',
    remedy: 'snmpwalk shows which row is wrong, as in two BGP instances of one VRF; set mib to bgp4, or use the eapi source',
  },
  SNMP__INCOMPLETE: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} does not answer what was asked: {problem}',
    remedy: 'compare with snmpbulkwalk of the table; use the eapi source if the agent of this release cannot answer GETBULK',
  },
  SNMP__NO_SUCH_INSTANCE: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} leaves out rows of a table: {problem}',
    remedy: 'compare with snmpbulkwalk of the table; the BGP part of the agent may be restarting',
  },
  SNMP__TOO_MANY_ROWS: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} has a larger table than the configuration allows: {problem}',
    remedy: 'raise maxRows of the source if the switch has that many neighbors',
  },
  SNMP__ERROR_STATUS: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} could not answer a request: {problem}',
    remedy: 'compare with snmpbulkwalk of the table; `show agent logs crash` on the switch may show why its SNMP agent fails',
  },
  SNMP__VIEW_REFUSED: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} denies access to a VRF: {problem}',
    remedy: 'allow this community, or the group of this user in the context of the VRF, to read the BGP tables',
  },
  SNMP__VRF_IGNORED: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} shows one VRF in place of another: {problem}',
    remedy:
      'compare snmpwalk for each VRF, with its context or the community `<community>@<VRF>`; give the VRF its own community or context on the switch, or use the eapi source',
  },
  SNMP__NO_BGP: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} shows no BGP in a VRF: {problem}',
    remedy: 'compare `show ip bgp summary vrf all` on the switch, and list only VRFs with BGP; until then their users keep their status',
  },
  SNMP__UNSTABLE: {
    class: 'retry-now',
    message: 'the SNMP agent at {endpoint} changed a table while it was read: {problem}',
    remedy: 'neighbors come and go faster than a walk takes; the next poll reads again',
  },
  SNMP__NEIGHBORS_GONE: {
    class: 'retry-now',
    message: 'the SNMP agent at {endpoint} no longer shows the neighbors that it had: {problem}',
    remedy: 'the BGP of the switch may be restarting; the next poll shows whether the neighbors are gone',
  },
  SNMP__EMPTY: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} has no BGP neighbor in any VRF that was read ({collected} of {vrfs})',
    remedy: 'compare `show ip bgp summary vrf all` on the switch with the configured VRFs: each VRF is read as `<community>@<VRF>`',
  },
  SNMP__USER_INVALID: {
    class: 'fatal',
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
    remedy: 'compare the authentication password and protocol (md5, sha, …) with those of this user on the switch',
  },
  SNMP__WRONG_PRIVACY: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} and user {user} cannot decrypt each other: {problem}',
    remedy: 'compare the privacy password and protocol (aes, des, …) with those of this user on the switch',
  },
  SNMP__LEVEL_REFUSED: {
    class: 'retry-later',
    message: 'the SNMP agent at {endpoint} refuses this security level to user {user}',
    remedy: 'give the user on the switch the authentication and privacy protocols of the configuration',
  },
  SNMP__OUT_OF_TIME: {
    class: 'retry-now',
    message: 'the SNMP agent at {endpoint} and this host disagree about its engine time: {problem}',
    remedy: 'the SNMP agent restarted, or restarts over and over; the next poll uses its new time',
  },
  SNMP__TRAPS_UNHEARD: {
    class: 'retry-later',
    message: 'SNMP traps cannot be received at {endpoint}: {problem}',
    remedy:
      'check that the address belongs to this host, that no other trap daemon has the port, and that the unit may bind ports below 1024; sessions are still polled',
  },
} as const;

/** Landing transactions on the ledger. */
export const WRITE_CODES = {
  WRITE__USER_REJECTED: {
    class: 'fatal-for-user',
    message: 'the program rejected the status of user {user}: {problem}',
    remedy: 'compare its device and tunnel on the ledger; the agent retries when the account changes, else after 30 s, doubling up to 1 h',
  },
  WRITE__NO_FUNDS: {
    class: 'fatal',
    message: 'the metrics publisher {publisher} cannot pay for transactions: {problem}',
    remedy: 'send SOL of the DoubleZero ledger to the metrics publisher; writes resume within a minute',
  },
  WRITE__BALANCE_LOW: {
    class: 'fatal',
    message: 'the metrics publisher {publisher} holds {lamports} lamports, less than worker.minBalance ({minBalance})',
    remedy: 'send SOL of the DoubleZero ledger to the metrics publisher, or lower worker.minBalance; writes resume within a minute',
  },
  WRITE__PROGRAM_TOO_OLD: {
    class: 'fatal',
    message: 'program {program} does not support SetUserBGPStatus (instruction 106)',
    remedy: 'check ledger.programId and env; the deployed program must implement RFC-19',
  },
  WRITE__MALFORMED: {
    class: 'fatal',
    message: 'the ledger rejected a transaction as malformed: {problem}',
    remedy: 'this is a bug in the agent: report it with this line and the version',
  },
  WRITE__BLOCKHASH_UNKNOWN: {
    class: 'retry-now',
    message: 'the blockhash of transaction {signature} is unknown or expired',
    remedy: 'nothing to do: the agent builds the transaction again on a fresh blockhash; if it persists, one of ledger.rpcUrls lags',
  },
  WRITE__COMPUTE_EXCEEDED: {
    class: 'retry-now',
    message: 'transaction {signature} ran out of {resource}',
    remedy: 'nothing to do: the agent simulates again and requests more',
  },
  WRITE__TRANSACTION_FAILED: {
    class: 'retry-later',
    message: 'transaction {signature} failed: {problem}',
    remedy: 'nothing to do: the agent writes its users again; if it persists, find the transaction in an explorer of the ledger',
  },
  WRITE__NOT_LANDING: {
    class: 'retry-later',
    message: 'no write has been confirmed: {problem}',
    remedy: 'check that the endpoints in ledger.rpcUrls forward transactions, or add another one; the agent keeps trying',
  },
  WRITE__NOT_SETTLED: {
    class: 'retry-later',
    message: 'some writes were neither confirmed nor failed after {seconds} s',
    remedy: 'the ledger does not answer or confirms nothing; run again: a status that is already on the ledger is not written twice',
  },
  WRITE__ALREADY_IN_FLIGHT: {
    class: 'fatal',
    message: 'user {user} would have two unresolved statuses',
    remedy: 'this is a bug in the agent: report it with this line and the version',
  },
} as const;

/** `dzd-telemetry resources`: pools of a network, and their migration. */
export const RESOURCES_CODES = {
  RESOURCES__NO_NETWORK: {
    class: 'fatal',
    message: '{programId} has no GlobalConfig on this ledger',
    remedy: 'check that env or ledger.rpcUrls and ledger.programId belong to the same network',
  },
  RESOURCES__PLAN_UNREADABLE: {
    class: 'fatal',
    message: 'the plan {file} cannot be used: {problem}',
    remedy: 'make it again with `dzd-telemetry resources migrate plan --out FILE`; that reads only',
  },
  RESOURCES__PLAN_UNWRITABLE: {
    class: 'fatal',
    message: 'the plan {file} cannot be written: {problem}',
    remedy: 'choose another place with --out',
  },
  RESOURCES__WRONG_NETWORK: {
    class: 'fatal',
    message: 'the plan {file} was made on another network ({planned}) than this one ({actual}); nothing was sent',
    remedy: 'set env or ledger.rpcUrls to the network of the plan, or make a plan on this one',
  },
  RESOURCES__PLAN_STALE: {
    class: 'fatal',
    message: 'the plan {file} of slot {slot} is stale: {problem}; nothing was sent',
    remedy: 'make it again with `dzd-telemetry resources migrate plan --out FILE`; what was applied already stays',
  },
  RESOURCES__NO_KEY: {
    class: 'fatal',
    message: 'no key file is named; {action} cannot send without one',
    remedy: 'set --keypair to a key file as solana-keygen writes it, or leave out --execute',
  },
  RESOURCES__NOT_ALLOWED: {
    class: 'fatal',
    message: "the key {signer} is not on the foundation's allowlist of this network; nothing was sent",
    remedy: 'use a key of the allowlist: `doublezero global-config allowlist list` shows it',
  },
  RESOURCES__REJECTED: {
    class: 'fatal',
    message: '{confirmed} of {total} transactions are confirmed; the next was rejected: {problem}',
    remedy: 'resolve the cause and run the same command again: it continues where this one ended',
  },
  RESOURCES__INTERRUPTED: {
    class: 'retry-later',
    message: '{confirmed} of {total} transactions are confirmed; then {problem}',
    remedy: 'run the same command again: it continues where this one ended',
  },
  RESOURCES__INCOMPLETE: {
    class: 'retry-later',
    message: 'all transactions are confirmed, but {problem}',
    remedy: 'run the same command again; if this stays, make a new plan: the network has changed meanwhile',
  },
} as const;
