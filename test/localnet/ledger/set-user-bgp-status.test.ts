import { PublicKey, SystemProgram, TransactionInstruction } from '@solana/web3.js';
import { beforeEach, describe, expect, test } from 'vitest';
import { createAccount, rentExemptMinimum } from '../../../localnet/ledger/index.ts';
import { type Address, encodeDevice, ipv4, lamports, parseNetworkV4, UserStatus, ZERO_ADDRESS } from '../../../src/serviceability/index.ts';
import { addressOfKey, createBed, existing, type Fixture, keypair, SOL } from './ledger-fixture.ts';

let fixture: Fixture;
let user: Address;

beforeEach(() => {
  fixture = createBed();
  user = fixture.user();
});

const failedWith = (cause: unknown) => ({ InstructionError: [0, cause] });
const lastLine = (logs: readonly string[]) => logs.at(-1)?.replace(fixture.ledger.programId, '<program>');

/** The instruction with other data, or other accounts. */
function altered(change: {
  data?: string;
  keys?: (keys: TransactionInstruction['keys']) => TransactionInstruction['keys'];
}): TransactionInstruction {
  const original = fixture.setStatus(user, 'up', 5);
  return new TransactionInstruction({
    programId: original.programId,
    keys: change.keys?.(original.keys) ?? original.keys,
    data: change.data === undefined ? original.data : Buffer.from(change.data, 'hex'),
  });
}

describe('effects', () => {
  test('rfc19 2: a first Up stores status, both slots and the round-trip time', () => {
    expect(fixture.record(user)).toEqual({ bgpStatus: 0, lastBgpUpAt: 0n, lastBgpReportedAt: 0n, bgpRttNs: 0n });
    expect(fixture.land([fixture.setStatus(user, 'up', 7_500_000)]).err).toBeNull();
    expect(fixture.record(user)).toEqual({
      bgpStatus: 1,
      lastBgpUpAt: fixture.slot(),
      lastBgpReportedAt: fixture.slot(),
      bgpRttNs: 7_500_000n,
    });
  });

  test('a first Down leaves the slot of the last Up at zero', () => {
    fixture.land([fixture.setStatus(user, 'down')]);
    expect(fixture.record(user)).toEqual({ bgpStatus: 2, lastBgpUpAt: 0n, lastBgpReportedAt: fixture.slot(), bgpRttNs: 0n });
  });

  test('rfc19 5: Up, Down and Up again: Down keeps the slot of the last Up, each Up moves it, also a repeated one', () => {
    fixture.land([fixture.setStatus(user, 'up', 5)]);
    const firstUp = fixture.slot();
    fixture.land([fixture.setStatus(user, 'down')]);
    expect(fixture.record(user)).toEqual({ bgpStatus: 2, lastBgpUpAt: firstUp, lastBgpReportedAt: firstUp + 1n, bgpRttNs: 0n });
    fixture.land([fixture.setStatus(user, 'up', 6)]);
    fixture.land([fixture.setStatus(user, 'up')]);
    expect(fixture.record(user)).toEqual({ bgpStatus: 1, lastBgpUpAt: firstUp + 3n, lastBgpReportedAt: firstUp + 3n, bgpRttNs: 0n });
  });

  test('rfc19 22: nothing but the four BGP fields changes', () => {
    const before = existing(fixture.ledger.admin.user(user));
    fixture.land([fixture.setStatus(user, 'up', 5)]);
    expect(fixture.ledger.admin.user(user)).toEqual({ ...before, ...fixture.record(user) });
  });

  test.each(['deleting', 'banned', 'suspended', 'outOfCredits'] as const)('a user that is %s takes a status like any other', (status) => {
    fixture.ledger.admin.changeUser(user, { status: UserStatus[status] });
    expect(fixture.land([fixture.setStatus(user, 'down')]).err).toBeNull();
    expect(fixture.record(user).bgpStatus).toBe(2);
  });

  test('a banned user keeps a stale Up, and its zeroed tunnel is not held against a last Down', () => {
    fixture.land([fixture.setStatus(user, 'up', 5)]);
    fixture.ledger.admin.banUser(user);
    expect(fixture.ledger.admin.user(user)).toMatchObject({ status: 6, tunnelId: 0, bgpStatus: 1, bgpRttNs: 5n });
    expect(fixture.land([fixture.setStatus(user, 'down')]).err).toBeNull();
  });

  test('the log has the arguments and the units', () => {
    const { logs, unitsConsumed } = fixture.land([fixture.setStatus(user, 'up', 7_500_000)]);
    const program = fixture.ledger.programId;
    expect(unitsConsumed).toBe(12_342);
    expect(logs).toEqual([
      `Program ${program} invoke [1]`,
      'Program log: Instruction: SetUserBGPStatus(bgp_status: up, bgp_rtt_ns: 7500000)',
      `Program ${program} consumed ${unitsConsumed} of 200000 compute units`,
      `Program ${program} success`,
    ]);
  });
});

