import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBgpLab } from './bgp-lab.ts';
import { startDaemon } from './daemon.ts';
import { addNamespace, deleteNamespace, ip, namespacesNow, sweepLeftovers } from './namespaces.ts';
import { requireLabMachine } from './requirements.ts';

/** The number of a process that has ended. */
async function deadProcess(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid ?? Number.NaN;
}

test('the namespaces, daemons, interfaces and folders of a killed run are removed, and no others', async () => {
  requireLabMachine();
  const dead = await deadProcess();
  const left = { namespace: `dzl-${dead}-beef-dzd`, link: `dzlbeef-${dead}`, folder: join(tmpdir(), `dzl-${dead}-folder`) };
  const foreign = `other-${process.pid}`;
  await addNamespace(left.namespace);
  await addNamespace(foreign);
  await ip('link', 'add', left.link, 'type', 'dummy').catch(() =>
    ip('link', 'add', left.link, 'type', 'veth', 'peer', 'name', `dzlpeer${dead}`),
  );
  await mkdir(left.folder);
  const daemon = startDaemon({ name: 'sleep', namespace: left.namespace, command: ['sleep', '600'] });
  try {
    await sweepLeftovers();
    const namespaces = await namespacesNow();
    expect({
      namespace: namespaces.includes(left.namespace),
      foreign: namespaces.includes(foreign),
      link: (await ip('-o', 'link')).includes(left.link),
      folder: (await readdir(tmpdir())).includes(`dzl-${dead}-folder`),
    }).toEqual({ namespace: false, foreign: true, link: false, folder: false });
    await expect.poll(() => daemon.isRunning()).toBe(false);
  } finally {
    await daemon.kill();
    await deleteNamespace(foreign);
  }
});

test('a lab that cannot start leaves nothing behind, and can still be stopped', async () => {
  const lab = createBgpLab({
    users: [
      { tunnelId: 500, tunnelNet: '169.254.0.0/31' },
      { tunnelId: 501, tunnelNet: '169.254.0.3/31' },
    ],
  });
  await expect(lab.start()).rejects.toThrow('169.254.0.3/31 is not a /31 with an even base');
  await lab.stop();
  expect((await namespacesNow()).filter((name) => name.startsWith(`dzl-${process.pid}-`))).toEqual([]);
  expect((await readdir(tmpdir())).filter((name) => name.startsWith(`dzl-${process.pid}-`))).toEqual([]);
});
