import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, renameSync, rmdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import bs58 from 'bs58';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadKeypair } from '../../src/config/index.ts';
import { type AgentError, isAgentError } from '../../src/lib/index.ts';
import { temporaryFile, temporaryFolder } from './temporary-files.ts';

/** The first test vector of RFC 8032 section 7.1: an empty message. */
const RFC_8032 = {
  seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
  publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  signature:
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
};

const keyBytes = (seed: string, publicKey: string): number[] => [...Buffer.from(seed + publicKey, 'hex')];
const keyFile = (content: unknown, options = {}): string =>
  temporaryFile(typeof content === 'string' ? content : JSON.stringify(content), { name: 'id.json', ...options });

function refusal(file: string): AgentError {
  try {
    loadKeypair(file);
  } catch (error) {
    if (isAgentError(error)) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

describe('key files', () => {
  test('a keypair has the address and the signature of RFC 8032', () => {
    const { keypair, warnings } = loadKeypair(keyFile(keyBytes(RFC_8032.seed, RFC_8032.publicKey)));
    expect(keypair.address).toBe(bs58.encode(Buffer.from(RFC_8032.publicKey, 'hex')));
    expect(Buffer.from(keypair.sign(new Uint8Array())).toString('hex')).toBe(RFC_8032.signature);
    expect(warnings).toEqual([]);
  });

  test('a key file may have white space around the numbers', () => {
    const spaced = keyBytes(RFC_8032.seed, RFC_8032.publicKey).join(' ,\n  ');
    expect(loadKeypair(keyFile(`\n[ ${spaced} ]\n`)).keypair.address).toHaveLength(44);
  });

  test('a key file may begin with a byte order mark', () => {
    const marked = `\uFEFF${JSON.stringify(keyBytes(RFC_8032.seed, RFC_8032.publicKey))}\r\n`;
    expect(loadKeypair(keyFile(marked)).keypair.address).toBe(bs58.encode(Buffer.from(RFC_8032.publicKey, 'hex')));
  });

  test('another implementation verifies the signature of a keypair', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32).toString('hex');
    const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
    const { keypair } = loadKeypair(keyFile(keyBytes(seed, point)));
    const message = Buffer.from('a message');
    expect(verify(null, message, createPublicKey(privateKey), keypair.sign(message))).toBe(true);
  });

  test('no way of printing a keypair shows its private key', () => {
    const { keypair } = loadKeypair(keyFile(keyBytes(RFC_8032.seed, RFC_8032.publicKey)));
    const prints = [inspect(keypair, { depth: 9, showHidden: true }), JSON.stringify(keypair), String(keypair)].join('\n');
    expect(prints).not.toMatch(/9d61b19d|157, ?97|"d"/);
    expect(JSON.parse(JSON.stringify(keypair))).toEqual({ address: keypair.address });
  });

  const key = keyBytes(RFC_8032.seed, RFC_8032.publicKey);

  test.each([
    [0o640, 'readable'],
    [0o604, 'readable'],
    [0o620, 'writable'],
    [0o602, 'writable'],
    [0o666, 'readable and writable'],
  ])('a key file of mode %o is a warning: %s by other users', (mode, verbs) => {
    const file = keyFile(key);
    chmodSync(file, mode);
    expect(loadKeypair(file).warnings).toEqual([`the key file ${file} is ${verbs} by other users of this host; run: chmod 400 ${file}`]);
  });

  test('a folder in which other users can replace the key file is a warning, one with the sticky bit is none', () => {
    const file = keyFile(key);
    const folder = dirname(file);
    chmodSync(folder, 0o777);
    expect(loadKeypair(file).warnings).toEqual([
      `the folder ${folder} of the key file ${file} is writable by other users of this host; run: chmod go-w ${folder}`,
    ]);
    chmodSync(folder, 0o1777);
    expect(loadKeypair(file).warnings).toEqual([]);
  });

  test('a symbolic link is named, and the folders of both ends count', () => {
    const file = keyFile(key, { mode: 0o640 });
    const link = join(temporaryFolder(), 'link.json');
    symlinkSync(file, link);
    chmodSync(dirname(link), 0o770);
    const shown = `the key file ${link}, a symbolic link to ${file},`;
    expect(loadKeypair(link).warnings).toEqual([
      `${shown} is readable by other users of this host; run: chmod 400 ${file}`,
      `the folder ${dirname(link)} of ${shown} is writable by other users of this host; run: chmod go-w ${dirname(link)}`,
    ]);
  });

  test('a folder further up, or on the way of a chain of links, in which other users can replace what leads to the key is a warning', () => {
    const outer = temporaryFolder();
    mkdirSync(join(outer, 'keys'), { mode: 0o700 });
    const file = join(outer, 'keys', 'key.json');
    renameSync(keyFile(key), file);
    chmodSync(outer, 0o777);
    const where = `the folder ${outer} of the key file`;
    const what = `is writable by other users of this host; run: chmod go-w ${outer}`;
    expect(loadKeypair(file).warnings).toEqual([`${where} ${file} ${what}`]);

    const [safe, first] = [keyFile(key), join(temporaryFolder(), 'first')];
    symlinkSync(safe, join(outer, 'second'));
    symlinkSync(join(outer, 'second'), first);
    expect(loadKeypair(first).warnings).toEqual([`${where} ${first}, a symbolic link to ${safe}, ${what}`]);

    const folderLink = join(temporaryFolder(), 'folder');
    symlinkSync(join(outer, 'keys'), folderLink);
    expect(loadKeypair(join(folderLink, 'key.json')).warnings).toEqual([`${where} ${join(folderLink, 'key.json')} ${what}`]);
  });

  test('behind a symbolic link, `..` is the parent of its target', () => {
    const outer = temporaryFolder();
    mkdirSync(join(outer, 'keys'), { mode: 0o700 });
    renameSync(keyFile(key, { mode: 0o640 }), join(outer, 'key.json'));
    chmodSync(outer, 0o777);
    const folder = temporaryFolder();
    symlinkSync(join(outer, 'keys'), join(folder, 'link'));
    const file = `${folder}/link/../key.json`;
    expect(loadKeypair(file).warnings).toEqual([
      `the key file ${file} is readable by other users of this host; run: chmod 400 ${join(outer, 'key.json')}`,
      `the folder ${outer} of the key file ${file} is writable by other users of this host; run: chmod go-w ${outer}`,
    ]);
  });

  test.runIf(process.getuid?.() === 0)('a path that leads out of the folder of a service manager is not exempt', () => {
    const file = keyFile(key, { mode: 0o640 });
    const made = mkdirSync('/run/secrets', { recursive: true });
    onTestFinished(() => void (made === undefined || rmdirSync(made)));
    expect(loadKeypair(`/run/secrets/../..${file}`).warnings).toEqual([
      `the key file /run/secrets/../..${file} is readable by other users of this host; run: chmod 400 ${file}`,
    ]);
  });

  test.runIf(process.getuid?.() === 0)('a key file and a folder of another user are warnings', () => {
    const file = keyFile(key);
    const folder = dirname(file);
    chownSync(file, 12_345, 12_345);
    chownSync(folder, 23_456, 23_456);
    expect(loadKeypair(file).warnings).toEqual([
      `the key file ${file} belongs to user 12345, who can change it; run: chown 0 ${file}`,
      `the folder ${folder} of the key file ${file} belongs to user 23456, who can replace the file; run: chown 0 ${folder}`,
    ]);
  });
});