describe('payloads', () => {
  test.each([
    ['the status alone, as old agents send it', '6a01', 1, 0n],
    ['no status', '6a', 0, 0n],
    ['surplus bytes', '6a020000000000000000ffff', 2, 0n],
    ['a round-trip time beside Down', '6a020100000000000000', 2, 1n],
  ])('%s: accepted', (_, data, bgpStatus, bgpRttNs) => {
    fixture.land([fixture.setStatus(user, 'down')]);
    expect(fixture.land([altered({ data })]).err).toBeNull();
    expect(fixture.record(user)).toMatchObject({ bgpStatus, bgpRttNs, lastBgpReportedAt: fixture.slot() });
  });

  test.each([
    ['a status that does not exist', '6a030000000000000000'],
    ['the highest status byte, without a round-trip time', '6aff'],
    ['one byte of a round-trip time', '6a0102'],
    ['seven bytes of a round-trip time', '6a01e0707200000000'],
  ])('%s: the program aborts before it logs the arguments, and writes nothing', (_, data) => {
    fixture.land([fixture.setStatus(user, 'up', 5)]);
    const before = fixture.record(user);
    const { err, logs } = fixture.land([altered({ data })]);
    expect(err).toEqual(failedWith('ProgramFailedToComplete'));
    expect(logs.filter((line) => line.startsWith('Program log: '))).toEqual([
      'Program log: panicked: called `Result::unwrap()` on an `Err` value',
    ]);
    expect(fixture.record(user)).toEqual(before);
  });

  test('instruction 111, a former migration, does nothing and succeeds', () => {
    const before = existing(fixture.ledger.admin.user(user));
    expect(fixture.land([altered({ data: '6f' })]).err).toBeNull();
    expect(fixture.ledger.admin.user(user)).toEqual(before);
  });

  test.each([
    ['5f', 'InvalidInstructionData'],
    ['ff', 'InvalidInstructionData'],
    ['', 'InvalidInstructionData'],
    ['25', { Custom: 67 }],
  ])('variant %s is refused', (data, cause) => {
    expect(fixture.land([altered({ data })]).err).toEqual(failedWith(cause));
  });
});

