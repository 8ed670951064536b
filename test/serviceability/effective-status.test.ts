import { expect, test } from 'vitest';
import {
  type Diagnosis,
  diagnose,
  type Evidence,
  effectiveBgpStatus,
  nanoseconds,
  type ObservedNeighbor,
  parseNetworkV4,
  slot,
  type User,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { aDevice, anInterface, aUser, keyOf } from './builders.ts';

/** Slot 10,000 of a ledger with 400 ms a slot; a record is stale after an hour, that is 9,000 slots. */
const now = { slot: slot(10_000), slotTimeMs: 400, staleAfterMs: 3_600_000 };

const up = (at: number, rttNs = 0): User =>
  aUser({ bgpStatus: 1, lastBgpUpAt: slot(at), lastBgpReportedAt: slot(at), bgpRttNs: nanoseconds(rttNs) });
const down = (at: number, lastUpAt = 0): User => aUser({ bgpStatus: 2, lastBgpUpAt: slot(lastUpAt), lastBgpReportedAt: slot(at) });

test.each([
  [up(9_000, 7_500_000), { kind: 'up', ageMs: 400_000, rttNs: 7_500_000n }],
  [up(9_000), { kind: 'up', ageMs: 400_000 }],
  [up(1_000), { kind: 'up', ageMs: 3_600_000 }],
  [up(999), { kind: 'stale', ageMs: 3_600_400, last: 'up' }],
  [up(10_050), { kind: 'up', ageMs: 0 }],
  [down(9_999, 42), { kind: 'down', ageMs: 400, lastUpAt: 42n }],
  [down(9_999), { kind: 'down', ageMs: 400 }],
  [down(1, 1), { kind: 'stale', ageMs: 3_999_600, last: 'down' }],
  [aUser(), { kind: 'never-reported' }],
  [aUser({ bgpStatus: 1 }), { kind: 'never-reported' }],
  [aUser({ lastBgpReportedAt: slot(9_999) }), { kind: 'unknown', ageMs: 400, byte: 0 }],
  [aUser({ bgpStatus: 9, lastBgpReportedAt: slot(9_999) }), { kind: 'unknown', ageMs: 400, byte: 9 }],
  [aUser({ bgpStatus: 9, lastBgpReportedAt: slot(1) }), { kind: 'stale', ageMs: 3_999_600, last: 'unknown' }],
])('rfc19 6: a record is worth what its report and its age say (%#)', (user, status) => {
  expect(effectiveBgpStatus(user, now)).toEqual(status);
});

test('a slot time that is not known makes nothing fresh', () => {
  expect(effectiveBgpStatus(up(9_999), { ...now, slotTimeMs: Number.NaN })).toEqual({ kind: 'stale', ageMs: Number.NaN, last: 'up' });
});

const device = aDevice();
const neighbor = (established: boolean, address = '169.254.0.15'): ObservedNeighbor => ({ address, established, vrf: 'vrf1' });
const evidence = (user: User, changes: Partial<Evidence> = {}): Evidence => ({
  record: effectiveBgpStatus(user, now),
  peer: '169.254.0.15' as Evidence['peer'] & string,
  deviceDrained: false,
  metricsPublisher: keyOf(4),
  obstacles: [],
  ...changes,
});
const kindOf = (user: User, neighbors?: readonly ObservedNeighbor[]): Diagnosis['kind'] => diagnose(user, device, now, neighbors).kind;

test('a user with a fresh up is healthy', () => {
  expect(diagnose(up(9_999), device, now)).toEqual({ kind: 'healthy', evidence: evidence(up(9_999)) });
});

test('a user that was reported down and never up has never connected', () => {
  expect(diagnose(down(9_999), device, now)).toEqual({ kind: 'never-connected', evidence: evidence(down(9_999)) });
});

test('a user that was up and is down is lost since then', () => {
  expect(diagnose(down(9_999, 42), device, now)).toEqual({ kind: 'lost', lastUpAt: 42n, evidence: evidence(down(9_999, 42)) });
});

test.each([
  [up(1), 'up'],
  [down(1), 'down'],
  [aUser(), 'never'],
  [aUser({ lastBgpReportedAt: slot(9_999) }), 'unknown'],
])('no agent reports about a user whose record is stale, empty or says nothing (%#)', (user, last) => {
  expect(diagnose(user, device, now)).toEqual({ kind: 'agent-silent', last, evidence: evidence(user) });
});

test('a banned user whose record still says up is a diagnosis of its own', () => {
  const banned = { ...up(5_000), status: 6 };
  expect(diagnose(banned, device, now)).toEqual({ kind: 'banned-stale-up', lastUpAt: 5_000n, evidence: evidence(banned) });
  expect(diagnose({ ...up(1), status: 6 }, device, now).kind).toBe('banned-stale-up');
  const down6 = { ...down(9_999), status: 6 };
  expect(diagnose(down6, device, now)).toEqual({ kind: 'not-in-service', status: 'banned', evidence: evidence(down6) });
  expect(diagnose({ ...up(9_999), status: 3 }, device, now)).toMatchObject({ kind: 'not-in-service', status: 'deleting' });
});

test('the diagnosis compares the switch with the record', () => {
  const seen = { neighbors: [neighbor(true)] };
  expect(diagnose(down(9_999), device, now, [neighbor(true), neighbor(true, '169.254.0.17')])).toEqual({
    kind: 'record-behind',
    record: 'down',
    session: 'up',
    evidence: evidence(down(9_999), seen),
  });
  expect(diagnose(up(9_999), device, now, [])).toEqual({
    kind: 'record-behind',
    record: 'up',
    session: 'down',
    evidence: evidence(up(9_999), { neighbors: [] }),
  });
  expect([kindOf(up(9_999), [neighbor(true)]), kindOf(down(9_999, 42), [neighbor(false)])]).toEqual(['healthy', 'lost']);
  expect([kindOf(aUser(), [neighbor(false)]), kindOf(aUser(), [neighbor(true)])]).toEqual(['never-connected', 'agent-silent']);
  expect(kindOf(aUser({ lastBgpReportedAt: slot(9_999) }), [])).toBe('never-connected');
  expect(kindOf(up(1), [neighbor(true)])).toBe('agent-silent');
});

test('one established session in any VRF is one', () => {
  expect(kindOf(up(9_999), [neighbor(false), neighbor(true)])).toBe('healthy');
});

test('a tunnel that is not a /31 has no peer, so the switch cannot confirm it', () => {
  const user = { ...up(9_999), tunnelNet: parseNetworkV4('169.254.0.0/30') };
  const { evidence: shown, kind } = diagnose(user, device, now, [neighbor(false)]);
  expect([kind, shown.peer, shown.neighbors]).toEqual(['healthy', undefined, []]);
});

test('obstacles to every write are listed', () => {
  const broken = aDevice({ status: 5, metricsPublisherPk: ZERO_ADDRESS, interfaces: [anInterface()] });
  const user = { ...aUser(), tunnelId: 5_000 };
  expect(diagnose(user, broken, now)).toEqual({
    kind: 'agent-silent',
    last: 'never',
    evidence: evidence(user, {
      deviceDrained: true,
      metricsPublisher: ZERO_ADDRESS,
      obstacles: [{ kind: 'no-metrics-publisher' }, { kind: 'interfaces-disagree' }, { kind: 'user-invalid', code: 29 }],
    }),
  });
});
