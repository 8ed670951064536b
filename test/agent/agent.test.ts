import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/index.ts';
import { lamports, slot, UserStatus } from '../../src/serviceability/index.ts';
import { makeFixture, PATIENTLY, settledFixture, signerNumber } from '../support/agent-fixture.ts';

describe.concurrent.each([{ sources: ['eapi'] }, { sources: ['snmp'] }, { sources: ['grpc'] }, { sources: ['eapi', 'snmp'] }] as const)(
  'over $sources',
  ({ sources }) => {
    test(
      'a session that is lost becomes Down, and Up again when it returns, and no other user changes',
      PATIENTLY,
      async ({ onTestFinished }) => {
        const { localnet, user, until, ledgerSays } = await settledFixture(onTestFinished, { sources });
        localnet.disconnect(user(1));
        await until('one down', () => ledgerSays()[1] === 'down');
        expect(ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
        localnet.connect(user(1));
        await until('up again', () => ledgerSays()[1] === 'up');
        expect(ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
      },
    );
  },
);

test.concurrent(
  'users of two tenants and a multicast user are matched by VRF, and Up carries the round-trip time',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, user, until, ledgerSays } = await settledFixture(onTestFinished, { users: 5 });
    const records = [0, 1, 4].map((n) => localnet.ledger.admin.user(user(n)));
    expect(records.map((record) => record?.bgpRttNs)).toEqual([4_200_000n, 4_200_000n, 4_200_000n]);
    localnet.disconnect(user(4));
    await until('the multicast user down', () => ledgerSays()[4] === 'down');
    expect(localnet.ledger.admin.user(user(4))?.bgpRttNs).toBe(0n);
    expect(ledgerSays()).toEqual(['up', 'up', 'up', 'up', 'down']);
  },
);

test.concurrent('rule 9: a restart writes nothing that the ledger already holds', PATIENTLY, async ({ onTestFinished }) => {
  const { localnet, agent, lines, user, until, ledgerSays } = await settledFixture(onTestFinished);
  localnet.disconnect(user(0));
  await until('one down', () => ledgerSays()[0] === 'down');
  await agent.stop();
  const before = localnet.ledger.bank.counters.received;
  const { agent: restarted } = await makeFixture(onTestFinished, { localnet });
  restarted.start();
  await systemClock.sleep(1_000);
  expect(localnet.ledger.bank.counters.received).toBe(before);
  expect(lines.filter((line) => line.startsWith('defect'))).toEqual([]);
});

test.concurrent(
  'rule 9: a user that is deleted and created again at the same address is written again',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, user, until, ledgerSays } = await settledFixture(onTestFinished);
    const clientIp = localnet.ledger.admin.user(user(2))?.clientIp;
    if (clientIp === undefined) throw new Error('user 2 has no account');
    localnet.removeUser(user(2));
    expect(localnet.addUser({ clientIp })).toBe(user(2));
    expect(ledgerSays()[2]).toBe('unknown');
    localnet.connect(user(2));
    await until('up again', () => ledgerSays()[2] === 'up');
  },
);

test.concurrent(
  'a user created while the agent idles is found by its Established neighbor, before the next idle reading',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, until } = await settledFixture(onTestFinished, { timing: { viewIdleIntervalMs: 60_000 } });
    const user = localnet.addUser();
    localnet.connect(user);
    await until('the new user up', () => localnet.ledger.admin.user(user)?.bgpStatus === 1);
  },
);

test.concurrent(
  'rule 11: a user that never connects stays Unknown for the connect grace and then becomes Down',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, users, agent, until, ledgerSays } = await makeFixture(onTestFinished, { policy: { connectGraceMs: 5_000 } });
    for (const user of users.slice(1)) localnet.connect(user);
    agent.start();
    await until('the others up', () =>
      ledgerSays()
        .slice(1)
        .every((status) => status === 'up'),
    );
    expect(ledgerSays()[0]).toBe('unknown');
    await until('the first down', () => ledgerSays()[0] === 'down');
  },
);

