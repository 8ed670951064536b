import { type AgentReporter, SILENT_REPORTER } from '../../agent/events.ts';
import type { FlightJudge } from './flight-judge.ts';
import type { Life } from './life.ts';
import type { Story } from './story.ts';
import type { TickJudge } from './tick-judge.ts';
import type { Verdict } from './verdict.ts';
import type { World } from './world.ts';

export interface JudgingReporterOptions {
  readonly world: World;
  readonly story: Story;
  readonly verdict: Verdict;
  readonly flights: FlightJudge;
}

/** Hears the agent while it lives, for the judges and for the story. */
export function judgingReporter(life: Life, ticks: TickJudge, { world, story, verdict, flights }: JudgingReporterOptions): AgentReporter {
  const brief = (signature: string): string => signature.slice(0, 6);
  const tell = (line: string): void => {
    if (life.isAlive) story.tell(`agent: ${line}`);
  };
  return {
    ...SILENT_REPORTER,
    tick(report) {
      if (life.isAlive) ticks.ticked(report);
    },
    sent({ signature, intents }) {
      life.step();
      if (!life.isAlive) return;
      story.tell(
        `agent: sends ${brief(signature)}: ${intents.map(({ user, to, reason }) => `${world.nameOf(user)} ${to} (${reason})`).join(', ')}`,
      );
      ticks.sent(intents);
      flights.sent(signature, intents);
    },
    landed: ({ intent, signature }) => tell(`${brief(signature)} landed: ${world.nameOf(intent.user)} ${intent.to}`),
    expired: ({ signature }) => tell(`${brief(signature)} expired`),
    rejected: ({ intent, signature, error }) => tell(`${brief(signature)} rejected: ${world.nameOf(intent.user)}: ${error.message}`),
    failed: ({ signature, error }) => tell(`${brief(signature)} failed: ${error.message}`),
    halted: (error) => tell(`halted: ${error.message}`),
    resumed: () => tell('resumed'),
    source: ({ source, state }) => tell(`${source} ${state}`),
    ledgerView: ({ state }) => tell(`ledger view ${state}`),
    massDown: ({ wentDown, wereUp, confirmed }) => tell(`${wentDown} of ${wereUp} read down at once, ${confirmed} confirmed`),
    defect(error) {
      if (life.isAlive) verdict.fail('no-defect', error instanceof Error ? (error.stack ?? error.message) : String(error));
    },
  };
}
