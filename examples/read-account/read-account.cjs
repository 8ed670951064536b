// node read-account.cjs RPC_URL ACCOUNT
// Decodes any account of the program, from CommonJS, without a Solana library.
const { address, decodeAccount, fetchRpc } = require('dzd-telemetry-agent/serviceability');

async function main([url, text]) {
  const params = [address(text), { encoding: 'base64', commitment: 'confirmed' }];
  const { value } = await fetchRpc(url)('getAccountInfo', params, AbortSignal.timeout(20_000));
  if (value === null) throw new Error('there is no such account');
  const account = decodeAccount(Uint8Array.from(Buffer.from(value.data[0], 'base64')));
  const plain = (_, field) => (typeof field === 'bigint' ? String(field) : field);
  process.stdout.write(`${JSON.stringify(account, plain, 2)}\n`);
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