describe('accounts', () => {
  test('rfc19 10: another signer than the metrics publisher is NotAllowed', () => {
    const outsider = keypair('outsider');
    fixture.ledger.admin.fund(addressOfKey(outsider), lamports(SOL));
    const instruction = altered({ keys: (keys) => keys.map((key, index) => (index === 2 ? { ...key, pubkey: outsider.publicKey } : key)) });
    const { err, logs } = fixture.land([instruction], { signers: [outsider], payer: outsider });
    expect(err).toEqual(failedWith({ Custom: 8 }));
    expect(lastLine(logs)).toBe('Program <program> failed: custom program error: 0x8');
    expect(fixture.record(user).bgpStatus).toBe(0);
  });

  test('rfc19 3: a publisher that was replaced is NotAllowed from then on', () => {
    fixture.ledger.admin.changeDevice(fixture.device, { metricsPublisher: addressOfKey(keypair('new publisher')) });
    expect(fixture.land([fixture.setStatus(user, 'up')]).err).toEqual(failedWith({ Custom: 8 }));
  });

  test('rfc19 10: another device of the same publisher is NotAllowed', () => {
    const other = fixture.ledger.admin.createDevice({ metricsPublisher: addressOfKey(fixture.publisher) });
    const instruction = altered({
      keys: (keys) => keys.map((key, index) => (index === 1 ? { ...key, pubkey: new PublicKey(other) } : key)),
    });
    expect(fixture.land([instruction]).err).toEqual(failedWith({ Custom: 8 }));
  });

  test('a publisher that only pays and does not sign for the instruction aborts it', () => {
    const payer = keypair('payer');
    fixture.ledger.admin.fund(addressOfKey(payer), lamports(SOL));
    const unsigned = altered({ keys: (keys) => keys.map((key) => ({ ...key, isSigner: false })) });
    const { err, logs } = fixture.land([unsigned], { signers: [payer], payer });
    expect(err).toEqual(failedWith('ProgramFailedToComplete'));
    expect(logs).toContain('Program log: panicked: Metrics publisher must be a signer');
  });

  test('rfc19 9: three accounts are too few', () => {
    expect(fixture.land([altered({ keys: (keys) => keys.slice(0, 3) })]).err).toEqual(failedWith('NotEnoughAccountKeys'));
  });

  test('more than four are ignored', () => {
    const permission = { pubkey: keypair('permission').publicKey, isSigner: false, isWritable: false };
    expect(fixture.land([altered({ keys: (keys) => [...keys, permission] })]).err).toBeNull();
  });

  test('the system program may be marked writable: the lock is demoted', () => {
    expect(fixture.land([altered({ keys: (keys) => keys.map((key) => ({ ...key, isWritable: true })) })]).err).toBeNull();
  });

  test('a user that is not writable aborts', () => {
    const { err, logs } = fixture.land([
      altered({ keys: (keys) => keys.map((key, index) => (index === 0 ? { ...key, isWritable: false } : key)) }),
    ]);
    expect(err).toEqual(failedWith('ProgramFailedToComplete'));
    expect(logs).toContain('Program log: panicked: User Account is not writable');
  });

  test('a closed user aborts: its address belongs to the system program', () => {
    fixture.ledger.admin.deleteUser(user);
    const { err, logs } = fixture.land([fixture.setStatus(user, 'down')]);
    expect(err).toEqual(failedWith('ProgramFailedToComplete'));
    expect(logs).toContain('Program log: panicked: Invalid User Account Owner');
  });

  test('a user created again at the same address starts with no status', () => {
    fixture.land([fixture.setStatus(user, 'up', 5)]);
    const { clientIp } = existing(fixture.ledger.admin.user(user));
    fixture.ledger.admin.deleteUser(user);
    expect(fixture.ledger.admin.createUser({ device: fixture.device, clientIp })).toBe(user);
    expect(fixture.record(user)).toEqual({ bgpStatus: 0, lastBgpUpAt: 0n, lastBgpReportedAt: 0n, bgpRttNs: 0n });
  });

  test('an account of another type is InvalidAccountData, and the log names which', () => {
    const owner = fixture.ledger.programId;
    const land = () => fixture.land([fixture.setStatus(user, 'up')]);
    fixture.ledger.bank.putAccount(user, createAccount(owner, Uint8Array.of(11, ...new Uint8Array(205))));
    expect(land()).toMatchObject({ err: failedWith('InvalidAccountData') });
    expect(land().logs).toContain('Program log: Failed to deserialize User: Some(InvalidAccountData)');
    fixture.ledger.bank.putAccount(fixture.device, createAccount(owner, Uint8Array.of(4, ...new Uint8Array(300))));
    expect(land()).toMatchObject({ err: failedWith('InvalidAccountData') });
    expect(land().logs).toContain('Program log: Failed to deserialize Device: Some(InvalidAccountData)');
  });
});

