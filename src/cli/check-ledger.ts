import { type LedgerUser, ledgerStatus } from '../bgp/index.ts';
import type { AgentConfig } from '../config/index.ts';
import { AgentError, isAgentError } from '../lib/index.ts';
import { count, sol, span } from '../observability/index.ts';
import { buildTransaction } from '../publisher/index.ts';
import { decodeOwned, type LedgerRpc, MAX_LAG_SLOTS, type SingleEndpoint } from '../rpc/index.ts';
import {
  type Address,
  DeviceStatus,
  decodeProgramConfig,
  describeTransactionFailure,
  deviceStatusName,
  formatProgramVersion,
  nanoseconds,
  parseTransactionFailure,
  programConfigAddress,
  type Slot,
  UserStatus,
  ZERO_ADDRESS,
} from '../serviceability/index.ts';
import { LAMPORTS_PER_TRANSACTION, refreshLamportsPerHour } from '../worker/index.ts';
import { type Finding, fail, fulfilled, type Lookups, milliseconds, ok, required, Skip, type Step, warn } from './check-step.ts';

/** The device of the configuration, and whether its metrics publisher is this key. */
export function deviceSteps({ device }: AgentConfig, { key, authority }: Lookups): readonly Step[] {
  return [
    {
      name: 'device',
      async run() {
        const { code, status } = await authority();
        const what = `${code} is ${deviceStatusName(status)}`;
        if (status === DeviceStatus.activated) return ok(what);
        if (status !== DeviceStatus.drained)
          return fail(what, `ask its contributor to activate it; \`doublezero device get --code ${code}\` shows its status`);
        return warn(
          what,
          'the controller shuts down the sessions of a drained device, so its users are reported down; undrain it if this is not intended',
        );
      },
    },
    {
      name: 'publisher',
      async run() {
        const address = ownAddress(key);
        const { metricsPublisher, code } = await required('the device', authority());
        if (metricsPublisher === address) return ok(`the key is the metrics publisher of ${code}`);
        throw new AgentError('LEDGER__PUBLISHER_MISMATCH', { device, expected: address, actual: metricsPublisher });
      },
    },
  ];
}

/** Throws Skip without a key: the step `key` reports why there is none. */
function ownAddress(key: Lookups['key']): Address {
  try {
    return key().keypair.address;
  } catch (error) {
    if (isAgentError(error)) throw new Skip('the key could not be read');
    throw error;
  }
}

/** Each ledger endpoint: whether it answers, how fast, whether it belongs to the cluster of the others, and how far it is behind them. */
export function endpointSteps(endpoints: readonly SingleEndpoint[], lookups: Lookups): readonly Step[] {
  const { probe, genesisHash } = lookups;
  const withHash = async (endpoint: SingleEndpoint) => ({ endpoint, hash: await genesisHash(endpoint) });
  return endpoints.map((endpoint) => ({
    name: `endpoint ${endpoint.name}`,
    async run() {
      const { slot, latencyMs } = await probe(endpoint);
      const what = `slot ${slot} in ${milliseconds(latencyMs)}`;
      const others = endpoints.filter((other) => other !== endpoint);
      const problem = (await refusalFinding(what, endpoint, others, lookups)) ?? (await standstillFinding(what, endpoint, others, lookups));
      if (problem !== undefined) return problem;
      if (others.length === 0) return ok(what);
      const clusters = await fulfilled(endpoints.map(withHash));
      const [first] = clusters;
      const own = clusters.find((other) => other.endpoint === endpoint);
      if (first !== undefined && own !== undefined && own.hash !== first.hash)
        return fail(
          `it belongs to another cluster (genesis hash ${own.hash}) than ${first.endpoint.name} (${first.hash})`,
          'list endpoints of one cluster only in ledger.rpcUrls; the agent uses the cluster that has the device, and ignores the others',
        );
      const probes = await fulfilled(endpoints.map(probe));
      const behind = probes.reduce<Slot>((highest, other) => (other.slot > highest ? other.slot : highest), slot) - slot;
      if (behind <= MAX_LAG_SLOTS) return ok(`${what}, ${behind} behind the highest`);
      return warn(
        `${what}, ${behind} behind the highest`,
        `the agent does not use an endpoint that is more than ${MAX_LAG_SLOTS} slots behind; add another one to ledger.rpcUrls`,
      );
    },
  }));
}

/** A warning if the endpoint refuses a read that another one serves, a failure if none serves it. */
async function refusalFinding(
  what: string,
  endpoint: SingleEndpoint,
  others: readonly SingleEndpoint[],
  { refusals }: Lookups,
): Promise<Finding | undefined> {
  const refused = [...(await refusals(endpoint))];
  const [first] = refused;
  if (first === undefined) return undefined;
  const [, { remedy }] = first;
  const detail = `${what}; ${refused.map(([, { message }]) => message).join('; ')}`;
  const elsewhere = await fulfilled(others.map(refusals));
  const isServed = refused.every(([method]) => elsewhere.some((other) => !other.has(method)));
  return isServed ? warn(detail, `the agent asks another endpoint instead; ${remedy}`) : fail(detail, remedy);
}

