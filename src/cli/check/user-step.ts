import type { SourceConfig } from '../../config/index.ts';
import { compareUsers, mergeReadings, type UserComparison } from './compare-users.ts';
import type { Lookups } from './lookups.ts';
import { ok, Skip, type Step, warn } from './step.ts';
import { count, examples } from './words.ts';

const ODDITIES: readonly (readonly [
  list: keyof UserComparison & ('missing' | 'wrongVrf' | 'unknown' | 'duplicated' | 'invalid' | 'orphaned'),
  words: string,
])[] = [
  ['missing', 'on the ledger without a neighbor on the switch'],
  ['wrongVrf', 'in another VRF than expected'],
  ['unknown', 'not found while a VRF could not be read'],
  ['duplicated', 'with a tunnel_net that several users have'],
  ['invalid', 'with a tunnel_net that is no /31'],
  ['orphaned', 'on the switch without a user on the ledger'],
];

/** Do the ledger and the switch know the same users? */
export function userStep(sources: readonly SourceConfig[], { view, source: read, given }: Lookups): Step {
  return {
    name: 'users',
    async look() {
      const ledger = await given('the users of the ledger', view());
      const looks = await Promise.allSettled(sources.map((source) => read(source)));
      const snapshots = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value.snapshot] : []));
      if (snapshots.length === 0) throw new Skip('no source could be read');
      const compared = compareUsers(ledger, mergeReadings(snapshots));
      const what = `${count(compared.activated, 'activated user')}, ${compared.found} with a neighbor in the right VRF, ${compared.established} established`;
      const odd = ODDITIES.flatMap(([list, words]) => {
        const all = compared[list];
        return all.length === 0 ? [] : [`${all.length} ${words}: ${examples(all)}`];
      });
      if (odd.length === 0) return ok(what);
      return warn(
        `${what}; ${odd.join('; ')}`,
        'a change that was just made reaches the switch within a minute or so; what stays needs the controller, or the ledger, put right. `dzd-telemetry explain` tells about one user',
      );
    },
  };
}
