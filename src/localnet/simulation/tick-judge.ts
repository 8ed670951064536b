import type { TickReport } from '../../agent/events.ts';
import type { StatusIntent, StatusPolicy, UserOutcome } from '../../bgp/index.ts';
import { type Address, tunnelSides } from '../../serviceability/index.ts';
import { sessionName } from './session-history.ts';
import type { Poll } from './simulated-source.ts';
import type { Verdict } from './verdict.ts';
import type { World } from './world.ts';

export interface TickJudge {
  /** A reader of this life was answered. */
  polled(poll: Poll): void;
  /** What a tick wants must be what its polls have shown. */
  ticked(report: TickReport): void;
  /** What goes out must be what the newest tick wants. */
  sent(intents: readonly StatusIntent[]): void;
}

export interface TickJudgeOptions {
  readonly world: World;
  readonly verdict: Verdict;
  readonly policy: Pick<StatusPolicy, 'downGraceMs'>;
  /** The source tells neither since when nor how often: a session that came up between two polls can't be known. */
  readonly blind: boolean;
  readonly now: () => number;
  /** When the switch's clock was last moved, monotonic milliseconds. */
  readonly switchClockMovedAt: () => number;
}

const POLLS_REMEMBERED = 16;

/** Judges one life's decisions by what its sources were given, and by the sessions' true history. */
export function createTickJudge({ world, verdict, policy, blind, now, switchClockMovedAt }: TickJudgeOptions): TickJudge {
  const polls: Poll[] = [];
  let wanted = new Map<Address, StatusIntent>();

  function judgeUp(intent: StatusIntent, seen: readonly Poll[]): void {
    const { user, neighbor } = intent;
    const wasSeen =
      neighbor !== undefined &&
      seen.some(({ snapshot }) => {
        const reading = snapshot.vrfs.get(neighbor.vrf);
        return reading?.kind === 'collected' && reading.neighbors.get(neighbor.address)?.state === 'established';
      });
    if (!wasSeen) verdict.fail('writes-what-was-seen', `${world.nameOf(user)} is wanted up, and no poll of this tick has shown it`);
  }

  function judgeDown(intent: StatusIntent, { track, entry }: UserOutcome, seen: readonly Poll[], startedAt: number): void {
    const { user, neighbor, tunnelNet } = intent;
    const address = neighbor?.address ?? tunnelSides(tunnelNet)?.clientSide ?? '';
    const collected = seen.flatMap(({ snapshot }) => [...snapshot.vrfs].filter(([, reading]) => reading.kind === 'collected'));
    const wasSeen =
      neighbor === undefined
        ? [entry.expectedVrf ?? world.sim.vrfs()].flat().every((vrf) => collected.some(([name]) => name === vrf))
        : collected.some(([vrf, reading]) => {
            const state = reading.kind === 'collected' ? reading.neighbors.get(address)?.state : undefined;
            return vrf === neighbor.vrf && state !== undefined && state !== 'established';
          });
    if (!wasSeen) verdict.fail('writes-what-was-seen', `${world.nameOf(user)} is wanted down, and no poll of this tick has shown it`);
    if (intent.from === 'down' || track.tunnel === undefined) return;
    const session = sessionName(address, track.tunnel.tunnelId);
    // Where nothing tells what happened between two polls (a neighbor that is gone tells nothing either), it was down at each of them.
    const isTold = !blind && neighbor !== undefined && now() - switchClockMovedAt() >= 2 * policy.downGraceMs;
    const grace = isTold ? policy.downGraceMs : 0;
    const isBelievable = seen.some(({ at }) => world.sessions.wasDownThroughout(session, at - grace, at));
    const hasPassed = seen.some(({ at }) => world.sessions.wasDownThroughout(session, at, at)) && waited(session, grace, startedAt);
    if (!isBelievable && !hasPassed) {
      verdict.fail('down-is-believable', `${world.nameOf(user)} is wanted down, and its session had not been down for ${grace} ms`);
    }
  }

  /** The grace may have run out while the tick went on. */
  function waited(session: string, grace: number, startedAt: number): boolean {
    const at = Math.max(startedAt, now());
    return world.sessions.wasDownThroughout(session, at - grace, at);
  }

  return {
    polled(poll) {
      polls.push(poll);
      if (polls.length > POLLS_REMEMBERED) polls.shift();
    },
    ticked({ startedAt, intents, outcomes }) {
      const seen = polls.filter(({ at }) => at >= startedAt);
      wanted = new Map(intents.map((intent) => [intent.user, intent]));
      for (const intent of intents) {
        const outcome = outcomes.get(intent.user);
        if (outcome === undefined) verdict.fail('writes-what-was-seen', `${world.nameOf(intent.user)} is wanted and was not looked at`);
        else if (intent.to === 'up') judgeUp(intent, seen);
        else judgeDown(intent, outcome, seen, startedAt);
      }
    },
    sent(intents) {
      for (const { user, to } of intents) {
        const want = wanted.get(user)?.to;
        if (want !== to)
          verdict.fail('sends-what-is-wanted', `${world.nameOf(user)} is sent ${to}, and the newest tick wants ${want ?? 'nothing'}`);
      }
    },
  };
}
