import { expect, test } from 'vitest';
import { createLocalnet } from '../../localnet/index.ts';
import { seededRandom, systemClock } from '../../src/lib/index.ts';
import { makeFixture, PATIENTLY, SLOT_MS, signerNumber } from '../support/agent-fixture.ts';

/** The verification of RFC-19's rollout, on a network as deployed, whose users are still of the layout from before the BGP fields. */
async function oldNetwork(onTestFinished: Parameters<typeof makeFixture>[0]) {
  const publisher = signerNumber(7).address;
  const localnet = createLocalnet({ users: 2, program: 'deployed', random: seededRandom(1), publisher, slotMs: SLOT_MS });
  for (const user of localnet.ledger.admin.users().keys()) localnet.ledger.admin.setUserLayout(user, 177);
  onTestFinished(() => localnet.stop());
  // A user that never connects stays Unknown also where a busy machine is slow to see the other one.
  const fixture = await makeFixture(onTestFinished, { localnet, policy: { connectGraceMs: 60_000 } });
  const record = (number: number) => {
    const user = localnet.ledger.admin.user(fixture.user(number));
    if (user === undefined) throw new Error(`user ${number} has no account`);
    return user;
  };
  return { ...fixture, record };
}

test.concurrent(
  'rfc19 27: a client that connects is Up, with the slot of it and the round-trip time of its session',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, agent, user, until, record } = await oldNetwork(onTestFinished);
    agent.start();
    localnet.connect(user(0), 7_500);
    const from = localnet.ledger.bank.replica().view('processed').slot;
    await until('up', () => record(0).bgpStatus === 1);
    expect(record(0).bgpRttNs).toBe(7_500_000n);
    expect(record(0).lastBgpUpAt).toBeGreaterThanOrEqual(from);
    expect(record(0).lastBgpReportedAt).toBe(record(0).lastBgpUpAt);
    expect(record(1)).toMatchObject({ bgpStatus: 0, lastBgpUpAt: 0n, lastBgpReportedAt: 0n });
  },
);

test.concurrent(
  'rfc19 28: a client that disconnects is Down, without a round-trip time, and keeps the slot of its last Up',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, agent, user, until, record } = await oldNetwork(onTestFinished);
    agent.start();
    localnet.connect(user(0), 7_500);
    await until('up', () => record(0).bgpStatus === 1);
    const { lastBgpUpAt } = record(0);
    localnet.disconnect(user(0));
    await until('down', () => record(0).bgpStatus === 2);
    expect(record(0)).toMatchObject({ bgpRttNs: 0n, lastBgpUpAt });
    expect(record(0).lastBgpReportedAt).toBeGreaterThan(lastBgpUpAt);
  },
);

test.concurrent('rfc19 26: when the agent is gone, the fields stay at their last values', PATIENTLY, async ({ onTestFinished }) => {
  const { localnet, agent, user, until, record } = await oldNetwork(onTestFinished);
  agent.start();
  localnet.connect(user(0), 7_500);
  await until('up', () => record(0).bgpStatus === 1);
  await agent.stop();
  const last = record(0);
  localnet.disconnect(user(0));
  await systemClock.sleep(20 * SLOT_MS);
  expect(record(0)).toEqual(last);
});
