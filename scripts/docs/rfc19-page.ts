import { type TaggedTest, taggedTests } from './rules-page.ts';

/** What RFC-19 says, in our words, and where it is in this repository. Its tests are found by the tag `rfc19 N:`, N counted from 1. */
interface Statement {
  readonly says: string;
  /** Files below the root. */
  readonly where: readonly string[];
  /** Rules of docs/architecture.md that hold it, too. */
  readonly rules?: readonly number[];
  /** Where the deployed program or this agent does otherwise, and why. */
  readonly instead?: string;
}

const SECTIONS: readonly (readonly [title: string, statements: readonly Statement[]])[] = [
  [
    'Terms',
    [
      {
        says: 'A BGP status is Unknown (0, the default), Up (1, the session is Established) or Down (2, there is no active session).',
        where: ['src/serviceability/user.ts', 'src/bgp/observe.ts'],
        rules: [4],
      },
      {
        says: "The round-trip time is the kernel's smoothed one of the BGP connection, in nanoseconds; 0 stands for no sample.",
        where: ['src/collector/sockets/source.ts', 'src/bgp/decide.ts'],
        rules: [15],
        instead: 'eAPI, SNMP and gRPC give it in microseconds or not at all; without a sample the agent writes 0.',
      },
      {
        says: 'The metrics publisher of the Device account signs.',
        where: ['src/publisher/transaction.ts', 'src/agent/preconditions.ts'],
        rules: [20],
      },
    ],
  ],
  [
    'The User account',
    [
      {
        says: 'Four fields are appended: bgp_status (1 byte), last_bgp_up_at, last_bgp_reported_at and bgp_rtt_ns (8 bytes each).',
        where: ['src/serviceability/user.ts'],
        instead:
          'The deployed account has a list of feeds (4 bytes and 32 a feed) behind them. The first version of the RFC had no round-trip time.',
      },
      {
        says: 'last_bgp_up_at is the slot of the last transition to Up; 0 means never.',
        where: ['localnet/ledger/serviceability.ts', 'src/serviceability/user.ts'],
        instead:
          'The deployed program sets it with every Up, also a repeated one. So "up since" cannot be read from the ledger, and no reader here claims it.',
      },
      {
        says: 'last_bgp_reported_at is the slot of the last write, whether or not the status changed. A reader treats a record older than a threshold as stale.',
        where: ['localnet/ledger/serviceability.ts', 'src/serviceability/bgp-status.ts'],
      },
      {
        says: 'bgp_rtt_ns is overwritten by every write; a Down carries 0, so that no sample outlives its session.',
        where: ['localnet/ledger/serviceability.ts', 'src/serviceability/instruction.ts'],
        rules: [15],
      },
      {
        says: 'The first write makes the account longer by 25 bytes (17 in the first version), and the metrics publisher pays the rent.',
        where: ['localnet/ledger/program-accounts.ts'],
        instead:
          'By 29 bytes: the deployed program writes the count of the feeds, too. Accounts that it creates now have their full length.',
      },
    ],
  ],
  [
    'The instruction',
    [
      {
        says: 'Its accounts are user (writable), device, and metrics publisher (signer, writable).',
        where: ['src/serviceability/instruction.ts', 'localnet/ledger/serviceability.ts'],
        instead: 'The deployed program requires a fourth account, the System program, which transfers the rent.',
      },
      {
        says: "The program checks that the signer is the device's metrics publisher, and that the user belongs to the device.",
        where: ['localnet/ledger/serviceability.ts'],
        instead:
          'The deployed program also validates the stored user on each write (errors 6, 26 to 29 and 80), unless it is being deleted or banned.',
      },
      {
        says: 'Its arguments are the status byte and the round-trip time (u64). A payload with the status alone is accepted, and stands for a round-trip time of 0.',
        where: ['src/serviceability/instruction.ts', 'localnet/ledger/serviceability.ts'],
        instead:
          'The deployed program also accepts a payload without a status, as Unknown, and aborts on a status byte of 3 or more and on a cut round-trip time.',
      },
    ],
  ],
  [
    'The telemetry agent',
    [
      {
        says: 'After each collection the agent fetches the activated users of its device.',
        where: ['src/rpc/users.ts', 'src/agent/tick.ts', 'src/agent/ledger-cache.ts'],
        rules: [9, 14],
        instead:
          'It reads the users before it decides, and less often while there is nothing to write. A user that is not activated gets one Down, when its record says Up and its session is down.',
      },
      {
        says: "A user's peer is the address of its tunnel_net with the last octet one higher.",
        where: ['src/serviceability/network.ts', 'src/bgp/observe.ts'],
        rules: [2, 6],
        instead: 'It is the odd address of the /31, or, where no neighbor has that one, the even one. Anything but a /31 matches nothing.',
      },
      {
        says: 'A user is Up when a socket with its peer exists, and Down otherwise.',
        where: ['src/bgp/observe.ts', 'src/bgp/decide.ts'],
        rules: [1, 3, 5, 8, 10],
        instead:
          'Stricter than "Down otherwise": Down needs every VRF read, a grace or confirmations, and a confirmation poll when many users go down at once. What was not observed is not reported, because a wrong Down makes a paying user look dead.',
      },
      {
        says: 'An Up carries the round-trip time of its session, a Down carries 0.',
        where: ['src/bgp/decide.ts', 'src/publisher/transaction.ts'],
        rules: [15],
      },
      {
        says: 'A status is written when it differs from the last known one on the ledger.',
        where: ['src/bgp/decide.ts', 'src/agent/ledger-cache.ts'],
        rules: [9],
      },
      {
        says: 'It is also written when the last write is older than a configurable interval, such as an hour, so that readers can detect a silent agent.',
        where: ['src/bgp/decide.ts'],
        rules: [12],
        instead:
          'The interval is 1 h by default, less a jitter that is fixed per user, and due refreshes take others into their transaction (rule 13).',
      },
      {
        says: 'A change of the round-trip time alone writes nothing.',
        where: ['src/bgp/decide.ts'],
        rules: [15],
      },
      {
        says: 'Writes go to a worker in the background that retries each by itself, so that one error delays neither other users nor the collection.',
        where: ['src/worker/submit.ts', 'src/worker/failures.ts', 'src/worker/confirm.ts'],
        rules: [17, 18, 19, 20],
      },
      {
        says: 'The raw snapshots of TCP sockets go on unchanged.',
        where: ['src/snapshots/bgp-sockets.ts', 'src/snapshots/snapshotter.ts'],
      },
    ],
  ],
  [
    'Impact, security and compatibility',
    [
      {
        says: 'There is one more RPC call a collection, and up to one transaction a user whose status changed or is due.',
        where: ['src/publisher/batch.ts', 'src/serviceability/batches.ts'],
        rules: [13, 18, 21],
        instead: 'Up to 19 users share a transaction, and what the agent spends is bounded.',
      },
      {
        says: 'The authority is the metrics publisher that other telemetry has already. The write changes the BGP fields and nothing else.',
        where: ['localnet/ledger/serviceability.ts'],
      },
      {
        says: 'Until the first write an account is shorter. Readers take the missing fields as Unknown and zero.',
        where: ['src/serviceability/user.ts'],
      },
      {
        says: 'No account is migrated: the fields are written by the first call.',
        where: ['localnet/ledger/program-accounts.ts'],
      },
      {
        says: 'Commands show the status and the round-trip time, "-" without a sample.',
        where: ['src/cli/user-rows.ts', 'src/serviceability/names.ts'],
        instead: "These are upstream's commands; the names here are the same.",
      },
    ],
  ],
  [
    'Rollout',
    [
      {
        says: 'When the agent is gone, the fields stay at their last values.',
        where: ['src/serviceability/bgp-status.ts'],
      },
      {
        says: 'Verification: the status becomes Up when the client is connected, last_bgp_up_at is set, and the round-trip time is that of the session.',
        where: ['test/agent/rfc19.test.ts'],
      },
      {
        says: 'Verification: when the client disconnects, the status becomes Down, and the round-trip time 0.',
        where: ['test/agent/rfc19.test.ts'],
      },
    ],
  ],
  [
    'Open questions',
    [
      {
        says: 'Should there be a grace before Down, such as N observations in a row?',
        where: ['src/bgp/decide.ts'],
        rules: [10, 11],
        instead: 'Yes: `downGrace` and `downConfirmations`, and `connectGrace` for a new user.',
      },
      {
        says: 'Should the writes of one user be limited?',
        where: ['src/bgp/decide.ts', 'src/worker/gate.ts'],
        rules: [16, 21],
        instead: 'Yes: one write in ten seconds, and the spend of the agent is bounded.',
      },
      {
        says: 'How are flaps handled, and are they counted?',
        where: ['src/bgp/damping.ts', 'src/bgp/user-history.ts'],
        rules: [7, 16],
        instead:
          'By the penalty of RFC 2439 (rule 16). The ledger has no field for it: the counter is in the metrics, and the user in the status and the log.',
      },
    ],
  ],
];

