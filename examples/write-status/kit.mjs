// node kit.mjs RPC_URL PROGRAM DEVICE KEY_FILE
// Reports every user of the device as down, with @solana/kit. The key must be the device's metrics publisher.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AccountRole,
  appendTransactionMessageInstructions,
  createKeyPairSignerFromBytes,
  createSolanaRpc,
  createTransactionMessage,
  getBase64EncodedWireTransaction,
  getSignatureFromTransaction,
  pipe,
  setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash,
  signTransactionMessageWithSigners,
} from '@solana/kit';
import { address, fetchRpc, planBgpStatusBatches, readUsers } from 'dzd-telemetry-agent/serviceability';

const [url, program, deviceText, keyFile] = process.argv.slice(2);
const programId = address(program);
const device = address(deviceText);
const rpc = createSolanaRpc(url);
const abortSignal = AbortSignal.timeout(30_000);
const publisher = await createKeyPairSignerFromBytes(Uint8Array.from(JSON.parse(readFileSync(keyFile, 'utf8'))));

const { users } = await readUsers({ rpc: fetchRpc(url), programId, device }, abortSignal);
const writes = [...users.keys()].map((user) => ({ user, status: 'down' }));
for (const batch of planBgpStatusBatches({ programId, device, metricsPublisher: address(publisher.address), writes })) {
  const { value: blockhash } = await rpc.getLatestBlockhash({ commitment: 'confirmed' }).send({ abortSignal });
  const transaction = await pipe(
    createTransactionMessage({ version: 'legacy' }),
    (message) => setTransactionMessageFeePayerSigner(publisher, message),
    (message) => setTransactionMessageLifetimeUsingBlockhash(blockhash, message),
    (message) => appendTransactionMessageInstructions(batch.instructions.map(toKit), message),
    (message) => signTransactionMessageWithSigners(message),
  );
  const signature = getSignatureFromTransaction(transaction);
  const wire = getBase64EncodedWireTransaction(transaction);
  await rpc.sendTransaction(wire, { encoding: 'base64', preflightCommitment: 'confirmed' }).send({ abortSignal });
  await confirmed(signature);
  process.stdout.write(`${batch.users.length} users in ${signature}\n`);
}

/** The SDK's instructions are plain data. */
function toKit({ programId, accounts, data }) {
  const roleOf = ({ signer, writable }) => {
    if (signer) return writable ? AccountRole.WRITABLE_SIGNER : AccountRole.READONLY_SIGNER;
    return writable ? AccountRole.WRITABLE : AccountRole.READONLY;
  };
  return { programAddress: programId, accounts: accounts.map((meta) => ({ address: meta.address, role: roleOf(meta) })), data };
}

/** Waits for the confirmation. A whole writer rebroadcasts meanwhile, and judges an error with parseSignatureStatus. */
async function confirmed(signature) {
  for (;;) {
    await sleep(200, undefined, { signal: abortSignal });
    const { value } = await rpc.getSignatureStatuses([signature]).send({ abortSignal });
    const [status] = value;
    if (status?.err) throw new Error(`transaction ${signature} failed`);
    if (status?.confirmationStatus === 'confirmed' || status?.confirmationStatus === 'finalized') return;
  }
}
