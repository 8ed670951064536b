import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SYSTEM_PATH } from './requirements.ts';

const run = promisify(execFile);

/** Names of the namespaces and folders that a run makes begin so; the number is the process that made them. */
const OURS = /^dzl-(\d+)-/;
/** The management wire's end in the root namespace. */
const OUR_LINK = /^dzl[0-9a-f]{4}-(\d+)$/;

export function nameOf(part: string): string {
  return `dzl-${process.pid}-${part}`;
}

/** `id` is four hexadecimal digits; the whole stays within the 15 letters of an interface's name. */
export function linkNameOf(id: string): string {
  return `dzl${id}-${process.pid}`;
}

/** `ip …`; rejects with what it printed. */
export async function ip(...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run('ip', [...args], { env: { ...process.env, PATH: SYSTEM_PATH }, timeout: 20_000 });
    return stdout;
  } catch (error) {
    const printed = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new Error(`ip ${args.join(' ')}: ${printed || String(error)}`);
  }
}

export async function namespacesNow(): Promise<readonly string[]> {
  return (await ip('netns', 'list')).split('\n').map((line) => line.split(' ', 1)[0] ?? '');
}

export async function addNamespace(name: string): Promise<void> {
  await ip('netns', 'add', name);
  await ip('-n', name, 'link', 'set', 'lo', 'up');
}

/** Kills what still runs in it; its interfaces, and with them their other ends, go with it. */
export async function deleteNamespace(name: string): Promise<void> {
  const pids = (await ip('netns', 'pids', name)).split('\n').filter((line) => line !== '');
  for (const pid of pids) kill(Number(pid));
  await ip('netns', 'delete', name);
}

/** Removes the interface unless it has gone with its other end, which happens some time after that one's namespace went. */
export async function deleteLink(name: string): Promise<void> {
  await ip('link', 'delete', name).catch(async (error: unknown) => {
    if ((await linksNow()).includes(name)) throw error;
  });
}

/** Removes what runs left behind that were killed before they could: their namespaces with all that is in them, and their folders. */
export async function sweepLeftovers(): Promise<void> {
  for (const name of leftOver(OURS, await namespacesNow())) await deleteNamespace(name);
  for (const name of leftOver(OUR_LINK, await linksNow())) await deleteLink(name);
  for (const name of leftOver(OURS, await readdir(tmpdir()))) await rm(join(tmpdir(), name), { recursive: true, force: true });
}

function leftOver(pattern: RegExp, names: readonly string[]): readonly string[] {
  return names.filter((name) => {
    const maker = pattern.exec(name)?.[1];
    return maker !== undefined && Number(maker) !== process.pid && !existsSync(`/proc/${maker}`);
  });
}

/** `ip -o link` prints `7: name@peer: <FLAGS> …` a line. */
async function linksNow(): Promise<readonly string[]> {
  return (await ip('-o', 'link')).split('\n').map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? '');
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}
