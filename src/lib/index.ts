export {
  type BackoffOptions,
  backoffDelays,
  createAbortController,
  createNotifier,
  DeadlineExceeded,
  type Notifier,
  Stopped,
  singleFlight,
  waitAtMost,
  withDeadline,
} from './async.ts';
export {
  ANY_KEY,
  atOnce,
  type Breathe,
  createJsonPosition,
  IN_LIST,
  inSlices,
  type JsonPath,
  type JsonPosition,
  parseJsonInSlices,
  timeSlices,
} from './chunked.ts';
export {
  type Clock,
  createVirtualClock,
  type EpochMs,
  epochMs,
  type MonotonicMs,
  monotonicMs,
  type Random,
  seededRandom,
  systemClock,
  type VirtualClock,
} from './clock.ts';
export * from './errors.ts';
export { isRecord, oneLine } from './untrusted.ts';
export { createSlidingSum, type SlidingSum } from './window.ts';
