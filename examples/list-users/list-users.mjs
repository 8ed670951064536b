// node list-users.mjs RPC_URL PROGRAM DEVICE
// Lists the users of a device with the status that their records give, and what is wrong with each.
import { address, decodeDevice, diagnose, effectiveBgpStatus, fetchRpc, readUsers } from 'dzd-telemetry-agent/serviceability';

const [url, program, deviceText] = process.argv.slice(2);
const programId = address(program);
const device = address(deviceText);
const rpc = fetchRpc(url);
const signal = AbortSignal.timeout(20_000);

const { slot, users } = await readUsers({ rpc, programId, device }, signal);
const { value } = await rpc('getAccountInfo', [device, { encoding: 'base64', commitment: 'confirmed' }], signal);
const deviceAccount = decodeDevice(Uint8Array.from(Buffer.from(value.data[0], 'base64')));

// How long a slot takes is up to the ledger, so it is measured.
const [sample] = await rpc('getRecentPerformanceSamples', [1], signal);
const slotTimeMs = sample?.numSlots > 0 ? (sample.samplePeriodSecs * 1000) / sample.numSlots : 400;
const freshness = { slot, slotTimeMs, staleAfterMs: 2 * 3_600_000 };

for (const [pubkey, { user }] of users) {
  const status = effectiveBgpStatus(user, freshness);
  const { kind } = diagnose(user, deviceAccount, freshness);
  process.stdout.write(`${pubkey}  tunnel ${user.tunnelId}  ${status.kind}  ${kind}\n`);
}
process.stdout.write(`${users.size} users at slot ${slot}\n`);
