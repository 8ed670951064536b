import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { epochMs } from '../../src/lib/index.ts';
import { createFolderSink, type FolderSinkOptions } from '../../src/snapshots/index.ts';
import { makeSnapshot } from '../../src/snapshots/snapshot.ts';
import { DEVICE, NOON, never } from './fixture.ts';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dzd-snapshots-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const folderSink = (directory: string, options: Partial<FolderSinkOptions> = {}) =>
  createFolderSink({ directory, collect: ['show ip mroute', 'bgp-sockets'], maxFiles: 100, maxBytes: 1 << 20, ...options });

/** Taken so many seconds after noon. */
const snapshotAfter = (seconds: number, kind = 'ip-mroute', data = '{}') =>
  makeSnapshot({ kind, device: DEVICE, takenAt: epochMs(NOON + seconds * 1_000), data: Buffer.from(data) });

describe('a folder of snapshots', () => {
  test('a folder of snapshots wants the configured kinds', async () => {
    expect((await folderSink(temporaryFolder()).wanted(never)).items.map(({ kind }) => kind)).toEqual(['ip-mroute', 'bgp-sockets']);
  });

  test.runIf(process.platform === 'linux')('a folder that cannot be created is an error, not an endless attempt', async () => {
    for (const folder of ['/proc/snapshots', '/proc/deep/snapshots'])
      await expect(folderSink(folder).store(await snapshotAfter(0), never)).rejects.toThrow('ENOENT');
  });

  test('a folder of snapshots is created, with each snapshot in a file that only this user can read', async () => {
    const folder = join(temporaryFolder(), 'deep', 'snapshots');
    const sink = folderSink(folder);
    await sink.store(await snapshotAfter(0), never);
    await sink.store(await snapshotAfter(1, 'bgp-sockets', '[]'), never);
    expect(readdirSync(folder)).toEqual(['20260301T123456Z-ip-mroute.json', '20260301T123457Z-bgp-sockets.json']);
    expect(JSON.parse(readFileSync(join(folder, '20260301T123457Z-bgp-sockets.json'), 'utf8'))).toEqual({
      metadata: { kind: 'bgp-sockets', timestamp: '2026-03-01T12:34:57Z', device: DEVICE },
      data: [],
    });
    expect([statSync(folder).mode & 0o777, statSync(join(folder, '20260301T123456Z-ip-mroute.json')).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  test('a folder of snapshots deletes the oldest beyond a number of files, those of an earlier run included, and no other file', async () => {
    const folder = temporaryFolder();
    for (const name of ['20200101T000000Z-old.json', '20200101T000001Z-old.json', 'notes.json', '.snapshot-half.tmp']) {
      writeFileSync(join(folder, name), '{}');
    }
    const sink = folderSink(folder, { maxFiles: 2 });
    await Promise.all([0, 1].map(async (seconds) => sink.store(await snapshotAfter(seconds), never)));
    expect(readdirSync(folder)).toEqual(['20260301T123456Z-ip-mroute.json', '20260301T123457Z-ip-mroute.json', 'notes.json']);
  });

  test('a folder of snapshots deletes the oldest beyond a number of bytes', async () => {
    const folder = temporaryFolder();
    const sink = folderSink(folder, { maxBytes: 2_500 });
    for (const seconds of [0, 1, 2]) await sink.store(await snapshotAfter(seconds, 'k', `"${'x'.repeat(1_000)}"`), never);
    expect(readdirSync(folder)).toEqual(['20260301T123457Z-k.json', '20260301T123458Z-k.json']);
  });

  test('a folder of snapshots refuses a snapshot that is larger than its limit', async () => {
    const folder = temporaryFolder();
    const storing = folderSink(folder, { maxBytes: 100 }).store(await snapshotAfter(0, 'k', `"${'x'.repeat(1_000)}"`), never);
    await expect(storing).rejects.toThrow(/^the snapshot of k has 1\d\d\d bytes, and .* does not take it: its limit is 100 bytes$/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a folder of snapshots that cannot be written is an error, and is written again once it can', async () => {
    const folder = join(temporaryFolder(), 'snapshots');
    writeFileSync(folder, 'in the way');
    const sink = folderSink(folder);
    await expect(sink.store(await snapshotAfter(0), never)).rejects.toMatchObject({
      code: 'SNAPSHOT__FOLDER',
      context: { directory: folder },
    });
    rmSync(folder);
    await sink.store(await snapshotAfter(1), never);
    rmSync(folder, { recursive: true });
    await expect(sink.store(await snapshotAfter(2), never)).rejects.toMatchObject({ code: 'SNAPSHOT__FOLDER' });
    await sink.store(await snapshotAfter(3), never);
    expect(readdirSync(folder)).toEqual(['20260301T123459Z-ip-mroute.json']);
  });

  test('a folder of snapshots has no unfinished file when writing fails', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, '20260301T123456Z-ip-mroute.json'));
    chmodSync(folder, 0o700);
    const sink = folderSink(folder);
    await expect(sink.store(await snapshotAfter(0), never)).rejects.toMatchObject({ code: 'SNAPSHOT__FOLDER' });
    expect(readdirSync(folder)).toEqual(['20260301T123456Z-ip-mroute.json']);
  });
});
