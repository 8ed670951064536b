import { AgentError } from '../lib/index.ts';
import { jsonLine, printable, span } from '../observability/index.ts';
import { askRunningAgent, type ExplainedUser, readStatusOnce } from './agent-status.ts';
import { type CommandBody, type ExitCode, loadChosen } from './command.ts';
import { type DescribeUserOptions, describeUser } from './describe-user.ts';
import type { ExplainOptions, Wanted } from './options.ts';

const SUBJECT_WIDTH = 11;

/** `dzd-telemetry explain`: asks the running agent, or reads switch and ledger once. */
export const explainBody: CommandBody<ExplainOptions> = async (options, io) => {
  const { config, warnings } = loadChosen(options, io);
  const note = (line: string): void => io.stderr.write(`dzd-telemetry: ${printable(line)}\n`);
  for (const line of warnings) note(line);
  const asked = options.fresh ? undefined : await askRunningAgent(config.http, config.device, io.signal);
  if (asked?.kind === 'none') note(`${asked.problem}; reading switch and ledger once instead`);
  const fresh = asked?.kind !== 'answered';
  const status = fresh ? await readStatusOnce(config, { version: io.version, warn: note }, io.signal) : asked.status;
  const reports = status.users.filter((user) => isWanted(user, options.wanted));
  if (reports.length === 0) throw new AgentError('LEDGER__USER_UNKNOWN', { device: config.device, wanted: options.text });
  for (const report of reports)
    io.stdout.write(options.output === 'json' ? jsonLine(report) : textOf({ report, status, policy: config.policy, fresh }));
  return 0 satisfies ExitCode;
};

function isWanted({ user, clientIp, tunnelId }: ExplainedUser, wanted: Wanted): boolean {
  if (wanted.by === 'pubkey') return user === wanted.user;
  return wanted.by === 'client-ip' ? clientIp === wanted.clientIp : tunnelId === wanted.tunnelId;
}

function textOf(options: DescribeUserOptions): string {
  const { report, status, fresh } = options;
  const seen = status.lastTick === null ? 'before its first tick' : `${span(status.now - status.lastTick.at)} ago`;
  const title = `${report.user}, ${fresh ? 'read just now' : `as the running agent saw it ${seen}`}`;
  const lines = describeUser(options).map(([subject, text]) => `  ${subject.padEnd(SUBJECT_WIDTH)} ${printable(text)}`);
  return `${[title, ...lines].join('\n')}\n`;
}
