import { CONFIG_CODES, LEDGER_CODES, RESOURCES_CODES, SNAPSHOT_CODES, SWITCH_CODES, WRITE_CODES } from '../../src/lib/error-codes.ts';
import type { CodeEntry } from '../../src/lib/errors.ts';
import { PROGRAM_ERRORS, type ProgramError } from '../../src/serviceability/index.ts';
import { RFC11_ERRORS } from '../../src/serviceability/rfc11/index.ts';

const ROOMS: readonly (readonly [title: string, about: string, codes: Readonly<Record<string, CodeEntry>>])[] = [
  ['Configuration', 'Configuration, command line and key files. Each ends the command with exit code 2.', CONFIG_CODES],
  ['Switch', 'Reading the switch over eAPI, gRPC, SNMP and from the kernel’s sockets.', SWITCH_CODES],
  ['Ledger', 'Reading the ledger. `{endpoint}` never carries path, query or credentials of an RPC URL.', LEDGER_CODES],
  ['Writes', 'Sending and confirming transactions.', WRITE_CODES],
  ['Snapshots', 'Raw state snapshots. None of them touches a user’s status.', SNAPSHOT_CODES],
  ['Resources', '`dzd-telemetry resources`.', RESOURCES_CODES],
];

const HEAD = `# Errors and exit codes

Every error of the agent has a code, a class and a remedy. Log lines, \`check\`, \`/status.json\` and the failed command print them. \`node scripts/generate-docs.mjs\` writes this
page from the code; \`npm test\` fails when it is not up to date.

A code never changes its meaning, so match codes, not messages. \`{…}\` in a message stands for a value.

## Exit codes

| exit code | meaning |
|---|---|
| 0 | the command is done, or a signal ended it in order |
| 1 | it failed at run time, by any error whose code does not begin with \`CONFIG__\`, or its output could not be written (a full disk) |
| 2 | bad usage or configuration, by an error whose code begins with \`CONFIG__\` |
| 130, 143 | a second SIGINT or SIGTERM ended the command at once |

Some commands also end with 1 for what they found:

| command | exit code 1 when |
|---|---|
| \`run --once\` | the switch or the users could not be read, the key may not write, the program rejected a status, or a write was not confirmed |
| \`check\` | a step failed |
| \`resources audit\` | there are findings |
| \`dzd-localnet demo\` | a status on the ledger differs from the simulated switch at the end |

## Classes

| class | what the agent does |
|---|---|
| \`retry-now\` | repeats the request at once |
| \`retry-later\` | repeats it with backoff, or uses another source or endpoint meanwhile |
| \`fatal-for-user\` | leaves this user alone until its account changes, with a rare retry; all other users are written |
| \`fatal\` | ends the command, or halts writes in a running agent until you act; the agent keeps polling and checks whether the cause is gone |
`;

/** `docs/errors.md`: every error code of the agent and of the program. */
export function errorsPage(): string {
  const rooms = ROOMS.map(([title, about, codes]) => {
    const rows = Object.entries(codes).map(([code, entry]) => [`\`${code}\``, entry.class, cell(entry.message), cell(entry.remedy)]);
    return `\n## ${title}\n\n${about}\n\n${table(['code', 'class', 'message', 'remedy'], rows)}`;
  });
  return `${HEAD}${rooms.join('')}${PROGRAM_HEAD}${programTable(PROGRAM_ERRORS)}${RFC11_HEAD}${programTable(RFC11_ERRORS)}`;
}

const PROGRAM_HEAD = `
## Errors of the serviceability program

A rejected transaction names its error as \`Custom\` with one of these codes. The agent reports it as \`WRITE__USER_REJECTED\` and prints the name. For code 8 it first reads the device
again: if the device names another metrics publisher, writes halt with \`LEDGER__PUBLISHER_MISMATCH\`.

`;

const RFC11_HEAD = `
## Errors of RFC-11's draft

RFC-11 numbers none of its errors. These are the codes of localnet's program; a deployed one may number them differently.

`;

const programTable = (errors: readonly ProgramError[]): string =>
  table(
    ['code', 'name', 'meaning'],
    errors.map(({ code, name, explanation }) => [String(code), `\`${name}\``, cell(explanation)]),
  );

/** Text in a cell: what looks like HTML outside of code, or like another cell, is escaped. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/`[^`]*`|</g, (found) => (found === '<' ? '&lt;' : found));

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
