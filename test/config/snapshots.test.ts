import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configProblems, loadConfig } from '../../src/config/index.ts';
import { temporaryFile } from './temporary-files.ts';

const DEVICE = '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q';

/** A configuration with these snapshots, in YAML's one-line form, and one eAPI source named `eapi` by default. */
const fileWith = (snapshots: string, sources = '[{ type: eapi, url: "unix:///s" }, { type: sockets }]') =>
  temporaryFile(`env: devnet\ndevice: ${DEVICE}\ncollector: { sources: ${sources} }\nsnapshots: ${snapshots}\n`);

function problems(snapshots: string, sources?: string): readonly string[] {
  const file = fileWith(snapshots, sources);
  try {
    loadConfig({ file, environment: {} });
    return [];
  } catch (error) {
    return configProblems(error).map((line) => line.replaceAll(`${dirname(file)}/`, ''));
  }
}

const warnings = (snapshots: string, sources?: string) => loadConfig({ file: fileWith(snapshots, sources), environment: {} }).warnings;

describe('snapshots', () => {
  test.for([
    '{ sink: state-ingest, url: "https://ingest.example" }',
    '{ sink: state-ingest, url: "http://127.0.0.1:8080/path/", source: eapi }',
    '{ sink: folder, directory: snapshots, collect: [bgp-sockets, show version] }',
  ])('%s is accepted without a word', (snapshots) => {
    expect([problems(snapshots), warnings(snapshots)]).toEqual([[], []]);
  });

  test('a relative snapshot folder is relative to the configuration file', () => {
    const file = fileWith('{ sink: folder, directory: snapshots }');
    expect(loadConfig({ file, environment: {} }).config.snapshots.directory).toBe(`${dirname(file)}/snapshots`);
  });

  const collectExpected = 'expected a list of at most 32 show commands without pipes, and bgp-sockets';
  test.for([
    ['{ sink: state-ingest }', 'snapshots.url: is required for the sink state-ingest'],
    ['{ sink: folder }', 'snapshots.directory: is required for the sink folder'],
    ['{ source: other }', 'snapshots.source: there is no source "other"'],
    ['{ source: sockets }', 'snapshots.source: the source "sockets" is of type sockets, not eapi'],
    ['{ url: "ftp://x" }', 'snapshots.url: expected an https:// or http:// URL without user, query or fragment'],
    ['{ url: "https://u:p@x" }', 'snapshots.url: expected an https:// or http:// URL without user, query or fragment'],
    ['{ collect: [configure] }', `snapshots.collect[0]: ${collectExpected}`],
    ['{ collect: ["show version | tee x"] }', `snapshots.collect[0]: ${collectExpected}`],
    ['{ collect: ["show version > x"] }', `snapshots.collect[0]: ${collectExpected}`],
    ['{ collect: [] }', 'snapshots.collect: '],
    ['{ interval: 1s }', 'snapshots.interval: expected from 5s to 1d, got "1s"'],
  ] as const)('%s is refused', ([snapshots, problem]) => {
    expect(problems(snapshots)).toEqual([expect.stringContaining(problem)]);
  });

  test('snapshots in clear text, or without an eapi source, are a warning', () => {
    expect(warnings('{ sink: state-ingest, url: "http://ingest.example" }')).toEqual([
      'snapshots.url: snapshots are sent in clear text; use https://',
    ]);
    expect(warnings('{ sink: folder, directory: /d }', '[{ type: sockets }]')).toEqual([
      'snapshots: without a source of type eapi, only bgp-sockets can be taken, and no show command',
    ]);
  });
});
