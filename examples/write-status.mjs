// node write-status.mjs RPC_URL PROGRAM DEVICE KEY_FILE
// Reports every user of the device as up: the key must be the device's metrics publisher.
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  address,
  addressOf,
  describeTransactionFailure,
  encodeLegacyMessage,
  encodeTransaction,
  fetchRpc,
  nanoseconds,
  parseSendResponse,
  parseSignatureStatus,
  planBgpStatusBatches,
  readUsers,
  ServiceabilityError,
} from 'dzd-telemetry-agent/serviceability';

const [url, program, deviceText, keyFile] = process.argv.slice(2);
const programId = address(program);
const device = address(deviceText);
const rpc = fetchRpc(url);
const signal = AbortSignal.timeout(30_000);

// A key file of the Solana tools: 32 bytes of seed, 32 of public key. PKCS #8 puts a fixed prefix before the seed.
const secret = Uint8Array.from(JSON.parse(readFileSync(keyFile, 'utf8')));
const metricsPublisher = addressOf(secret.subarray(32));
const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secret.subarray(0, 32)]);
const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });

const { users } = await readUsers({ rpc, programId, device }, signal);
let wanted = [...users.keys()].map((user) => ({ user, status: 'up', rttNs: nanoseconds(7_500_000) }));

while (wanted.length > 0) {
  const batches = planBgpStatusBatches({ programId, device, metricsPublisher, writes: wanted });
  const landed = new Set();
  for (const batch of batches) {
    for (const user of await settle(batch)) landed.add(user);
  }
  wanted = wanted.filter(({ user }) => !landed.has(user));
}

/** Sends one batch, and gives the users that need not be tried again: all when it landed, the culprit when one was refused. */
async function settle(batch) {
  const { value } = await rpc('getLatestBlockhash', [{ commitment: 'confirmed' }], signal);
  const message = encodeLegacyMessage({ feePayer: metricsPublisher, blockhash: value.blockhash, instructions: batch.instructions });
  const wire = encodeTransaction(message, [sign(null, message, privateKey)]);
  const sent = await send(wire, batch);
  if (sent.kind === 'user-failed') {
    process.stdout.write(`${sent.user}: ${describeTransactionFailure(sent.failure)}\n`);
    return [sent.user];
  }
  if (sent.kind !== 'accepted') throw new Error(`the batch could not be sent: ${JSON.stringify(sent)}`);
  for (;;) {
    await sleep(200, undefined, { signal });
    const { value: statuses } = await rpc('getSignatureStatuses', [[sent.signature]], signal);
    const result = parseSignatureStatus(statuses[0], batch);
    if (result.kind === 'landed' && result.commitment !== 'processed') {
      process.stdout.write(`${batch.users.length} users in ${sent.signature}\n`);
      return batch.users;
    }
    if (result.kind === 'user-failed') return [result.user];
    if (result.kind === 'batch-failed') throw new Error(describeTransactionFailure(result.failure));
  }
}

/** The whole answer is parsed, because the errors of sendTransaction say whose instruction failed. */
async function send(wire, batch) {
  const params = [Buffer.from(wire).toString('base64'), { encoding: 'base64', preflightCommitment: 'confirmed' }];
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'sendTransaction', params });
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal });
  if (!answer.ok) throw new ServiceabilityError('RPC__HTTP', { method: 'sendTransaction', status: answer.status });
  return parseSendResponse(await answer.json(), batch);
}
