/**
 * Reading the ledger. `{endpoint}` never carries the path, the query or the credentials of an RPC URL: they are often its secret.
 * Trouble with an endpoint is never agent-never, a 403 included: gateways turn clients away for an hour and take them back without anybody
 * here doing anything. Only what the ledger itself says of our device is final.
 */
export const LEDGER_CODES = {
  LEDGER__UNREACHABLE: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} cannot be reached: {problem}',
    remedy: 'check ledger.rpcUrls and the network between this host and the endpoint',
  },
  LEDGER__TIMEOUT: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} did not answer {method}: {problem}',
    remedy: 'check the network to the endpoint, or add a second one to ledger.rpcUrls',
  },
  LEDGER__RATE_LIMITED: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} limits our requests: {problem}',
    remedy: 'use an endpoint with a higher limit, or add a second one to ledger.rpcUrls',
  },
  LEDGER__UNAVAILABLE: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} is not able to serve {method}: {problem}',
    remedy: 'wait for the endpoint to recover, or add a second one to ledger.rpcUrls',
  },
  LEDGER__BAD_ANSWER: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} answered {method} with something else: {problem}',
    remedy: 'check that the URL in ledger.rpcUrls is a Solana JSON-RPC endpoint and that no proxy rewrites its answers',
  },
  LEDGER__BAD_ACCOUNT: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} sent account {account} in a wrong shape: {problem}',
    remedy: 'check that ledger.rpcUrls and the program id belong to the same network; the whole answer was dropped',
  },
  LEDGER__NOT_YET: {
    class: 'retry-now',
    message: 'the ledger endpoint {endpoint} has not reached the slot that {method} needs: {problem}',
    remedy: 'none needed unless it lasts; then the endpoint lags, so add a second one to ledger.rpcUrls',
  },
  LEDGER__LAGGING: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} is {slots} slots behind the others',
    remedy: 'none needed: the other endpoints are used until it has caught up',
  },
  LEDGER__AHEAD: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} answers for slot {slot}, {slots} slots after the newest one that is believed',
    remedy: 'no ledger moves that fast: check the endpoint; what nobody else says or denies is believed after two minutes',
  },
  LEDGER__OTHER_CLUSTER: {
    class: 'retry-later',
    message:
      'the ledger endpoint {endpoint} belongs to another cluster (genesis hash {actual}) than {reference} ({expected}), which has our device',
    remedy: 'name only endpoints of one cluster in ledger.rpcUrls; this one is not used',
  },
  LEDGER__WITHOUT_DEVICE: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} does not have our device as another endpoint has it: {problem}',
    remedy: 'check that all of ledger.rpcUrls belong to one network; this one is not used until it has the device',
  },
  LEDGER__ACCESS_DENIED: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} turns us away: {problem}',
    remedy: 'check the path, token and credentials of the URL in ledger.rpcUrls',
  },
  LEDGER__UNSUPPORTED: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} does not serve {method}: {problem}',
    remedy: 'use an endpoint with getProgramAccounts and transaction history enabled',
  },
  LEDGER__REQUEST_REFUSED: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} refuses {method} as it was asked: {problem}',
    remedy: 'this is a defect of the agent or of the endpoint; report it with this line',
  },
  LEDGER__NODE_ERROR: {
    class: 'retry-later',
    message: 'the ledger endpoint {endpoint} failed at {method}: {problem}',
    remedy: 'wait for the endpoint to recover, or add a second one to ledger.rpcUrls',
  },
  LEDGER__BUSY: {
    class: 'retry-later',
    message: 'too many requests wait for the ledger endpoint {endpoint}: {problem}',
    remedy:
      'the endpoint is too slow for this device, or ledger.requestsPerSecond too low: add a faster one to ledger.rpcUrls, or raise it',
  },
  LEDGER__NO_ENDPOINT: {
    class: 'retry-later',
    message: 'no ledger endpoint could answer: {problems}',
    remedy: 'check ledger.rpcUrls and the network between this host and the endpoints',
  },
  LEDGER__VIEW_FAILED: {
    class: 'retry-later',
    message: 'the users of this device could not be read from the ledger: {problem}',
    remedy: 'the agent goes on asking and writes nothing meanwhile; check ledger.rpcUrls',
  },
  LEDGER__STALE_ANSWER: {
    class: 'retry-later',
    message: 'the ledger answered for slot {slot}, older than slot {applied} that was already read',
    remedy: 'an endpoint lags or the ledger was set back; an answer that lasts is believed after two minutes',
  },
  LEDGER__LOCALNET_UNREACHABLE: {
    class: 'agent-never',
    message: 'no localnet answers at {url}: {problem}',
    remedy: 'start one with `dzd-telemetry localnet`, or name the address of its ledger with --rpc-url',
  },
  LEDGER__LOCALNET_REFUSED: {
    class: 'agent-never',
    message: 'the localnet refuses {method}: {problem}',
    remedy: '`dzd-telemetry localnet user list`, `device show` and `faults show` tell what is there',
  },
  LEDGER__DEVICE_UNKNOWN: {
    class: 'agent-never',
    message: 'device {device} does not exist on this ledger',
    remedy: 'check the device public key, and that env or ledger.rpcUrls name the network it lives on',
  },
  LEDGER__DEVICE_WRONG_OWNER: {
    class: 'agent-never',
    message: 'device {device} belongs to program {owner}, not to the serviceability program {programId}',
    remedy: 'check the device public key and the program id of the network',
  },
  LEDGER__NOT_A_DEVICE: {
    class: 'agent-never',
    message: 'account {device} is not a device: {problem}',
    remedy: 'check the device public key; `doublezero device list` shows it',
  },
  LEDGER__USER_UNKNOWN: {
    class: 'user-never',
    message: 'device {device} has no user {wanted} on this ledger',
    remedy: 'give the public key, the client address or the tunnel id of one of its users; `dzd-telemetry status` lists them',
  },
  LEDGER__PUBLISHER_MISMATCH: {
    class: 'agent-never',
    message: 'device {device} takes reports from its metrics publisher {actual} only, and our key is {expected}',
    remedy: 'load the key that the device names, or have its contributor set ours as the metrics publisher (`doublezero device update`)',
  },
} as const;
