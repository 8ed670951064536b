import { addressOf } from '../../serviceability/index.ts';
import { accountHappenings } from './account-happenings.ts';
import type { Happening, HappeningOptions } from './happening.ts';
import { sessionHappenings } from './session-happenings.ts';
import { SET_BACK_PATIENCE_MS } from './troubles.ts';

const SHALLOWEST_SET_BACK = 20;
const DEEPEST_SET_BACK = 450;
const STRANGER = addressOf(new Uint8Array(32).fill(9));

/** Everything that can happen in this world; what goes wrong for a while is a trouble. */
export function happeningsOf(options: HappeningOptions): readonly Happening[] {
  return [...sessionHappenings(options), ...accountHappenings(options), ...agentHappenings(options), ...ledgerHappenings(options)];
}

function agentHappenings({ draw, lightFuse, restartAgent }: HappeningOptions): readonly Happening[] {
  return [
    {
      name: 'the agent is killed',
      weight: 3,
      happen() {
        const steps = draw.whole(1, 80);
        lightFuse(steps);
        return `at its step ${steps}`;
      },
    },
    {
      name: 'the agent is restarted',
      weight: 1,
      happen() {
        restartAgent();
        return '';
      },
    },
  ];
}

function ledgerHappenings({ world, draw, later, onDisturbed }: HappeningOptions): readonly Happening[] {
  return [
    {
      name: 'a fork',
      weight: 2,
      happen() {
        const [blocks, requeue] = [draw.whole(1, 12), draw.chance(0.5)];
        world.ledger.bank.rollBack(blocks, { requeue });
        onDisturbed();
        return `${blocks} blocks, ${requeue ? 'their transactions wait again' : 'their transactions are lost'}`;
      },
    },
    {
      name: 'the ledger is set back',
      weight: 0.3,
      delaysMs: SET_BACK_PATIENCE_MS,
      happen() {
        // The ledger remembers its accounts for 512 slots before the furthest one to which it had come.
        const most = DEEPEST_SET_BACK - world.slotsToCatchUp();
        if (most < SHALLOWEST_SET_BACK) return undefined;
        const slots = world.setBack(draw.whole(SHALLOWEST_SET_BACK, most));
        onDisturbed();
        return `${slots} slots`;
      },
    },
    {
      name: 'the publisher is changed',
      weight: 1,
      happen() {
        world.setPublisher(STRANGER);
        const ms = draw.between(200, 90_000);
        later(ms, () => world.setPublisher(world.signer.address));
        return `for ${Math.round(ms)} ms`;
      },
    },
    {
      name: 'the funds are gone',
      weight: 1,
      happen() {
        world.setFunds(0);
        const ms = draw.between(1_000, 120_000);
        later(ms, () => world.setFunds(10));
        return `for ${Math.round(ms)} ms`;
      },
    },
  ];
}