/** A warning if the slots of another endpoint rise, a failure if the ledger stands still. */
async function standstillFinding(
  what: string,
  endpoint: SingleEndpoint,
  others: readonly SingleEndpoint[],
  { advances }: Lookups,
): Promise<Finding | undefined> {
  if (await advances(endpoint)) return undefined;
  const elsewhere = await fulfilled(others.map(advances));
  const detail = `${what}, and no newer one for 3 s`;
  if (elsewhere.includes(true))
    return warn(detail, 'this node stands still: the agent uses the other endpoints; replace this one if it stays so');
  return fail(
    detail,
    'the ledger stands still, so no write can be confirmed: see the status page of the network, or add an endpoint of another provider',
  );
}

const HOUR_MS = 3_600_000;
/** A balance that lasts less is a warning: it takes days until a person notices and sends funds. */
const LOW_BALANCE_HOURS = 7 * 24;
/** A balance that lasts longer needs no exact figure. */
const MANY_HOURS = 10 * 365 * 24;
const SIGNATURE_BYTES = 64;

/** The program, a simulation of its instruction with our key, and what our balance pays for. Sends nothing. */
export function programSteps(
  { device, ledger, policy, worker }: AgentConfig,
  rpc: LedgerRpc,
  { key, authority, view }: Lookups,
): readonly Step[] {
  return [
    {
      name: 'program',
      async run(signal) {
        const { programId } = ledger;
        const { accounts } = await rpc.accounts([programConfigAddress(programId).address], signal);
        const config = decodeOwned(accounts[0], programId, decodeProgramConfig);
        if (config === undefined)
          return fail(
            `${programId} has no ProgramConfig on this ledger`,
            'check that env or ledger.rpcUrls and ledger.programId belong to the same network',
          );
        const { version, minCompatibleVersion } = config;
        return ok(`version ${formatProgramVersion(version)}, minimum client version ${formatProgramVersion(minCompatibleVersion)}`);
      },
    },
    {
      name: 'instruction',
      async run(signal) {
        const address = ownAddress(key);
        const { users } = await required('the users', view());
        const all = [...users.values()];
        const user = all.find((each) => each.user.status === UserStatus.activated) ?? all[0];
        if (user === undefined) throw new Skip('the device has no user to simulate it for');
        const simulated = await rpc.simulateTransaction(unsigned(ledger.programId, device, address, user), signal);
        if (simulated.err === null) {
          const units = simulated.unitsConsumed === undefined ? '' : `, ${count(simulated.unitsConsumed, 'compute unit')}`;
          return ok(`SetUserBGPStatus simulated for ${user.pubkey}${units}; nothing was sent`);
        }
        return fail(
          `SetUserBGPStatus simulated for ${user.pubkey}: ${describeTransactionFailure(parseTransactionFailure(simulated.err))}`,
          'the program of this network may be too old for the instruction (RFC-19), or the publisher may lack permission or funds; see the other steps',
        );
      },
    },
    {
      name: 'balance',
      async run(signal) {
        const address = ownAddress(key);
        const { metricsPublisher } = await required('the device', authority());
        const [read] = await fulfilled([view()]);
        const lamports = await rpc.balance(address, signal);
        const remedy =
          metricsPublisher === address
            ? `send funds of this ledger to ${address}`
            : 'first correct the step publisher: only the metrics publisher of the device needs funds';
        const floor = worker.minBalance > LAMPORTS_PER_TRANSACTION ? worker.minBalance : BigInt(LAMPORTS_PER_TRANSACTION);
        if (lamports < floor) return fail(`${sol(lamports)}, below the minimum of ${sol(floor)}`, remedy);
        if (read === undefined) return ok(sol(lamports));
        // Refreshes alone; changes come on top.
        const perHour = refreshLamportsPerHour(read.users.size, policy.refreshInterval);
        if (perHour === 0) return ok(`${sol(lamports)}; there are no users yet`);
        const hours = Number(lamports - worker.minBalance) / perHour;
        const time = hours > MANY_HOURS ? 'more than ten years' : `about ${span(hours * HOUR_MS)}`;
        const what = `${sol(lamports)}, enough to refresh ${count(read.users.size, 'user')} for ${time}`;
        return hours < LOW_BALANCE_HOURS ? warn(what, remedy) : ok(what);
      },
    },
  ];
}

/** Writes the status that the user's record already has. Its signature is 64 zero bytes, so no node would accept it. */
function unsigned(programId: Address, device: Address, address: Address, { pubkey, user }: LedgerUser): Uint8Array {
  const status = ledgerStatus(user.bgpStatus);
  const signer = { address, sign: () => new Uint8Array(SIGNATURE_BYTES) };
  const writes = [{ user: pubkey, status, rttNs: status === 'up' ? user.bgpRttNs : nanoseconds(0) }];
  return buildTransaction({ programId, device, signer, blockhash: ZERO_ADDRESS, writes, compute: {} }).wire;
}