test.concurrent('rule 14: a banned user whose session ends gets one Down', PATIENTLY, async ({ onTestFinished }) => {
  const { localnet, user, until, ledgerSays } = await settledFixture(onTestFinished);
  // The ban frees the tunnel on the ledger; the controller takes the neighbor away with its next push.
  localnet.ledger.admin.banUser(user(3));
  await until('the banned one down', () => ledgerSays()[3] === 'down');
  expect(localnet.ledger.admin.user(user(3))?.status).toBe(UserStatus.banned);
  expect(ledgerSays().slice(0, 3)).toEqual(['up', 'up', 'up']);
});

test.concurrent("rule 9: another writer's wrong status is corrected", PATIENTLY, async ({ onTestFinished }) => {
  const { localnet, user, until, ledgerSays } = await settledFixture(onTestFinished);
  localnet.ledger.admin.changeUser(user(1), { bgpStatus: 2 });
  await until('up again', () => ledgerSays()[1] === 'up');
});

test.concurrent('rule 13: a due refresh takes early refreshes into its transaction', PATIENTLY, async ({ onTestFinished }) => {
  const { localnet, until, eventsOf } = await settledFixture(onTestFinished, {
    users: 8,
    policy: { refreshIntervalMs: 2_000, refreshJitter: 0.4, rideAlongAfter: 0.5 },
  });
  const first = localnet.ledger.bank.counters.succeeded;
  const before = eventsOf('landed').length;
  await until('two rounds of refreshes', () => eventsOf('landed').length >= before + 16);
  // 8 users a round: one write a transaction would take 16 of them.
  expect(localnet.ledger.bank.counters.succeeded - first).toBeLessThanOrEqual(8);
});

test.concurrent(
  'rule 18: a hundred users that flap at once are confirmed once each, in at most seven transactions',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, users, agent, until, ledgerSays, eventsOf } = await makeFixture(onTestFinished, { users: 100 });
    for (const user of users) localnet.connect(user);
    agent.start();
    await until('all users up', () => eventsOf('landed').length >= 100);
    expect(ledgerSays()).toEqual(Array(100).fill('up'));
    expect(eventsOf('landed').length).toBe(100);
    expect(eventsOf('sent').length).toBeLessThanOrEqual(7);
  },
);

test.concurrent(
  'rule 8: when nearly all sessions go down at once, the switch is polled again and the result is written',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, users, until, ledgerSays, eventsOf } = await settledFixture(onTestFinished, { users: 12 });
    for (const user of users) localnet.disconnect(user);
    await until('all users down', () => ledgerSays().every((status) => status === 'down'));
    expect(eventsOf('mass down')).toEqual(['mass down: 12 of 12, 12 confirmed']);
  },
);

