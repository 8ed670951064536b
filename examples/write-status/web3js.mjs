// node web3js.mjs RPC_URL PROGRAM DEVICE KEY_FILE
// Reports every user of the device as up, with @solana/web3.js. The key must be the device's metrics publisher.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Keypair, PublicKey, TransactionInstruction, TransactionMessage, VersionedTransaction } from '@solana/web3.js';
import {
  address,
  describeTransactionFailure,
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
const publisher = Keypair.fromSecretKey(Uint8Array.from(JSON.parse(readFileSync(keyFile, 'utf8'))));
const metricsPublisher = address(publisher.publicKey.toBase58());

const { users } = await readUsers({ rpc, programId, device }, signal);
let wanted = [...users.keys()].map((user) => ({ user, status: 'up', rttNs: nanoseconds(7_500_000) }));

while (wanted.length > 0) {
  const settled = new Set();
  for (const batch of planBgpStatusBatches({ programId, device, metricsPublisher, writes: wanted })) {
    for (const user of await settle(batch)) settled.add(user);
  }
  wanted = wanted.filter(({ user }) => !settled.has(user));
}

/** Sends one batch and returns the users that need no other try: all after a confirmation, the one that the program rejected otherwise. */
async function settle(batch) {
  const { value } = await rpc('getLatestBlockhash', [{ commitment: 'confirmed' }], signal);
  const message = new TransactionMessage({
    payerKey: publisher.publicKey,
    recentBlockhash: value.blockhash,
    instructions: batch.instructions.map(toWeb3),
  });
  const transaction = new VersionedTransaction(message.compileToLegacyMessage());
  transaction.sign([publisher]);
  const sent = await send(transaction.serialize(), batch);
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

/** The SDK's instructions are plain data. */
function toWeb3({ programId, accounts, data }) {
  const keys = accounts.map(({ address, signer, writable }) => ({
    pubkey: new PublicKey(address),
    isSigner: signer,
    isWritable: writable,
  }));
  return new TransactionInstruction({ programId: new PublicKey(programId), keys, data: Buffer.from(data) });
}

/** Parses the whole answer, because an error of sendTransaction names the instruction that failed. */
async function send(wire, batch) {
  const params = [Buffer.from(wire).toString('base64'), { encoding: 'base64', preflightCommitment: 'confirmed' }];
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'sendTransaction', params });
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal });
  if (!answer.ok) throw new ServiceabilityError('RPC__HTTP', { method: 'sendTransaction', status: answer.status });
  return parseSendResponse(await answer.json(), batch);
}
