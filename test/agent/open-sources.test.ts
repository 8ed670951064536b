import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSource, openTrigger } from '../../src/agent/from-config.ts';
import { loadConfig } from '../../src/config/index.ts';
import { seededRandom, systemClock } from '../../src/lib/index.ts';
import { temporaryFile } from '../config/temporary-files.ts';

const DEVICE = '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q';

/** Opens what a configuration file describes, and returns names and warnings; the secrets are in the file's folder. */
async function open(collector: string) {
  const file = temporaryFile(`env: devnet\ndevice: ${DEVICE}\ncollector:\n${collector}`);
  for (const name of ['password', 'community', 'auth', 'priv']) {
    writeFileSync(join(dirname(file), name), `${name}-of-this-test\n`, { mode: name === 'community' ? 0o644 : 0o400 });
  }
  const { config } = loadConfig({ file, environment: {} });
  const warnings: string[] = [];
  const context = { clock: systemClock, random: seededRandom(1), warn: (line: string) => void warnings.push(line) };
  const sources = [];
  for (const source of config.collector.sources) sources.push(await openSource(source, context));
  const wakeUps = [];
  for (const wakeUp of config.collector.wakeUps) wakeUps.push(await openTrigger(wakeUp, context));
  const names = [...sources, ...wakeUps].map(({ name }) => name);
  await Promise.all([...sources, ...wakeUps].map((each) => each.close()));
  return { names, warnings: warnings.map((line) => line.replaceAll(dirname(file), '…')) };
}

describe('opening sources', () => {
  test('every kind of source and trigger opens without contacting a switch', async () => {
    const { names } = await open(`
  sources:
    - { type: eapi, url: "https://192.0.2.1", username: a, passwordFile: password, session: cookie }
    - { type: eapi, name: local, url: "grpc://127.0.0.1:9543" }
    - { type: snmp, host: 192.0.2.1, version: 3, user: a, authPasswordFile: auth, privPasswordFile: priv, vrfs: auto }
    - { type: snmp, host: 192.0.2.1, communityFile: community, vrfs: [default, { name: vrf1, communityFile: community }] }
    - { type: sockets }
  wakeUps:
    - { type: bgp-watch }
    - { type: snmp-traps, port: 1162, communityFile: community, from: [192.0.2.1] }
    - { type: snmp-traps, port: 1163, version: 3, user: a, authPasswordFile: auth, privPasswordFile: priv }
`);
    expect(names).toEqual(['eapi', 'local', 'snmp', 'snmp-2', 'sockets', 'bgp-watch', 'snmp-traps', 'snmp-traps-2']);
  });

  test('a secret that others can read causes a warning with its configuration key', async () => {
    const { warnings } = await open('\n  wakeUps:\n    - { type: snmp-traps, communityFile: community }\n');
    expect(warnings).toEqual([expect.stringMatching(/collector\.wakeUps\.snmp-traps\.communityFile.*chmod 400/)]);
  });

  test('a missing secret is reported with its configuration key', async () => {
    const missing =
      '\n  sources:\n    - { type: snmp, host: 192.0.2.1, version: 3, user: a, authPasswordFile: none, privPasswordFile: priv }\n';
    await expect(open(missing)).rejects.toMatchObject({
      code: 'CONFIG__SECRET_UNREADABLE',
      context: { key: 'collector.sources.snmp.authPasswordFile' },
    });
  });
});
