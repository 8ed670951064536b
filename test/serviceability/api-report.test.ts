import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('the SDK’s API is the one that is reported, and every export has a comment', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['scripts/api-report.mjs', '--check'], { cwd: root, encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({
    stdout: expect.stringMatching(
      /^\d+ exports of dzd-telemetry-agent\/serviceability are as reported\n\d+ exports of dzd-telemetry-agent\/serviceability\/rfc11 are as reported\n$/,
    ),
    stderr: '',
  });
}, 60_000);
