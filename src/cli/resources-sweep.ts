import { count, jsonLine, tableLines, tableStyle } from '../observability/index.ts';
import { AccessPassStatus, type Address, UserStatus } from '../serviceability/index.ts';
import { createPassFinder, MAX_SWEPT_USERS, type NetworkAccounts, sweepExpiredUsers } from '../serviceability/rfc11/index.ts';
import type { ExitCode } from './command.ts';
import { loadSigner, type ResourcesContext } from './resources-options.ts';
import { type LabeledInstruction, sendWithProgress } from './resources-send.ts';

/** An expired access pass with the users that it still lets in. */
interface ExpiredPass {
  readonly accessPass: Address;
  readonly userPayer: Address;
  readonly lastAccessEpoch: bigint;
  readonly users: readonly Address[];
}

/** Expired passes that a sweep changes: with activated users, or not marked as expired yet. Ordered by address. Pure. */
export function findExpired(
  { accessPasses, users }: Pick<NetworkAccounts, 'accessPasses' | 'users'>,
  epoch: bigint,
): readonly ExpiredPass[] {
  const expired = new Map([...accessPasses].filter(([, { lastAccessEpoch }]) => lastAccessEpoch < epoch));
  const passOf = createPassFinder({ accessPasses });
  const usersOf = new Map<Address, Address[]>([...expired.keys()].map((pass) => [pass, []]));
  for (const [address, { value: user, slots }] of users) {
    const own = slots === undefined ? passOf(user) : slots.accessPassPk;
    if (own !== undefined && user.status === UserStatus.activated) usersOf.get(own)?.push(address);
  }
  return [...expired]
    .map(([accessPass, { userPayer, lastAccessEpoch, status }]) => ({
      accessPass,
      userPayer,
      lastAccessEpoch,
      status,
      users: (usersOf.get(accessPass) ?? []).sort(),
    }))
    .filter(({ status, users: swept }) => swept.length > 0 || status !== AccessPassStatus.expired)
    .map(({ status: _, ...pass }) => pass)
    .sort((a, b) => (a.accessPass < b.accessPass ? -1 : 1));
}

/** `resources sweep`. Sends only with `--execute`. */
export async function sweep({ options, config, io, rpc, read, epoch }: ResourcesContext): Promise<ExitCode> {
  const { programId } = config.ledger;
  const now = await epoch();
  const { network, slot } = await read();
  const passes = findExpired(network, now);
  const users = passes.reduce((sum, pass) => sum + pass.users.length, 0);
  const swept = `${count(passes.length, 'expired access pass', 'expired access passes')} with ${count(users, 'activated user')}`;
  const summary = { slot, epoch: now, passes: passes.length, users };
  const isJson = options.output === 'json';
  if (isJson) for (const pass of passes) io.stdout.write(jsonLine({ event: 'expired', ...pass }));
  else {
    const rows = passes.map((pass) => [pass.accessPass, pass.userPayer, String(pass.lastAccessEpoch), String(pass.users.length)]);
    if (rows.length > 0)
      io.stdout.write(
        `${tableLines([['ACCESS PASS', 'OWNER', 'LAST EPOCH', 'USERS'], ...rows], tableStyle(io.stdout, io.environment)).join('\n')}\n\n`,
      );
  }
  if (!options.execute) {
    io.stdout.write(
      isJson
        ? jsonLine({ event: 'dry-run', ...summary })
        : `${swept} in epoch ${now}${passes.length === 0 ? '' : '; nothing was sent: repeat with --execute'}\n`,
    );
    return 0;
  }
  const signer = loadSigner(config, 'sweep');
  const instructions = passes.flatMap(({ accessPass, users: all }): readonly LabeledInstruction[] => {
    const chunks =
      all.length === 0
        ? [[]]
        : Array.from({ length: Math.ceil(all.length / MAX_SWEPT_USERS) }, (_, at) =>
            all.slice(at * MAX_SWEPT_USERS, (at + 1) * MAX_SWEPT_USERS),
          );
    return chunks.map((chunk) => ({
      label: `SweepExpiredUsers of ${accessPass}`,
      instruction: sweepExpiredUsers({ programId, accessPass, users: chunk, caller: signer.address }),
    }));
  });
  const sent = await sendWithProgress({ rpc, signer, groups: [instructions] }, io);
  if (sent === undefined) return 1;
  io.stdout.write(
    isJson
      ? jsonLine({ event: 'swept', ...summary, confirmed: sent.confirmed })
      : `${swept} swept in ${count(sent.confirmed, 'transaction')}\n`,
  );
  return 0;
}
