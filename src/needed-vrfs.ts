import type { LedgerView, VrfName } from './bgp/index.ts';

/** The VRFs that hold users of this device, by the ledger: those that a poll of the switch must not leave out. */
export function neededVrfs(view: LedgerView): ReadonlySet<VrfName> {
  const needed = new Set<VrfName>();
  for (const { expectedVrf } of view.users.values()) {
    if (expectedVrf !== undefined) needed.add(expectedVrf);
  }
  return needed;
}
