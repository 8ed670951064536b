import { describe, expect, test } from 'vitest';
import {
  createLocalLedger,
  createSigner,
  FOUNDATION_SEED,
  type LocalLedger,
  parseTransaction,
  signTransaction,
} from '../../../localnet/ledger/index.ts';
import { seededRandom } from '../../../src/lib/index.ts';
import {
  type Address,
  type Instruction,
  ipv4FromNumber,
  parseNetworkV4,
  UNSPECIFIED_NETWORK,
  UserStatus,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';

const foundation = createSigner(FOUNDATION_SEED);

/** A deployed network with whatever the program or an operator may have left: shared tunnels, ids past 4095, banned and pending users, reserved addresses. */
function randomOldNetwork(seed: number) {
  const random = seededRandom(seed);
  const whole = (end: number): number => Math.floor(random() * end);
  const ledger = createLocalLedger({ program: 'legacy', random });
  const { admin } = ledger;
  const devices = [1, 2, 3].map((n) =>
    admin.createDevice({ metricsPublisher: foundation.address, dzPrefixes: [parseNetworkV4(`198.19.${n}.0/28`)] }),
  );
  const device = (): Address => devices[whole(devices.length)] ?? foundation.address;
  for (let n = 0; n < 40; n++) {
    const tunnelId = random() < 0.3 ? [500 + whole(20), 4_090 + whole(500)][whole(2)] : undefined;
    const tunnelNet = random() < 0.2 ? ({ address: ipv4FromNumber(0xa9_fe_00_00 + 2 * whole(30)), prefixLength: 31 } as const) : undefined;
    const user = admin.createUser({ device: device(), userType: [0, 0, n % 9 === 0 ? 1 : 0, 3][whole(4)], tunnelId, tunnelNet });
    const fate = whole(10);
    if (fate === 0) admin.banUser(user);
    if (fate === 1) admin.changeUser(user, { status: UserStatus.pending, tunnelId: 0, tunnelNet: UNSPECIFIED_NETWORK });
  }
  for (const [n, a] of devices.entries()) {
    const z = devices[(n + 1) % devices.length] ?? a;
    admin.createLink({ deviceA: a, deviceZ: z, code: `link${n}` });
    admin.createInterface({ device: a, name: 'Loopback255', kind: 'loopback', withAddress: true });
  }
  admin.createGroup({ code: 'group' });
  return { ledger, whole };
}

function networkOf({ bank, programId }: LocalLedger): rfc11.NetworkAccounts {
  const accounts = bank.replica().view('processed').accountsOf(programId);
  return rfc11.readNetworkAccounts(
    programId,
    [...accounts].map(([address, { data }]) => [address, data] as const),
  );
}

function errorOf({ bank }: LocalLedger, instruction: Instruction): unknown {
  return bank.include((blockhash) => parseTransaction(signTransaction(foundation, blockhash, [instruction])))?.result.err;
}

/** What the audit says of drafted pools. */
const findingsOf = (ledger: LocalLedger) => rfc11.auditPools(networkOf(ledger)).findings.filter(({ layout }) => layout !== 'deployed');
/** What duplicates, ids past 4095 and reserved addresses leave to be found; none of it can be given out twice. */
const EXPECTED: readonly string[] = ['two-holders', 'id-beyond-eos', 'outside-pool', 'reserved'];
const kindsOf = (ledger: LocalLedger) => new Set(findingsOf(ledger).map(({ kind }) => kind));

describe('random networks from before RFC-11', () => {
  test.each(Array.from({ length: 6 }, (_, n) => n + 1))(
    'are migrated by a plan that the program takes whole, and no deletion frees what another holds (seed %i)',
    (seed) => {
      const { ledger, whole } = randomOldNetwork(seed);
      const { admin, programId } = ledger;
      const plan = rfc11.planMigration(networkOf(ledger));
      for (const { instruction, label } of rfc11.planInstructions(plan, { programId, authority: foundation.address })) {
        expect([label, errorOf(ledger, instruction)]).toEqual([label, null]);
      }
      const rest = rfc11.planMigration(networkOf(ledger));
      expect([rest.extensions, rest.marks, rest.backfills]).toEqual([[], [], []]);
      expect(findingsOf(ledger).filter(({ kind }) => !EXPECTED.includes(kind))).toEqual([]);

      const tracked = [...networkOf(ledger).users].filter(([, { slots }]) => slots !== undefined).map(([address]) => address);
      expect(tracked.length).toBeGreaterThan(10);
      while (tracked.length > 0) {
        const [user] = tracked.splice(whole(tracked.length), 1);
        if (user !== undefined) admin.deleteUser(user);
        if (whole(3) === 0) admin.createUser({ device: [...networkOf(ledger).devices.keys()][whole(3)] ?? foundation.address });
        if (whole(4) === 0) expect([...kindsOf(ledger)].filter((kind) => !EXPECTED.includes(kind))).toEqual([]);
      }
      expect([...kindsOf(ledger)].filter((kind) => !EXPECTED.includes(kind))).toEqual([]);
    },
  );
});
