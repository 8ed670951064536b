import { AgentError } from '../lib/index.ts';
import { jsonLine, printable, span, type UserReport } from '../observability/index.ts';
import type { CommandIo, ExitCode } from './command.ts';
import { loadChosen } from './config-options.ts';
import { readAfresh } from './explain/fresh-reading.ts';
import { askRunningAgent, type Sight } from './explain/running-agent.ts';
import { wordsOfUser } from './explain/words-of-user.ts';
import type { ExplainBody, ExplainOptions, Wanted } from './explain-options.ts';

const SUBJECT_WIDTH = 11;

/** `dzd-telemetry explain`: asks the running agent, or looks by itself. */
export const explainBody: ExplainBody = async (options, io) => {
  const { config, warnings } = loadChosen(options, io);
  const note = (line: string): void => io.stderr.write(`dzd-telemetry: ${printable(line)}\n`);
  for (const line of warnings) note(line);
  const asked = options.fresh
    ? ({ kind: 'none', problem: 'asked for a fresh reading' } as const)
    : await askRunningAgent(config.http, config.device, io.signal);
  const answered = asked.kind === 'answered' ? asked.sight : undefined;
  if (asked.kind === 'none' && !options.fresh) note(`${asked.problem}; the switch and the ledger are read once instead`);
  const sight = answered ?? (await readAfresh({ config, version: io.version, warn: note }, io.signal));
  const fresh = answered === undefined;
  const reports = sight.users.filter((user) => isWanted(user, options.wanted));
  if (reports.length === 0) throw new AgentError('LEDGER__USER_UNKNOWN', { device: config.device, wanted: options.text });
  for (const report of reports) tell(report, sight, fresh, options, config.policy, io);
  return 0 satisfies ExitCode;
};

function isWanted(report: UserReport, wanted: Wanted): boolean {
  switch (wanted.by) {
    case 'pubkey':
      return report.user === wanted.user;
    case 'client-ip':
      return report.clientIp === wanted.clientIp;
    case 'tunnel':
      return report.tunnelId === wanted.tunnelId;
  }
}

function tell(
  report: UserReport,
  sight: Sight,
  fresh: boolean,
  { output }: ExplainOptions,
  policy: Parameters<typeof wordsOfUser>[0]['policy'],
  { stdout }: CommandIo,
): void {
  if (output === 'json') {
    stdout.write(jsonLine(report));
    return;
  }
  const looked = sight.lastTick === null ? 'before its first tick' : `${span(sight.now - sight.lastTick.at)} ago`;
  stdout.write(`${report.user}, ${fresh ? 'read just now' : `as the running agent saw it ${looked}`}\n`);
  for (const [subject, words] of wordsOfUser({ report, sight, policy, fresh })) {
    stdout.write(`  ${subject.padEnd(SUBJECT_WIDTH)} ${printable(words)}\n`);
  }
}
