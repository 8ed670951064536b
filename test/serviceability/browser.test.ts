import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const bundled = await build({
  stdin: {
    contents: `
      import * as sdk from './src/serviceability/index.ts';
      import * as rfc11 from './src/serviceability/rfc11/index.ts';
      const user = sdk.decodeUser(Uint8Array.of(7));
      const { programId } = sdk.findNetwork('mainnet');
      answer(JSON.stringify({
        owner: user.owner,
        length: sdk.encodeUser(user).length,
        code: sdk.decodeDevice(sdk.encodeDevice({ ...sdk.decodeDevice(Uint8Array.of(5)), code: 'fr4-dz01' })).code,
        address: sdk.userAddress(programId, sdk.ipv4('203.0.114.7'), 0).address,
        instruction: Array.from(sdk.encodeSetUserBgpStatusLegacy('up')),
        account: sdk.decodeAccount(Uint8Array.of(6)).type,
        status: sdk.effectiveBgpStatus(user, { slot: sdk.slot(1), slotTimeMs: 400, staleAfterMs: 1 }).kind,
        rfc11: rfc11.deleteUser({
          programId, clientIp: sdk.ipv4('203.0.114.7'), userType: 0, device: programId, accessPass: programId, authority: programId,
        }).accounts[0].address,
        batches: sdk.planBgpStatusBatches({
          programId, device: programId, metricsPublisher: programId, writes: [{ user: programId, status: 'up' }],
        }).length,
        watch: typeof sdk.watchUsers({ rpc: sdk.fetchRpc('http://localhost', { fetch: () => undefined }), programId }).next,
      }));`,
    resolveDir: root,
  },
  absWorkingDir: root,
  bundle: true,
  platform: 'browser',
  format: 'iife',
  write: false,
  metafile: true,
  logLevel: 'silent',
});

test('the SDK runs where nothing of Node is', () => {
  const answers: string[] = [];
  const globals = { TextEncoder, TextDecoder, answer: (text: string) => answers.push(text) };
  runInNewContext(bundled.outputFiles[0]?.text ?? '', globals);
  expect(answers.map((text): unknown => JSON.parse(text))).toEqual([
    {
      owner: '11111111111111111111111111111111',
      length: 206,
      code: 'fr4-dz01',
      address: 'Hx3HKmEnV4Bz6xa6nTjDwqLphhbQr6tFcUx7kfNGtMMb',
      instruction: [106, 1],
      account: 'link',
      status: 'never-reported',
      rfc11: 'Hx3HKmEnV4Bz6xa6nTjDwqLphhbQr6tFcUx7kfNGtMMb',
      batches: 1,
      watch: 'function',
    },
  ]);
});

test('the SDK brings only its own folder and the packages for hashes and curves', () => {
  const origins = Object.keys(bundled.metafile.inputs).map((path) =>
    path.replace(/^node_modules\/((?:@[^/]+\/)?[^/]+)\/.*$/, '$1').replace(/^src\/serviceability\/.*$/, 'src/serviceability'),
  );
  expect([...new Set(origins)].sort()).toEqual(['<stdin>', '@noble/curves', '@noble/hashes', 'src/serviceability']);
});
