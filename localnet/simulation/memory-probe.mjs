/*
 * Loaded into the agent's process in front of the agent (`--import`, with `--expose-gc`). It answers each message with what the process still holds
 * after a full collection, as `LiveMemory` of process-judges.ts.
 */
import { existsSync, readdirSync } from 'node:fs';
import { getHeapCodeStatistics } from 'node:v8';

process.on('message', () => {
  // What a finalizer of the first collection releases is freed by the second.
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  // V8 compiles what runs often, for hours: its code is not what a leak would hold.
  const { code_and_metadata_size: code, bytecode_and_metadata_size: bytecode } = getHeapCodeStatistics();
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  process.send({ bytes: heapUsed + external - code - bytecode, handles: timers + openFiles() });
});
// The agent ends when it has nothing left to do.
process.channel.unref();

/** Sockets too, also those that are idle in a pool. Only Linux shows them. */
function openFiles() {
  return existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
}
