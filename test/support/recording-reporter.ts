import { createAgentEvents } from '../../src/agent/events.ts';

/** Records each event as one line of words, so that a test can compare all of them. */
export function recordingReporter(nameOf: (user: string) => string = (user) => user) {
  const lines: string[] = [];
  const names = (intents: readonly { readonly user: string; readonly to: string }[]): string =>
    intents.map(({ user, to }) => `${nameOf(user)} ${to}`).join(', ');
  const { reporter } = createAgentEvents({
    sent: ({ intents }) => lines.push(`sent ${names(intents)}`),
    confirmed: ({ intent }) => lines.push(`landed ${names([intent])}`),
    rejected: ({ intent, error }) => lines.push(`rejected ${names([intent])}: ${error.code}`),
    expired: ({ intents }) => lines.push(`expired ${names(intents)}`),
    failed: ({ error }) => lines.push(`failed ${error.message}`),
    halted: (error) => lines.push(`halted ${error.code}`),
    resumed: () => lines.push('resumed'),
    writesStalled: ({ error, repeated }) => lines.push(`writes ${repeated ? 'still ' : ''}stalled: ${error.message}`),
    writesResumed: () => lines.push('writes land again'),
    budget: ({ allowance }) => lines.push(`budget ${allowance}`),
    source: ({ source, state }) => lines.push(`source ${source} ${state}`),
    endpoint: ({ endpoint, state }) => lines.push(`endpoint ${endpoint} ${state}`),
    ledgerView: ({ state, error }) => lines.push(`ledger view ${state}${error === undefined ? '' : `: ${error.code}`}`),
    massDown: ({ wentDown, wereUp, confirmed }) => lines.push(`mass down: ${wentDown} of ${wereUp}, ${confirmed} confirmed`),
    damping: ({ user, state }) => lines.push(`damping ${nameOf(user)} ${state}`),
    foreignWrites: ({ users }) => lines.push(`foreign writes ${users.map(nameOf).join(', ')}`),
    authorized: ({ code }) => lines.push(`authorized for ${code}`),
    snapshotStored: ({ kind }) => lines.push(`snapshot of ${kind}`),
    snapshotFailed: ({ kind, error }) => lines.push(`no snapshot of ${kind}: ${error.code}`),
    snapshotRefused: ({ errors }) => lines.push(`snapshots refused: ${errors.map(({ message }) => message).join('; ')}`),
    snapshotPlace: ({ state, error }) => lines.push(`snapshots ${state}${error === undefined ? '' : `: ${error.code}`}`),
    internalError: (error) => lines.push(`defect ${String(error)}`),
  });
  return { lines, reporter };
}
