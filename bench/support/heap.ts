/*
 * A module of its own, because it is loaded before everything else.
 */
export { keepHeapSmall } from '../../src/cli/small-heap.ts';
