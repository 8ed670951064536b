import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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

test('a type that follows from a layout has the comments of all its fields: the compiler publishes none of a layout that is spread', () => {
  const folder = join(root, 'src/serviceability');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const layouts = files.flatMap((name) => {
    const source = readFileSync(join(folder, name), 'utf8');
    return [...source.matchAll(/Fields<typeof (\w+)>/g)].map(([, layout]) => ({
      layout,
      declaration: new RegExp(`^(?:export )?const ${layout} = \\{.*?\\};$`, 'ms').exec(source)?.[0] ?? '',
    }));
  });
  expect(layouts.length).toBeGreaterThan(20);
  expect(layouts.filter(({ declaration }) => !declaration.includes(': ') || declaration.includes('...'))).toEqual([]);
});
