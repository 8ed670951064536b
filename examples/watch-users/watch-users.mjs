// node watch-users.mjs RPC_URL PROGRAM DEVICE [CHANGES]
// Prints the changes of the device's users, until there were so many or until it is interrupted.
import { address, bgpStatusName, fetchRpc, watchUsers } from 'dzd-telemetry-agent/serviceability';

const [url, program, device, count] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error('interrupted')));

let left = Number(count ?? Number.POSITIVE_INFINITY);
const changes = watchUsers({
  rpc: fetchRpc(url),
  programId: address(program),
  device: address(device),
  intervalMs: 1_000,
  signal: stop.signal,
  onError: (error) => process.stderr.write(`${error.message}\n`),
});
for await (const change of changes) {
  const user = change.kind === 'removed' ? change.before : change.user;
  const fields = change.kind === 'changed' ? ` (${change.fields.join(', ')})` : '';
  process.stdout.write(`${change.slot} ${change.kind} ${change.address} ${bgpStatusName(user.bgpStatus)}${fields}\n`);
  left -= 1;
  if (left <= 0) break;
}