describe('invalid key files', () => {
  const whole = keyBytes(RFC_8032.seed, RFC_8032.publicKey);
  test.each([
    ['', 'CONFIG__KEYPAIR_INVALID', 'it is empty'],
    [' \n', 'CONFIG__KEYPAIR_INVALID', 'it is empty'],
    ['9d61b19deffd5a60', 'CONFIG__KEYPAIR_INVALID', 'it is not JSON'],
    [JSON.stringify(whole).slice(0, 100), 'CONFIG__KEYPAIR_INVALID', 'it is not JSON'],
    ['{"seed":[157,97]}', 'CONFIG__KEYPAIR_INVALID', 'it is JSON, but not an array'],
    [JSON.stringify(whole.slice(0, 32)), 'CONFIG__KEYPAIR_INVALID', 'it has 32 numbers instead of 64'],
    [JSON.stringify([...whole.slice(0, 63), 256]), 'CONFIG__KEYPAIR_INVALID', 'number 64 of 64 is not a byte from 0 to 255'],
    [JSON.stringify([-1, ...whole.slice(1)]), 'CONFIG__KEYPAIR_INVALID', 'number 1 of 64 is not a byte from 0 to 255'],
    [JSON.stringify(whole.map(String)), 'CONFIG__KEYPAIR_INVALID', 'number 1 of 64 is not a byte from 0 to 255'],
    [JSON.stringify([...whole.slice(0, 63), 0]), 'CONFIG__KEYPAIR_MISMATCH', 'its public key does not match its private key'],
    [JSON.stringify([0, ...whole.slice(1)]), 'CONFIG__KEYPAIR_MISMATCH', 'its public key does not match its private key'],
    ['['.repeat(5_000), 'CONFIG__KEYPAIR_UNREADABLE', 'it is longer than 4096 bytes'],
  ])('%#', (content, code, problem) => {
    const file = keyFile(content);
    const error = refusal(file);
    expect([error.code, error.message.includes(file), error.message.includes(problem)]).toEqual([code, true, true]);
    expect(error.message).not.toContain('\n');
    // Nothing of the file may leave in an error, whichever way it is printed.
    const printed = inspect(error, { depth: 9, showHidden: true }).replaceAll(file, '');
    expect(printed).not.toMatch(/157, ?97|9d61b19d|\[\[\[/);
    expect(error.cause).toBeUndefined();
  });

  test.each([
    ['with a mark', '\uFEFF'],
    ['without a mark', ''],
  ])('a key file of UTF-16 %s is named as such', (_, mark) => {
    const file = temporaryFile(Buffer.from(`${mark}${JSON.stringify(whole)}`, 'utf16le').subarray(0, 700), { name: 'id.json' });
    expect(refusal(file).message).toBe(`the key file ${file} cannot be read: it is UTF-16 text; save it as UTF-8`);
  });

  test('a missing key file is refused', () => {
    const error = refusal('/nonexistent/id.json');
    expect([error.code, error.message]).toEqual(['CONFIG__KEYPAIR_MISSING', 'the key file /nonexistent/id.json does not exist']);
  });

  test('a pipe is read to its end, and one without a writer is refused instead of blocking for ever', async () => {
    const pipe = join(temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const write = (content: string, seconds: number) =>
      spawn('sh', ['-c', `sleep ${seconds}; printf '%s' "$1" > "$2"`, 'sh', content, pipe], { stdio: 'ignore' });
    const ended = (child: ChildProcess) => new Promise((resolve) => child.once('exit', resolve));
    const late = write(JSON.stringify(whole), 30);
    expect(refusal(pipe).message).toBe(`the key file ${pipe} does not contain a keypair: it is empty`);
    late.kill();
    const timely = write(JSON.stringify(whole), 0);
    expect(loadKeypair(pipe).keypair.address).toHaveLength(44);
    await ended(timely);
    // A writer that is there may have to ask a vault first.
    const slow = spawn('sh', ['-c', `exec 3> "$2"; sleep 3; printf '%s' "$1" >&3`, 'sh', JSON.stringify(whole), pipe], { stdio: 'ignore' });
    expect(loadKeypair(pipe).keypair.address).toHaveLength(44);
    await ended(slow);
  });

  test('a folder as key file is refused', () => {
    const folder = temporaryFolder();
    expect(refusal(folder).message).toBe(`the key file ${folder} cannot be read: it is a folder`);
  });
});
