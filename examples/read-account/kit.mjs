// node kit.mjs RPC_URL DEVICE
// Decodes a device account that @solana/kit has read.
import { address, assertAccountExists, createSolanaRpc, fetchEncodedAccount } from '@solana/kit';
import { decodeDevice } from 'dzd-telemetry-agent/serviceability';

const [url, device] = process.argv.slice(2);
const account = await fetchEncodedAccount(createSolanaRpc(url), address(device), { abortSignal: AbortSignal.timeout(20_000) });
assertAccountExists(account);
const { code, usersCount, metricsPublisherPk } = decodeDevice(account.data);
process.stdout.write(`${code} has ${usersCount} users; its metrics publisher is ${metricsPublisherPk}\n`);
