export {
  backoffDelays,
  type Clock,
  createAbortController,
  createNotifier,
  DeadlineExceeded,
  type EpochMs,
  epochMs,
  type MonotonicMs,
  monotonicMs,
  type Random,
  Stopped,
  seededRandom,
  singleFlight,
  systemClock,
  untilAborted,
  waitAtMost,
  withDeadline,
  withSignals,
} from './clock.ts';
export * from './errors.ts';
export { JsonTooComplex, parseJson, requireSimpleJson } from './json.ts';