describe('validation', () => {
  test.each([
    ['a client address that is not routable', { clientIp: ipv4('10.0.0.1') }, 26, 'client_ip: 10.0.0.1'],
    ['a DoubleZero address that is not routable', { dzIp: ipv4('192.168.1.1') }, 27, 'dz_ip: 192.168.1.1'],
    ['a tunnel network that is not link-local', { tunnelNet: parseNetworkV4('10.1.0.0/31') }, 28, 'tunnel_net: 10.1.0.0/31'],
    ['a tunnel id beyond the range', { tunnelId: 4596 }, 29, 'tunnel_id: 4596'],
    ['a tunnel endpoint that is not routable', { tunnelEndpoint: ipv4('127.0.0.1') }, 80, 'tunnel_endpoint: 127.0.0.1'],
  ])('%s is refused, and the log names it', (_, change, code, line) => {
    fixture.ledger.admin.changeUser(user, change);
    const { err, logs } = fixture.land([fixture.setStatus(user, 'up')]);
    expect(err).toEqual(failedWith({ Custom: code }));
    expect(logs).toContain(`Program log: ${line}`);
  });

  test('validation is skipped while the user is being deleted', () => {
    fixture.ledger.admin.changeUser(user, { clientIp: ipv4('10.0.0.1'), status: UserStatus.deleting });
    expect(fixture.land([fixture.setStatus(user, 'down')]).err).toBeNull();
  });
});

describe('length', () => {
  const balance = (of: Address) => existing(fixture.ledger.bank.account(of)).lamports;

  test('rfc19 8: an account from before the BGP fields grows by 29 bytes, and the publisher pays the rent in an inner transfer', () => {
    fixture.ledger.admin.setUserLayout(user, 177);
    const before = { payer: balance(addressOfKey(fixture.publisher)), user: balance(user) };
    const { err, logs, signature } = fixture.land([fixture.setStatus(user, 'up', 5)]);
    expect(err).toBeNull();
    expect(existing(fixture.ledger.bank.account(user)).data).toHaveLength(206);
    expect(balance(user) - before.user).toBe(201_840n);
    expect(before.payer - balance(addressOfKey(fixture.publisher))).toBe(206_840n);
    expect(fixture.record(user).bgpStatus).toBe(1);
    expect(logs).toContain('Program 11111111111111111111111111111111 invoke [2]');
    expect(logs).toContain(`Program log: Rent required: ${rentExemptMinimum(206)}, actual: ${rentExemptMinimum(177)}`);
    expect(logs).toContain('Program log: Resized account from 177 to 206');
    expect(fixture.ledger.bank.replica().status(signature)?.landed.result.inner).toEqual([
      [expect.objectContaining({ programId: ZERO_ADDRESS, accounts: [addressOfKey(fixture.publisher), user], stackHeight: 2 })],
    ]);
  });

  test('rfc19 24: an account that has the lamports already grows without a transfer', () => {
    fixture.ledger.admin.setUserLayout(user, 177);
    fixture.ledger.admin.fund(user, lamports(rentExemptMinimum(206)));
    const { err, logs } = fixture.land([fixture.setStatus(user, 'up')]);
    expect([err, logs.filter((line) => line.includes('invoke [2]'))]).toEqual([null, []]);
  });

  test('an account of the former layout shrinks, and keeps its lamports', () => {
    fixture.ledger.admin.setUserLayout(user, 234);
    const before = balance(user);
    expect(fixture.land([fixture.setStatus(user, 'up')]).err).toBeNull();
    expect([existing(fixture.ledger.bank.account(user)).data.length, balance(user)]).toEqual([206, before]);
  });

  test('without the system program among the accounts an account that need not grow is written, and one that must fails', () => {
    const instead = altered({
      keys: (keys) => keys.map((key, index) => (index === 3 ? { ...key, pubkey: keypair('not a program').publicKey } : key)),
    });
    expect(fixture.land([instead]).err).toBeNull();
    fixture.ledger.admin.setUserLayout(user, 177);
    expect(fixture.land([instead]).err).toEqual(failedWith('MissingAccount'));
  });

  test('a publisher that cannot pay the rent fails with the error of the system program, which looks like one of the program', () => {
    fixture.ledger.admin.setUserLayout(user, 177);
    fixture.ledger.admin.fund(addressOfKey(fixture.publisher), lamports(190_000n));
    const poor = keypair('payer');
    fixture.ledger.admin.fund(addressOfKey(poor), lamports(SOL));
    const { err, logs } = fixture.land([fixture.setStatus(user, 'up')], { signers: [poor, fixture.publisher], payer: poor });
    expect(err).toEqual(failedWith({ Custom: 1 }));
    expect(logs).toContain('Transfer: insufficient lamports 190000, need 201840');
  });

  test('a publisher that is not writable cannot pay', () => {
    fixture.ledger.admin.setUserLayout(user, 177);
    const payer = keypair('payer');
    fixture.ledger.admin.fund(addressOfKey(payer), lamports(SOL));
    const readonly = altered({ keys: (keys) => keys.map((key, index) => (index === 2 ? { ...key, isWritable: false } : key)) });
    expect(fixture.land([readonly], { signers: [payer, fixture.publisher], payer }).err).toEqual(failedWith('PrivilegeEscalation'));
  });

  test('a publisher that is left below rent by the payment undoes everything but the fee', () => {
    fixture.ledger.admin.setUserLayout(user, 177);
    fixture.ledger.admin.fund(addressOfKey(fixture.publisher), lamports(1_000_000n));
    expect(fixture.land([fixture.setStatus(user, 'up')]).err).toEqual({ InsufficientFundsForRent: { account_index: 0 } });
    expect([balance(addressOfKey(fixture.publisher)), fixture.record(user).bgpStatus]).toEqual([995_000n, 0]);
  });
});

