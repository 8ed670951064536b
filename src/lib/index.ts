export {
  backoffDelays,
  createAbortController,
  createNotifier,
  DeadlineExceeded,
  type Notifier,
  Stopped,
  singleFlight,
  waitAtMost,
  withDeadline,
  withSignals,
} from './async.ts';
export {
  type Clock,
  type EpochMs,
  epochMs,
  type MonotonicMs,
  monotonicMs,
  type Random,
  seededRandom,
  systemClock,
} from './clock.ts';
export * from './errors.ts';
export { JsonTooComplex, parseJson, requireSimpleJson } from './json.ts';