/**
 * Every normative statement of RFC-19, where it is, and the tests that prove it. Throws Error for a statement without a test, and for a tag or a rule
 * without a statement or a test.
 */
export function rfc19Page(): string {
  const tests = taggedTests('rfc19');
  const tested = new Set(taggedTests('rule').map(({ number }) => number));
  let count = 0;
  const sections = SECTIONS.map(([title, statements]) => {
    const rows = statements.map((statement) => {
      count += 1;
      return rowOf(count, statement, tests, tested);
    });
    return `## ${title}\n\n| | RFC-19 says | here | tests | and where we do otherwise |\n|---|---|---|---|---|\n${rows.join('\n')}`;
  });
  const stray = tests.find(({ number }) => number > count);
  if (stray !== undefined) throw new Error(`${stray.file}: RFC-19 has no statement ${stray.number}`);
  return `# RFC-19, statement by statement

Generated by \`node scripts/generate-docs.mjs\` from scripts/docs/rfc19-page.ts and the titles of the tests; do not edit. A test that proves a statement begins its title
with \`rfc19 N:\`; a rule is that of [architecture.md](architecture.md#rules), and [rules.md](rules.md) lists its tests. Where RFC-19 and the deployed program differ,
the program is followed, because it decides what a transaction does; the version is 0.34.0.

${sections.join('\n\n')}
`;
}

function rowOf(
  number: number,
  { says, where, rules = [], instead }: Statement,
  tests: readonly TaggedTest[],
  tested: ReadonlySet<number>,
): string {
  const own = tests.filter((one) => one.number === number).map(({ file, title }) => `\`test/${file}\` ${title}`);
  const untested = rules.find((rule) => !tested.has(rule));
  if (untested !== undefined) throw new Error(`RFC-19, statement ${number}: rule ${untested} has no test`);
  if (own.length + rules.length === 0) throw new Error(`RFC-19, statement ${number} has no test`);
  const proof = [...own, ...(rules.length === 0 ? [] : [`rule ${rules.join(', ')}`])];
  return `| ${number} | ${says} | ${where.map((file) => `\`${file}\``).join(', ')} | ${proof.join('; ')} | ${instead ?? ''} |`;
}
