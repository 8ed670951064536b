// node kit.mjs RPC_URL PROGRAM DEVICE KEY_FILE
// The same as web3js.mjs with @solana/kit: creates a user by RFC-11's draft, prints its slots, and deletes it. No network but localnet runs RFC-11.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AccountRole,
  appendTransactionMessageInstruction,
  createKeyPairSignerFromBytes,
  createSolanaRpc,
  createTransactionMessage,
  fetchEncodedAccount,
  getBase64EncodedWireTransaction,
  getSignatureFromTransaction,
  pipe,
  setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash,
  signTransactionMessageWithSigners,
} from '@solana/kit';
import { accessPassAddress, address, formatNetworkV4, ipv4, UNSPECIFIED_IPV4, userAddress } from 'dzd-telemetry-agent/serviceability';
import { createAndActivateUser, decodeUserWithSlots, deleteUser, parseRfc11Logs } from 'dzd-telemetry-agent/serviceability/rfc11';

const [url, program, deviceText, keyFile] = process.argv.slice(2);
const programId = address(program);
const device = address(deviceText);
const rpc = createSolanaRpc(url);
const abortSignal = AbortSignal.timeout(30_000);
const owner = await createKeyPairSignerFromBytes(Uint8Array.from(JSON.parse(readFileSync(keyFile, 'utf8'))));
const payer = address(owner.address);

const clientIp = ipv4('198.18.250.8');
const userType = 0;
const accessPass = accessPassAddress(programId, UNSPECIFIED_IPV4, payer).address;
const user = userAddress(programId, clientIp, userType).address;

await run(
  createAndActivateUser({ programId, device, payer, accessPass, clientIp, userType, cyoaType: 1, tunnelEndpoint: UNSPECIFIED_IPV4 }),
);
const { data } = await fetchEncodedAccount(rpc, user, { abortSignal, commitment: 'confirmed' });
const { value: account, slots } = decodeUserWithSlots(data);
process.stdout.write(`tunnel ${account.tunnelId} is slot ${slots.tunnelIdSlot}, ${formatNetworkV4(account.tunnelNet)} `);
process.stdout.write(`slot ${slots.tunnelNetSlot}, ${account.dzIp} slot ${slots.dzIpSlot}\n`);
await run(deleteUser({ programId, device, clientIp, userType, accessPass: slots.accessPassPk, authority: payer }));

/** Sends one instruction, waits until it is confirmed, and prints what its log says. */
async function run(instruction) {
  const { value: blockhash } = await rpc.getLatestBlockhash({ commitment: 'confirmed' }).send({ abortSignal });
  const transaction = await pipe(
    createTransactionMessage({ version: 'legacy' }),
    (message) => setTransactionMessageFeePayerSigner(owner, message),
    (message) => setTransactionMessageLifetimeUsingBlockhash(blockhash, message),
    (message) => appendTransactionMessageInstruction(toKit(instruction), message),
    (message) => signTransactionMessageWithSigners(message),
  );
  const signature = getSignatureFromTransaction(transaction);
  await rpc
    .sendTransaction(getBase64EncodedWireTransaction(transaction), { encoding: 'base64', preflightCommitment: 'confirmed' })
    .send({ abortSignal });
  for (;;) {
    await sleep(200, undefined, { signal: abortSignal });
    const [status] = (await rpc.getSignatureStatuses([signature]).send({ abortSignal })).value;
    if (status?.err) throw new Error(`transaction ${signature} failed`);
    if (status && status.confirmationStatus !== 'processed') break;
  }
  const { meta } = await rpc
    .getTransaction(signature, { encoding: 'json', commitment: 'confirmed', maxSupportedTransactionVersion: 0 })
    .send({ abortSignal });
  for (const { instruction: name, details } of parseRfc11Logs(meta.logMessages, programId)) {
    for (const { kind, slots: logged } of details) {
      if (kind === 'allocated' || kind === 'deallocated')
        process.stdout.write(`${name} ${kind} ${logged.map(({ resource, slot }) => `${resource} ${slot}`).join(', ')}\n`);
    }
  }
}

/** The SDK's instructions are plain data. */
function toKit({ programId, accounts, data }) {
  const roleOf = ({ signer, writable }) => {
    if (signer) return writable ? AccountRole.WRITABLE_SIGNER : AccountRole.READONLY_SIGNER;
    return writable ? AccountRole.WRITABLE : AccountRole.READONLY;
  };
  return { programAddress: programId, accounts: accounts.map((meta) => ({ address: meta.address, role: roleOf(meta) })), data };
}
