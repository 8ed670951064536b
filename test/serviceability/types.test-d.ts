/*
 * What the SDK's users may rely on in types. Nothing here runs: `npm run typecheck` fails when one of these no longer holds.
 */
import { expectTypeOf } from 'vitest';
import type {
  AccessPassKind,
  Account,
  AccountValues,
  Address,
  BatchPlanInput,
  BgpStatusWrite,
  Diagnosis,
  EffectiveBgpStatus,
  Ipv4,
  Link,
  Nanoseconds,
  ResourceAllocator,
  RpcCall,
  SendResult,
  SignatureResult,
  Slot,
  User,
  UserChange,
  WatchUsersOptions,
} from '../../src/serviceability/index.ts';
import * as sdk from '../../src/serviceability/index.ts';

// Plain values do not pass for branded ones.
expectTypeOf<number>().not.toExtend<Slot>();
expectTypeOf<bigint>().not.toExtend<Slot>();
expectTypeOf<Slot>().not.toExtend<Nanoseconds>();
expectTypeOf<string>().not.toExtend<Address>();
expectTypeOf<Address>().not.toExtend<Ipv4>();
expectTypeOf(sdk.slot).returns.toEqualTypeOf<Slot>();
expectTypeOf(sdk.isAddress).guards.toEqualTypeOf<Address>();

// Every account has a decoder and an encoder of its own type.
expectTypeOf(sdk.decodeUser).toEqualTypeOf<(data: Uint8Array) => User>();
expectTypeOf(sdk.encodeUser).toEqualTypeOf<(user: User) => Uint8Array>();
expectTypeOf(sdk.decodeLink).returns.toEqualTypeOf<Link>();
expectTypeOf(sdk.createUserDecoder).returns.toEqualTypeOf<(data: Uint8Array) => User>();
expectTypeOf(sdk.decodeAccount).returns.toEqualTypeOf<Account>();
expectTypeOf<Account['type']>().toEqualTypeOf<keyof AccountValues | 'unknown'>();
expectTypeOf<Extract<Account, { type: 'user' }>['value']>().toEqualTypeOf<User>();
expectTypeOf<Extract<Account, { type: 'unknown' }>>().not.toHaveProperty('value');

// Accounts are not changed in place.
expectTypeOf<User>().toEqualTypeOf<Readonly<User>>();
expectTypeOf<User['publishers']>().toEqualTypeOf<readonly Address[]>();
expectTypeOf<User['lastBgpReportedAt']>().toEqualTypeOf<Slot>();
expectTypeOf<User['bgpRttNs']>().toEqualTypeOf<Nanoseconds>();

// Unions are distinguished by their kind, and only the right member has the right fields.
expectTypeOf<EffectiveBgpStatus['kind']>().toEqualTypeOf<'up' | 'down' | 'stale' | 'never-reported' | 'unknown'>();
expectTypeOf<Extract<EffectiveBgpStatus, { kind: 'stale' }>['last']>().toEqualTypeOf<'up' | 'down' | 'unknown'>();
expectTypeOf<Extract<EffectiveBgpStatus, { kind: 'down' }>>().not.toHaveProperty('rttNs');
expectTypeOf<Diagnosis['kind']>().toEqualTypeOf<
  'healthy' | 'never-connected' | 'lost' | 'record-behind' | 'agent-silent' | 'banned-stale-up' | 'not-in-service'
>();
expectTypeOf<Extract<Diagnosis, { kind: 'lost' }>['lastUpAt']>().toEqualTypeOf<Slot>();
expectTypeOf<AccessPassKind['kind']>().toEqualTypeOf<'prepaid' | 'solana-validator' | 'solana-rpc' | 'others' | 'edge-seat' | 'unknown'>();
expectTypeOf<ResourceAllocator['kind']>().toEqualTypeOf<'addresses' | 'ids' | 'unknown'>();
expectTypeOf<Extract<SendResult, { kind: 'user-failed' }>['user']>().toEqualTypeOf<Address>();
expectTypeOf<Extract<SendResult, { kind: 'user-failed' }>['logs']>().toEqualTypeOf<readonly string[]>();
expectTypeOf<Extract<SignatureResult, { kind: 'user-failed' }>['slot']>().toEqualTypeOf<Slot>();

// A plan needs to know whose statuses it is about, and a round-trip time is optional.
expectTypeOf<BatchPlanInput>().toHaveProperty('metricsPublisher').toEqualTypeOf<Address>();
expectTypeOf<Pick<BgpStatusWrite, 'user' | 'status'>>().toExtend<BgpStatusWrite>();
expectTypeOf<{ user: string; status: 'up' }>().not.toExtend<BgpStatusWrite>();
expectTypeOf<{ user: Address; status: 'maybe' }>().not.toExtend<BgpStatusWrite>();

// A watch can be looped over, and needs no more than a transport and a program.
expectTypeOf(sdk.watchUsers).returns.toExtend<AsyncIterable<UserChange>>();
expectTypeOf<{ rpc: RpcCall; programId: Address }>().toExtend<WatchUsersOptions>();
expectTypeOf<Extract<UserChange, { kind: 'changed' }>['fields']>().toEqualTypeOf<readonly (keyof User)[]>();
expectTypeOf<Extract<UserChange, { kind: 'removed' }>>().not.toHaveProperty('user');
expectTypeOf(sdk.fetchRpc).returns.toEqualTypeOf<RpcCall>();
