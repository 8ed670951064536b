import type { Address } from '../serviceability/index.ts';
import type { Observation, StatusPolicy } from './types.ts';

export interface MassDown {
  readonly wentDown: readonly Address[];
  readonly wereUp: number;
}

/**
 * Whether so many of the users that were up read down at once that the switch, not the users, is the likelier cause (rule 8).
 * `wasUp` is by the last observation of this process, or before there is one, by the ledger.
 */
export function detectMassDown(
  observations: ReadonlyMap<Address, Observation>,
  wasUp: (user: Address) => boolean,
  policy: Pick<StatusPolicy, 'massDownShare' | 'massDownMinimum'>,
): MassDown | undefined {
  const wentDown: Address[] = [];
  let wereUp = 0;
  for (const [user, observation] of observations) {
    if (!wasUp(user)) continue;
    wereUp += 1;
    if (observation.kind === 'down') wentDown.push(user);
  }
  const suspicious = wentDown.length >= policy.massDownMinimum && wentDown.length >= wereUp * policy.massDownShare;
  return suspicious ? { wentDown, wereUp } : undefined;
}

/**
 * The observations of the mass after the confirmation poll: down where that poll sees down, up where it sees up, else unobserved.
 */
export function reconcileMassDown(
  { wentDown }: MassDown,
  confirmationPoll: ReadonlyMap<Address, Observation> | undefined,
): ReadonlyMap<Address, Observation> {
  return new Map(
    wentDown.map((user): [Address, Observation] => {
      const again = confirmationPoll?.get(user);
      return [user, again === undefined || again.kind === 'unobserved' ? { kind: 'unobserved', reason: 'mass-down-unconfirmed' } : again];
    }),
  );
}
