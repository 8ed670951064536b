export { DeadlineExceeded, lifeController, Stopped, withDeadline } from './abort.ts';
export { type BackoffOptions, backoffDelays } from './backoff.ts';
export { type Clock, type EpochMs, epochMs, type MonotonicMs, monotonicMs, systemClock } from './clock.ts';
export * from './errors/index.ts';
export { type Random, seededRandom } from './random.ts';
export { createSlidingSum, type SlidingSum } from './sliding-sum.ts';
export { createVirtualClock, type VirtualClock } from './virtual-clock.ts';
export { waitAtMost } from './wait-at-most.ts';
export { createWakeUp, type WakeUp } from './wake-up.ts';
