// node web3js.mjs RPC_URL DEVICE
// Decodes a device account that @solana/web3.js has read.
import { Connection, PublicKey } from '@solana/web3.js';
import { decodeDevice } from 'dzd-telemetry-agent/serviceability';

const [url, device] = process.argv.slice(2);
const account = await new Connection(url, 'confirmed').getAccountInfo(new PublicKey(device));
if (account === null) throw new Error('there is no such account');
const { code, usersCount, metricsPublisherPk } = decodeDevice(account.data);
process.stdout.write(`${code} has ${usersCount} users; its metrics publisher is ${metricsPublisherPk}\n`);
