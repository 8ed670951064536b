import { type LedgerUser, ledgerStatus } from '../../bgp/index.ts';
import type { AgentConfig } from '../../config/index.ts';
import { sol, span } from '../../observability/index.ts';
import type { LedgerRpc } from '../../rpc/index.ts';
import {
  AccountDataError,
  type Address,
  decodeProgramConfig,
  describeTransactionFailure,
  encodeLegacyMessage,
  encodeTransaction,
  formatProgramVersion,
  nanoseconds,
  type ProgramConfig,
  parseTransactionFailure,
  programConfigAddress,
  setUserBgpStatusInstruction,
  UserStatus,
  ZERO_ADDRESS,
} from '../../serviceability/index.ts';
import { LAMPORTS_PER_TRANSACTION, refreshLamportsPerHour } from '../../worker/index.ts';
import type { Lookups } from './lookups.ts';
import { fail, ok, Skip, type Step, warn } from './step.ts';
import { count } from './words.ts';

const HOUR_MS = 3_600_000;
/** Less than this is worth a warning: somebody has to notice it, and to send funds. */
const SCANT_HOURS = 7 * 24;
/** What lasts longer need not be told to the day. */
const MANY_HOURS = 10 * 365 * 24;
const SIGNATURE_BYTES = 64;

/** What the ledger's program is and does, and what the key can pay for. Nothing of it is sent. */
export function programSteps({ device, ledger, policy, worker }: AgentConfig, rpc: LedgerRpc, lookups: Lookups): readonly Step[] {
  const { authority, view, given } = lookups;
  return [
    {
      name: 'program',
      async look(signal) {
        const { programId } = ledger;
        const { accounts } = await rpc.accounts([programConfigAddress(programId).address], signal);
        const account = accounts[0] ?? null;
        const found = account === null || account.owner !== programId ? undefined : decodeConfig(account.data);
        if (found === undefined)
          return fail(
            `${programId} has no ProgramConfig on this ledger`,
            'check that env or ledger.rpcUrls and ledger.programId name the same network',
          );
        const { version, minCompatibleVersion } = found;
        return ok(`version ${formatProgramVersion(version)}, takes clients from ${formatProgramVersion(minCompatibleVersion)} on`);
      },
    },
    {
      name: 'instruction',
      async look(signal) {
        const { metricsPublisher } = await given('the device', authority());
        const { users } = await given('the users', view());
        const all = [...users.values()];
        const user = all.find((each) => each.user.status === UserStatus.activated) ?? all[0];
        if (user === undefined) throw new Skip('the device has no user to try it with');
        const simulated = await rpc.simulateTransaction(unsigned(ledger.programId, device, metricsPublisher, user), signal);
        if (simulated.err === null) {
          const units = simulated.unitsConsumed === undefined ? '' : `, ${count(simulated.unitsConsumed, 'compute unit')}`;
          return ok(`SetUserBGPStatus simulated for ${user.pubkey}${units}; nothing was sent`);
        }
        return fail(
          `SetUserBGPStatus simulated for ${user.pubkey}: ${describeTransactionFailure(parseTransactionFailure(simulated.err))}`,
          'the program of this network may be too old for the instruction (RFC-19), or the publisher may not write or pay; see the lines above',
        );
      },
    },
    {
      name: 'balance',
      async look(signal) {
        const { metricsPublisher } = await given('the device', authority());
        const users = await view().then(
          (read) => read.users.size,
          () => undefined,
        );
        const lamports = await rpc.balance(metricsPublisher, signal);
        const remedy = `send funds of this ledger to ${metricsPublisher}`;
        const floor = worker.minBalance > LAMPORTS_PER_TRANSACTION ? worker.minBalance : BigInt(LAMPORTS_PER_TRANSACTION);
        if (lamports < floor) return fail(`${sol(lamports)}, which pays for nothing`, remedy);
        if (users === undefined) return ok(sol(lamports));
        const hours = hoursToEmpty(lamports, users, policy.refreshInterval);
        if (hours === Number.POSITIVE_INFINITY) return ok(`${sol(lamports)}; there are no users yet`);
        const lasts = `${sol(lamports)}, which refreshes ${count(users, 'user')} for ${hours > MANY_HOURS ? 'more than ten years' : `about ${span(hours * HOUR_MS)}`}`;
        return hours < SCANT_HOURS ? warn(lasts, remedy) : ok(lasts);
      },
    },
  ];
}

/** How long refreshes alone take to use it up; changes come on top. */
export function hoursToEmpty(lamports: bigint, users: number, refreshIntervalMs: number): number {
  const perHour = refreshLamportsPerHour(users, refreshIntervalMs);
  return perHour === 0 ? Number.POSITIVE_INFINITY : Number(lamports) / perHour;
}

/** Says of the user what the ledger says already. Nobody has signed it, so that nobody could send it. */
function unsigned(programId: Address, device: Address, metricsPublisher: Address, { pubkey, user }: LedgerUser): Uint8Array {
  const status = ledgerStatus(user.bgpStatus);
  const rttNs = status === 'up' ? user.bgpRttNs : nanoseconds(0);
  const instruction = setUserBgpStatusInstruction({ programId, user: pubkey, device, metricsPublisher, status, rttNs });
  const message = encodeLegacyMessage({ feePayer: metricsPublisher, blockhash: ZERO_ADDRESS, instructions: [instruction] });
  return encodeTransaction(message, [new Uint8Array(SIGNATURE_BYTES)]);
}

/** Undefined for what is no ProgramConfig. */
function decodeConfig(data: Uint8Array): ProgramConfig | undefined {
  try {
    return decodeProgramConfig(data);
  } catch (error) {
    if (error instanceof AccountDataError) return undefined;
    throw error;
  }
}
