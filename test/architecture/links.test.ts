import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../scripts/links.mjs');

/** Exit code and standard error of the check, in a folder with these files. */
function check(files: Readonly<Record<string, string>>, ...options: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'dzd-links-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, ...options, folder], { encoding: 'utf8' });
    return [status, stderr.trimEnd()];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const PAGE = '# Page\n\n## `run` and *its* exit codes\n\n## Twice\n\n## Twice\n\n<a id="named"></a>\n';

test('every link of the repository leads to a file, and every anchor to a heading', () => {
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT], { encoding: 'utf8' });
  expect([stderr, status]).toEqual(['', 0]);
});

test('every link of the files that the .deb and the .rpm install leads to an installed one', async () => {
  const root = join(import.meta.dirname, '../..');
  const { stageFiles } = await import(join(root, 'scripts/package/staging.mjs'));
  const into = mkdtempSync(join(tmpdir(), 'dzd-links-'));
  // What the build makes is not linked to by itself: any file does.
  const built = join(root, 'LICENSE');
  try {
    stageFiles({ root, loader: '', executable: built, notices: built, bill: built, into });
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, '--installed', into], { encoding: 'utf8' });
    expect([stderr, status]).toEqual(['', 0]);
  } finally {
    rmSync(into, { recursive: true });
  }
});

test('links to files, folders, headings, repeated headings and ids are right; addresses and code are not checked', () => {
  const links = ['docs/page.md', 'docs', 'docs/page.md#run-and-its-exit-codes', 'docs/page.md#twice-1', 'docs/page.md#named', '#start'];
  const text = `# Start\n${links.map((to) => `[text](${to})`).join('\n')}\n[web](https://example.org/#x) \`[code](no.md)\`\n\n\`\`\`\n# no heading\n[block](no.md)\n\`\`\`\n`;
  expect(check({ 'README.md': text, 'docs/page.md': PAGE })).toEqual([0, '']);
});

test.for([
  ['a missing file', '[text](docs/other.md)', 'docs/other.md does not exist'],
  ['a missing heading', '[text](docs/page.md#three-times)', 'docs/page.md#three-times has no such heading'],
  ['a missing heading of its own', '[`text`](#nowhere)', 'README.md#nowhere has no such heading'],
  ['an anchor on a heading in a code block', '[text](#shell)\n```\n# shell\n```', 'README.md#shell has no such heading'],
  ['a missing image', '<img src="docs/a.png">', 'docs/a.png does not exist'],
  ['a missing file of a definition', '[a]: docs/other.md', 'docs/other.md does not exist'],
] as const)('%s is named with its line', ([, text, problem]) => {
  expect(check({ 'README.md': `# Start\n\n${text}\n`, 'docs/page.md': PAGE })).toEqual([1, `README.md:3: ${problem}`]);
});

test('in an installed package, runbooks of alerts and schemas of configurations are checked, too', () => {
  const doc = 'usr/share/doc/dzd-telemetry';
  const files = {
    [`${doc}/README.md`]: '[page](docs/page.md)\n',
    [`${doc}/docs/page.md`]: PAGE,
    [`${doc}/config/testnet.yaml`]: '# yaml-language-server: $schema=../docs/page.md\n',
    'etc/dzd-telemetry/config.yaml': `# yaml-language-server: $schema=/${doc}/docs/page.md\n`,
    'usr/share/dzd-telemetry/mixin/alerts.yaml': `runbook_url: file:///${doc}/docs/page.md\n`,
  };
  expect(check(files, '--installed')).toEqual([0, '']);
  const broken = { ...files, 'usr/share/dzd-telemetry/mixin/alerts.yaml': `runbook_url: file:///${doc}/docs/other.md\n` };
  expect(check(broken, '--installed')).toEqual([1, `usr/share/dzd-telemetry/mixin/alerts.yaml:1: ${doc}/docs/other.md does not exist`]);
});
