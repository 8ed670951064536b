import { readdirSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { snapshotStep } from '../../src/cli/check-config.ts';
import { loadConfig } from '../../src/config/index.ts';
import { Stopped, systemClock } from '../../src/lib/index.ts';
import { temporaryFile, temporaryFolder } from '../config/temporary-files.ts';

const { beforeWrite } = vi.hoisted(() => ({ beforeWrite: vi.fn() }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const writeFile: typeof real.writeFile = async (...args) => {
    beforeWrite();
    return real.writeFile(...args);
  };
  return { ...real, writeFile };
});

test('the file that check writes into the folder of snapshots has no name, so that a killed check leaves none', async () => {
  const folder = temporaryFolder();
  beforeWrite.mockImplementation(() => expect(readdirSync(folder)).toEqual([]));
  const { config } = loadConfig({
    file: temporaryFile(
      `env: localnet\ndevice: "11111111111111111111111111111112"\nsnapshots: {sink: folder, directory: ${folder}, collect: [show version]}\n`,
    ),
    environment: {},
  });
  const stop = new AbortController();
  const finding = await snapshotStep(config, systemClock).run(stop.signal);
  stop.abort(new Stopped('the test ends'));
  expect(finding).toMatchObject({ detail: expect.stringContaining(`${folder} is writable`) });
  expect(beforeWrite).toHaveBeenCalledOnce();
});
