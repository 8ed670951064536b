import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of this process's own, removed at its end. */
export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'dzd-telemetry-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Writes a new key into the folder, in the form of solana-keygen: 64 numbers, the seed and the public key. */
export async function writeNewKeypair(folder: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
  const file = join(folder, 'metrics-publisher.json');
  const bytes = [...Buffer.from(d, 'base64url'), ...Buffer.from(x, 'base64url')];
  await writeFile(file, `${JSON.stringify(bytes)}\n`, { mode: 0o600 });
  return file;
}
