import { execFile } from 'node:child_process';
import { release, uptime } from 'node:os';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { configProblems, type LoadedConfig, settingTree, shareable } from '../config/index.ts';
import { describeError, isAgentError } from '../lib/index.ts';
import { printable } from '../observability/index.ts';
import { getFromAgent } from './agent-status.ts';
import { checkBody } from './check.ts';
import { type CommandBody, type CommandIo, type ExitCode, loadChosen, usage } from './command.ts';
import { COMMIT } from './command-line.ts';
import type { SupportOptions } from './options.ts';
import { reportFailure } from './process.ts';

/** Pages of the running agent, and their names in the bundle. */
const PAGES = [
  ['status.json', '/status.json'],
  ['metrics.txt', '/metrics'],
] as const;
const FOLDER = 'dzd-telemetry-support';

/**
 * `dzd-telemetry support`: what another engineer needs, as a gzipped tar archive on standard output. Parts that cannot be had are named in it, and on
 * standard error; they do not fail the command.
 */
export const supportBody: CommandBody<SupportOptions> = async (options, io) => {
  const { stdout } = io;
  if (stdout.writeBytes === undefined)
    throw usage('support writes a gzip archive: redirect it, as in `dzd-telemetry support > bundle.tar.gz`');
  const files: TarFile[] = [{ name: 'version.json', content: `${JSON.stringify(aboutHost(io), null, 2)}\n` }];
  const missing: string[] = [];
  const add = (name: string, content: string | undefined, problem: string): void => {
    if (content === undefined) missing.push(`${name}: ${problem}`);
    else files.push({ name, content });
  };
  let loaded: LoadedConfig | undefined;
  try {
    loaded = loadChosen(options, io);
    files.push({ name: 'config.json', content: effective(loaded) });
  } catch (error) {
    if (!isAgentError(error)) throw error;
    add('config.json', undefined, configProblems(error).join('; '));
  }
  let log: string | undefined;
  if (loaded !== undefined) {
    const { http } = loaded.config;
    for (const [name, path] of [...PAGES, ['log.txt', '/debug/log'] as const]) {
      const answer = await getFromAgent(http, path, io.signal);
      if (name === 'log.txt') log = answer.kind === 'body' ? answer.body : undefined;
      else add(name, answer.kind === 'body' ? answer.body : undefined, answer.kind === 'body' ? '' : answer.problem);
    }
  }
  const journal = log === undefined ? await readJournal(io.signal) : undefined;
  add('log.txt', log ?? journal?.text, `the running agent does not answer, and ${journal?.problem ?? ''}`);
  files.push({ name: 'check.txt', content: await check(options, io) });
  files.push({ name: 'missing.txt', content: missing.map((line) => `${printable(line)}\n`).join('') });
  for (const line of missing) io.stderr.write(`dzd-telemetry: not in the bundle: ${printable(line)}\n`);
  const archive = tarOf(
    files.map(({ name, content }) => ({ name: `${FOLDER}/${name}`, content })),
    Date.now() / 1_000,
  );
  stdout.writeBytes(gzipSync(archive));
  return 0 satisfies ExitCode;
};

function aboutHost({ version }: CommandIo) {
  const { platform, arch, versions } = process;
  return {
    version,
    commit: COMMIT,
    node: versions.node,
    platform,
    arch,
    kernel: release(),
    hostUptimeSeconds: Math.round(uptime()),
    at: new Date().toISOString(),
  };
}

/** The configuration as it holds, with the file that it came from and its warnings, without secrets. */
function effective({ config, file, warnings }: LoadedConfig): string {
  const settings = shareable(settingTree(), config);
  return `${JSON.stringify({ file: file ?? null, warnings, settings }, (_, value) => (typeof value === 'bigint' ? Number(value) : value), 2)}\n`;
}

/** The output of `check`, and its exit code. */
async function check(options: SupportOptions, io: CommandIo): Promise<string> {
  const parts: string[] = [];
  const into = { write: (part: string) => void parts.push(part), isTerminal: false, columns: undefined };
  const inner = { ...io, environment: { ...io.environment, FORCE_COLOR: undefined }, stdout: into, stderr: into };
  let exitCode: ExitCode;
  try {
    exitCode = await checkBody({ ...options, output: 'table' }, inner);
  } catch (error) {
    io.signal.throwIfAborted();
    exitCode = reportFailure(error, inner);
  }
  return `${parts.join('')}exit code ${exitCode}\n`;
}

const JOURNAL_TIMEOUT_MS = 10_000;
const MAX_JOURNAL_BYTES = 8 * 1024 * 1024;

/** The last 1,000 lines of the unit in systemd's journal. */
async function readJournal(signal: AbortSignal): Promise<{ readonly text?: string; readonly problem: string }> {
  try {
    const args = ['--unit', 'dzd-telemetry', '--lines', '1000', '--no-pager', '--output', 'short-iso'];
    const limits = { signal, timeout: JOURNAL_TIMEOUT_MS, maxBuffer: MAX_JOURNAL_BYTES, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } };
    const { stdout } = await promisify(execFile)('journalctl', args, limits);
    return { text: stdout, problem: '' };
  } catch (error) {
    signal.throwIfAborted();
    return { problem: `journalctl failed: ${describeError(error).split('\n')[0] ?? ''}` };
  }
}

const BLOCK = 512;

/** One file of an archive. */
interface TarFile {
  /** ASCII, at most 100 bytes. */
  readonly name: string;
  readonly content: string;
}

/** A tar archive of regular files (POSIX.1-1988 ustar), each readable by its owner only. `modifiedAt`: seconds since 1970. Pure. */
export function tarOf(files: readonly TarFile[], modifiedAt: number): Buffer {
  const parts = files.flatMap(({ name, content }) => {
    const body = Buffer.from(content);
    return [headerOf(name, body.length, modifiedAt), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function headerOf(name: string, size: number, modifiedAt: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number): void => void header.write(value.toString(8).padStart(digits, '0'), offset);
  header.write(name, 0, 100, 'ascii');
  octal(0o600, 100, 7); // mode
  octal(0, 108, 7); // owner
  octal(0, 116, 7); // group
  octal(size, 124, 11);
  octal(Math.floor(modifiedAt), 136, 11);
  header.write('        ', 148); // the checksum is taken over spaces
  header.write('0', 156); // a regular file
  header.write('ustar\0', 257);
  header.write('00', 263);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  header[154] = 0;
  return header;
}
