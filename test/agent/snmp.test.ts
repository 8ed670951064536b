import { expect, test } from 'vitest';
import { LOCALNET_SNMP_USER } from '../../localnet/index.ts';
import { createTrapTrigger } from '../../src/collector/snmp/traps.ts';
import { seededRandom, systemClock } from '../../src/lib/index.ts';
import { makeFixture, PATIENTLY, settledFixture } from '../support/agent-fixture.ts';

test.concurrent(
  'SNMPv3 alone, with the VRFs that the switch lists, brings every status to the ledger',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, user, until, ledgerSays } = await settledFixture(onTestFinished, { users: 6, sources: ['snmp-v3'] });
    localnet.disconnect(user(0));
    localnet.disconnect(user(4));
    await until('two down', () => ledgerSays().filter((status) => status === 'down').length === 2);
    expect(ledgerSays()).toEqual(['down', 'up', 'up', 'up', 'down', 'up']);
    localnet.connect(user(4));
    await until('one back', () => ledgerSays()[4] === 'up');
  },
);

test.concurrent(
  'a reboot of the switch, which raises its SNMP engine boots, makes all users Down and Up again',
  PATIENTLY,
  async ({ onTestFinished }) => {
    const { localnet, users, until, ledgerSays } = await settledFixture(onTestFinished, { sources: ['snmp-v3'] });
    localnet.sim.reboot();
    await until('all users down', () => ledgerSays().every((status) => status === 'down'));
    for (const each of users) localnet.connect(each);
    await until('all users up', () => ledgerSays().every((status) => status === 'up'));
  },
);

for (const version of ['2c', '3'] as const) {
  test.concurrent(
    `an SNMPv${version} trap triggers a poll: a lost session is Down long before the interval ends`,
    PATIENTLY,
    async ({ onTestFinished }) => {
      const credentials = version === '3' ? { user: LOCALNET_SNMP_USER } : { community: 'public' };
      const traps = createTrapTrigger({
        name: 'traps',
        host: '127.0.0.1',
        port: 0,
        clock: systemClock,
        random: seededRandom(5),
        ...credentials,
      });
      const { localnet, user, users, agent, until, eventsOf, ledgerSays } = await makeFixture(onTestFinished, {
        wakeUps: [traps],
        timing: { intervalMs: 60_000, collectTimeoutMs: 2_000 },
        policy: { downGraceMs: 0, downConfirmations: 1 },
      });
      for (const each of users) localnet.connect(each);
      agent.start();
      await until('all users up', () => eventsOf('landed').length === users.length);
      await until('the trap listener ready', () => traps.listening() !== undefined);
      const { port = 0 } = traps.listening() ?? {};
      localnet.snmp.sendTrapsTo({ host: '127.0.0.1', port, form: 'arista', version });
      localnet.disconnect(user(1));
      await until('one down', () => ledgerSays()[1] === 'down');
      expect(ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
      expect(traps.counts()).toMatchObject({ triggered: 1, refused: 0, malformed: 0 });
    },
  );
}
