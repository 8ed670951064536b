import { readdirSync } from 'node:fs';
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { expect, onTestFinished, test, vi } from 'vitest';
import { snapshotStep } from '../../src/cli/check-config.ts';
import { loadConfig } from '../../src/config/index.ts';
import { Stopped, systemClock } from '../../src/lib/index.ts';
import { temporaryFile, temporaryFolder } from '../config/temporary-files.ts';

/** The names in the folder before each write to a file. */
function namesAtEachWrite(folder: string): readonly (readonly string[])[] {
  const names: (readonly string[])[] = [];
  const { writeFile } = files;
  const spy = vi.spyOn(files, 'writeFile').mockImplementation((...args) => {
    names.push(readdirSync(folder));
    return writeFile(...args);
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    spy.mockRestore();
    syncBuiltinESMExports();
  });
  return names;
}

test('check unlinks its file in the snapshot folder before it writes to it, so a killed check leaves none', async () => {
  const folder = temporaryFolder();
  const { config } = loadConfig({
    file: temporaryFile(
      `env: localnet\ndevice: "11111111111111111111111111111112"\nsnapshots: {sink: folder, directory: ${folder}, collect: [show version]}\n`,
    ),
    environment: {},
  });
  const names = namesAtEachWrite(folder);
  const stop = new AbortController();
  const finding = await snapshotStep(config, systemClock).run(stop.signal);
  stop.abort(new Stopped('the test ends'));
  expect([finding.detail, names]).toEqual([expect.stringContaining(`${folder} is writable`), [[]]]);
});