test.concurrent('--once runs one tick, waits for its writes and returns the report', PATIENTLY, async ({ onTestFinished }) => {
  const { localnet, users, agent, ledgerSays } = await makeFixture(onTestFinished);
  for (const user of users) localnet.connect(user);
  const { report, problem, backedOffUsers } = await agent.once(new AbortController().signal);
  expect({ intents: report.intents.length, switchRead: report.switchRead, problem, backedOff: backedOffUsers.size }).toEqual({
    intents: 4,
    switchRead: true,
    problem: undefined,
    backedOff: 0,
  });
  expect(ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
});

test.concurrent('--once waits for a slow switch and for a ledger slower than a tick', PATIENTLY, async ({ onTestFinished }) => {
  const { localnet, users, agent, ledgerSays } = await makeFixture(onTestFinished);
  for (const user of users) localnet.connect(user);
  localnet.ledger.faults.set({ rpc: [{ kind: 'delay', methods: ['getProgramAccounts'], delayMs: 300 }] });
  localnet.switchFaults.begin({ kind: 'slow', delayMs: 600 });
  const { report } = await agent.once(new AbortController().signal);
  expect(report.intents.length).toBe(4);
  expect(ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
});

test.concurrent('a dry run decides the same writes and sends nothing', PATIENTLY, async ({ onTestFinished }) => {
  const { localnet, users, agent, ledgerSays } = await makeFixture(onTestFinished, { dryRun: true });
  for (const user of users) localnet.connect(user);
  const { report } = await agent.once(new AbortController().signal);
  expect(report.intents.map(({ to, reason }) => `${to} ${reason}`)).toEqual(Array(4).fill('up change'));
  expect(localnet.ledger.bank.counters.received).toBe(0);
  expect(ledgerSays()).toEqual(['unknown', 'unknown', 'unknown', 'unknown']);
});

test.concurrent('rule 17: stopping waits for transactions in flight', PATIENTLY, async ({ onTestFinished }) => {
  const { localnet, user, agent, until, eventsOf, ledgerSays } = await settledFixture(onTestFinished);
  localnet.ledger.faults.set({ delaySlots: 10 });
  localnet.disconnect(user(0));
  await until('a transaction in flight', () => eventsOf('sent u0 down').length === 1);
  expect(ledgerSays()[0]).toBe('up');
  expect((await agent.stop()).unresolved).toEqual([]);
  expect(ledgerSays()[0]).toBe('down');
});

test.concurrent('a stop ends even if a snapshot hangs', PATIENTLY, async ({ onTestFinished }) => {
  const hanging = { start: () => undefined, stop: () => new Promise<never>(() => undefined) };
  const { agent } = await makeFixture(onTestFinished, { snapshotter: () => hanging, timing: { drainMs: 100 } });
  agent.start();
  expect((await agent.stop()).unresolved).toEqual([]);
});

test.concurrent('a second writer of the device is reported, corrected once, and then left alone', PATIENTLY, async ({ onTestFinished }) => {
  const { localnet, user, until, eventsOf, ledgerSays } = await settledFixture(onTestFinished);
  const overwrite = async () => {
    // As a second agent with the same key writes, at a slot of its own.
    const record = localnet.ledger.admin.user(user(1));
    localnet.ledger.admin.changeUser(user(1), { bgpStatus: 2, lastBgpReportedAt: slot((record?.lastBgpReportedAt ?? 0n) + 2n) });
    await systemClock.sleep(200);
  };
  await overwrite();
  await until('the correction', () => ledgerSays()[1] === 'up');
  await until('the notice', () => eventsOf('foreign writes u1').length === 1);
  // While the correction is in flight, another change of the record may be its own.
  await until('its confirmation', () => eventsOf('landed u1 up').length === 2);
  await overwrite();
  await until('the second notice', () => eventsOf('foreign writes u1').length === 2);
  await systemClock.sleep(1_000);
  expect(ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
});

test.concurrent(
  'rule 21: a balance below minBalance halts writes, is reported once, and more balance resumes them',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, users, agent, until, eventsOf } = await makeFixture(onTestFinished, {
      limits: { minBalance: lamports(20_000_000_000) },
    });
    for (const user of users) localnet.connect(user);
    agent.start();
    await until('the halt', () => eventsOf('halted').length === 1);
    await systemClock.sleep(1_500);
    expect(eventsOf('halted', 'landed')).toEqual(['halted WRITE__BALANCE_LOW']);
    localnet.ledger.admin.fund(signerNumber(7).address, lamports(30_000_000_000));
    await until('all users up', () => eventsOf('landed').length === 4);
  },
);

test.concurrent('a trigger from the switch makes a lost session Down long before the next poll', PATIENTLY, async ({ onTestFinished }) => {
  const timing = { intervalMs: 60_000, collectTimeoutMs: 2_000 };
  const { localnet, user, users, agent, until, eventsOf, ledgerSays } = await makeFixture(onTestFinished, {
    bgpWatch: true,
    timing,
    policy: { downGraceMs: 0, downConfirmations: 1 },
  });
  for (const each of users) localnet.connect(each);
  agent.start();
  await until('all users up', () => eventsOf('landed').length === users.length);
  localnet.disconnect(user(1));
  await until('one down', () => ledgerSays()[1] === 'down');
  expect(ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
});
