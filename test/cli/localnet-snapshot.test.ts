import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { driveBody, readSnapshot, writeSnapshot } from '../../localnet/drive.ts';
import { createLocalnet } from '../../localnet/index.ts';
import { readDriveOptions } from '../../localnet/options.ts';
import { createAbortController } from '../../src/lib/index.ts';
import { temporaryFolder } from '../config/temporary-files.ts';
import { keyNumber } from '../support/bgp-builders.ts';

const publisher = keyNumber(1);

test('`dzd-localnet snapshot FILE` writes what a localnet goes on from: the same users, connected or not, and the same accounts', async () => {
  const first = createLocalnet({ users: 6, publisher });
  const [up, down] = [...first.truth().keys()];
  if (up === undefined || down === undefined) throw new Error('two users are expected');
  first.connect(up, 777);
  const { rpcUrl } = await first.start();
  const folder = temporaryFolder();
  const file = join(folder, 'state.json');
  const options = readDriveOptions('snapshot', { file, 'rpc-url': rpcUrl });
  if (options === undefined) throw new Error('a verb is expected');
  const out: string[] = [];
  const stream = { write: (text: string) => void out.push(text), isTerminal: false, columns: undefined };
  const io = {
    stdout: stream,
    stderr: stream,
    environment: {},
    signal: createAbortController().signal,
    onHangup: () => undefined,
    version: '',
  };
  expect(await driveBody(options, io)).toBe(0);
  expect(out.join('')).toBe(`file  ${file}\n`);
  expect(await readdir(folder)).toEqual(['state.json']);
  await first.stop();

  const restored = createLocalnet({ users: 0, publisher, restore: await readSnapshot(file) });
  const written = JSON.parse(readFileSync(file, 'utf8'));
  expect(restored.device).toBe(first.device);
  expect([...restored.truth()].sort()).toEqual([...first.truth()].sort());
  expect(restored.snapshot()).toMatchObject({ connected: [{ user: up, rttUs: 777 }], ledger: { accounts: written.ledger.accounts } });
  expect(restored.ledger.admin.user(restored.addUser({ tenant: 1 }))?.tunnelId).toBe(506);
  await restored.stop();
});

test("with another key the restored device's publisher is that one, and can pay", () => {
  const snapshot = createLocalnet({ users: 1, publisher }).snapshot();
  const restored = createLocalnet({ users: 0, publisher: keyNumber(2), restore: snapshot });
  expect(restored.ledger.admin.device(restored.device)?.metricsPublisherPk).toBe(keyNumber(2));
  expect(restored.ledger.bank.account(keyNumber(2))?.lamports).toBe(10_000_000_000n);
});

test.each([
  ['{', expect.stringContaining('JSON')],
  ['{"format":"other"}', expect.stringContaining('format: ')],
  [
    '{"format":"dzd-telemetry-localnet","version":1}',
    expect.stringContaining('version: expected 2: another release of localnet wrote this'),
  ],
])('a file that holds %j is refused with its path and what is wrong', async (text, problem) => {
  const file = join(temporaryFolder(), 'state.json');
  writeFileSync(file, text);
  await expect(readSnapshot(file)).rejects.toMatchObject({ code: 'CONFIG__USAGE', message: problem });
  await expect(readSnapshot(file)).rejects.toMatchObject({ message: expect.stringContaining(`--restore: ${file}: `) });
});

test('a snapshot without its device is refused', async () => {
  const file = join(temporaryFolder(), 'state.json');
  writeFileSync(file, JSON.stringify({ ...createLocalnet({ users: 0, publisher }).snapshot(), device: keyNumber(3) }));
  await expect(readSnapshot(file)).rejects.toMatchObject({ message: `--restore: ${file}: device: no account ${keyNumber(3)}` });
});

test('what cannot be written leaves nothing behind', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'state.json'));
  expect(() => writeSnapshot(join(folder, 'state.json'), 'x')).toThrow('state.json cannot be written: it is a folder');
  expect(await readdir(folder)).toEqual(['state.json']);
});

test('a file is replaced whole; a device and what a link leads to are written to, not replaced', () => {
  const folder = temporaryFolder();
  const file = join(folder, 'state.json');
  const [link, device] = [join(folder, 'link.json'), join(folder, 'device')];
  writeSnapshot(file, 'first');
  symlinkSync(file, link);
  symlinkSync('/dev/null', device);
  writeSnapshot(link, 'second');
  writeSnapshot(device, 'nothing');
  expect(readFileSync(file, 'utf8')).toBe('second');
  expect([link, device].map((path) => lstatSync(path).isSymbolicLink())).toEqual([true, true]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).sort()).toEqual(['device', 'link.json', 'state.json']);
});