describe('the device', () => {
  test('its interfaces cost units, and beyond some number more heap than there is', () => {
    const plain = fixture.land([fixture.setStatus(user, 'up')]).unitsConsumed;
    fixture.ledger.admin.changeDevice(fixture.device, { interfaces: 20 });
    expect(fixture.land([fixture.setStatus(user, 'up')]).unitsConsumed).toBeGreaterThan(plain + 20_000);
    fixture.ledger.admin.changeDevice(fixture.device, { interfaces: 92 });
    expect(fixture.land([fixture.setStatus(user, 'up')]).err).toBeNull();
    fixture.ledger.admin.changeDevice(fixture.device, { interfaces: 93 });
    const { err, logs } = fixture.land([fixture.setStatus(user, 'up')]);
    expect(err).toEqual(failedWith('ProgramFailedToComplete'));
    expect(logs).toContain('Program log: panicked: memory allocation failed, out of memory');
  });

  test('interface vectors of different length abort every write', () => {
    fixture.ledger.admin.changeDevice(fixture.device, { interfaces: 2 });
    const device = existing(fixture.ledger.admin.device(fixture.device));
    const contradictory = encodeDevice({ ...device, interfaces: device.interfaces.slice(1) });
    fixture.ledger.bank.putAccount(fixture.device, createAccount(fixture.ledger.programId, contradictory));
    expect(fixture.land([fixture.setStatus(user, 'up')]).err).toEqual(failedWith('ProgramFailedToComplete'));
  });

  test('its status is not asked for', () => {
    fixture.ledger.admin.changeDevice(fixture.device, { status: 5 });
    expect(fixture.land([fixture.setStatus(user, 'down')]).err).toBeNull();
  });
});

test('the fee payer may be another than the publisher', () => {
  const payer = keypair('payer');
  fixture.ledger.admin.fund(addressOfKey(payer), lamports(SOL));
  const transfer = SystemProgram.transfer({ fromPubkey: payer.publicKey, toPubkey: fixture.publisher.publicKey, lamports: 1 });
  expect(fixture.land([transfer, fixture.setStatus(user, 'up')], { signers: [payer, fixture.publisher], payer }).err).toBeNull();
});
