// node web3js.mjs RPC_URL PROGRAM DEVICE KEY_FILE
// Creates a user by RFC-11's draft, prints what the program allocated and the user's slots, and deletes it, with @solana/web3.js. The key must own an access
// pass for any address; on localnet, the foundation's key does. No network but localnet runs RFC-11.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Keypair, PublicKey, TransactionInstruction, TransactionMessage, VersionedTransaction } from '@solana/web3.js';
import {
  accessPassAddress,
  address,
  describeTransactionFailure,
  fetchRpc,
  formatNetworkV4,
  ipv4,
  parseTransactionFailure,
  UNSPECIFIED_IPV4,
  userAddress,
} from 'dzd-telemetry-agent/serviceability';
import { createAndActivateUser, decodeUserWithSlots, deleteUser, parseRfc11Logs } from 'dzd-telemetry-agent/serviceability/rfc11';

const [url, program, deviceText, keyFile] = process.argv.slice(2);
const programId = address(program);
const device = address(deviceText);
const rpc = fetchRpc(url);
const signal = AbortSignal.timeout(30_000);
const owner = Keypair.fromSecretKey(Uint8Array.from(JSON.parse(readFileSync(keyFile, 'utf8'))));
const payer = address(owner.publicKey.toBase58());

const clientIp = ipv4('198.18.250.7');
const userType = 0;
const accessPass = accessPassAddress(programId, UNSPECIFIED_IPV4, payer).address;
const user = userAddress(programId, clientIp, userType).address;

await run(
  createAndActivateUser({ programId, device, payer, accessPass, clientIp, userType, cyoaType: 1, tunnelEndpoint: UNSPECIFIED_IPV4 }),
);
const { value } = await rpc('getAccountInfo', [user, { encoding: 'base64', commitment: 'confirmed' }], signal);
const { value: account, slots } = decodeUserWithSlots(Buffer.from(value.data[0], 'base64'));
process.stdout.write(`tunnel ${account.tunnelId} is slot ${slots.tunnelIdSlot}, ${formatNetworkV4(account.tunnelNet)} `);
process.stdout.write(`slot ${slots.tunnelNetSlot}, ${account.dzIp} slot ${slots.dzIpSlot}\n`);
await run(deleteUser({ programId, device, clientIp, userType, accessPass: slots.accessPassPk, authority: payer }));

/** Sends one instruction, waits until it is confirmed, and prints what its log says. */
async function run(instruction) {
  const { value: latest } = await rpc('getLatestBlockhash', [{ commitment: 'confirmed' }], signal);
  const message = new TransactionMessage({
    payerKey: owner.publicKey,
    recentBlockhash: latest.blockhash,
    instructions: [toWeb3(instruction)],
  });
  const transaction = new VersionedTransaction(message.compileToLegacyMessage());
  transaction.sign([owner]);
  const wire = Buffer.from(transaction.serialize()).toString('base64');
  const signature = await rpc('sendTransaction', [wire, { encoding: 'base64', preflightCommitment: 'confirmed' }], signal);
  for (;;) {
    await sleep(200, undefined, { signal });
    const { value: statuses } = await rpc('getSignatureStatuses', [[signature]], signal);
    if (statuses[0]?.err) throw new Error(describeTransactionFailure(parseTransactionFailure(statuses[0].err)));
    if (statuses[0] && statuses[0].confirmationStatus !== 'processed') break;
  }
  const landed = await rpc(
    'getTransaction',
    [signature, { encoding: 'json', commitment: 'confirmed', maxSupportedTransactionVersion: 0 }],
    signal,
  );
  for (const { instruction: name, details } of parseRfc11Logs(landed.meta.logMessages, programId)) {
    for (const { kind, slots: logged } of details) {
      if (kind === 'allocated' || kind === 'deallocated')
        process.stdout.write(`${name} ${kind} ${logged.map(({ resource, slot }) => `${resource} ${slot}`).join(', ')}\n`);
    }
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
