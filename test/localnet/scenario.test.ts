import { expect, test } from 'vitest';
import { createLocalnet, createScenario, type ScenarioEventKind } from '../../localnet/index.ts';
import { seededRandom } from '../../src/lib/index.ts';
import { DeviceStatus } from '../../src/serviceability/index.ts';
import { signerNumber } from '../support/agent-fixture.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const MINUTE = 60_000;

test('a scenario skips what the program refuses, and continues', async () => {
  const localnet = createLocalnet({ users: 10, publisher: signerNumber(7).address });
  const clock = createVirtualClock();
  let seen: ScenarioEventKind[] = [];
  const onEvent = ({ kind }: { kind: ScenarioEventKind }): void => void seen.push(kind);
  const scenario = createScenario({ localnet, clock, random: seededRandom(1), meanIntervalMs: 2_000, onEvent });
  scenario.start();

  localnet.ledger.admin.changeDevice(localnet.device, { status: DeviceStatus.drained });
  await clock.advance(2 * MINUTE);
  // A drained device accepts no new user; its users still drop and reconnect.
  expect(seen).not.toContain('created');
  expect(seen).not.toContain('re-created');
  expect(seen).toContain('disconnected');

  seen = [];
  localnet.ledger.admin.changeDevice(localnet.device, { status: DeviceStatus.activated });
  await clock.advance(2 * MINUTE);
  expect(seen).toContain('created');
  await scenario.stop();
});
