import type { Agent } from '../../agent/agent.ts';
import { describeError } from '../../lib/index.ts';
import { type AgentsOptions, createAgentOf } from './agent-of-life.ts';
import { createLife, type Life } from './life.ts';

/** The agent under test, one life after the other with the same key. */
export interface Agents {
  start(): void;
  /** The one that lives now dies at its `steps`-th step. */
  lightFuse(steps: number): void;
  /** A trap or a stream says that something has changed. */
  wake(): void;
  /** Stops it as systemd would, and starts the next. */
  restart(): void;
  /** From now on the one that lives goes on living. */
  calm(): void;
  readonly lives: number;
}

/** systemd's RestartSec, or a person's patience. */
const LONGEST_PAUSE_MS = 20_000;

export function createAgents(options: AgentsOptions): Agents {
  const { clock, draw, story, verdict, flights } = options;
  let lives = 0;
  let current: { readonly life: Life; readonly agent: Agent } | undefined;
  let isCalm = false;

  function begin(): void {
    lives += 1;
    const number = lives;
    story.tell(`life ${number} begins`);
    const life = createLife({ number, clock, onDeath: () => onDeath(life) });
    const agent = createAgentOf(life, options);
    current = { life, agent };
    agent.start();
  }

  function onDeath({ number }: Life): void {
    story.tell(`life ${number} is over`);
    flights.disturbed();
    clock.after(draw.between(0, LONGEST_PAUSE_MS), begin);
  }

  return {
    start: begin,
    lightFuse(steps) {
      if (!isCalm) current?.life.lightFuse(steps);
    },
    wake() {
      if (current?.life.isAlive) current.agent.wake();
    },
    restart() {
      const stopping = current;
      if (isCalm || stopping === undefined || !stopping.life.isAlive) return;
      story.tell(`life ${stopping.life.number} is asked to stop`);
      // `stop` may be asked twice, and the second asks nothing more.
      stopping.agent.stop().then(
        () => stopping.life.kill(),
        (error: unknown) => verdict.fail('no-defect', `stop failed: ${describeError(error)}`),
      );
    },
    calm() {
      isCalm = true;
      current?.life.lightFuse(Number.POSITIVE_INFINITY);
    },
    get lives() {
      return lives;
    },
  };
}
