import { isIPv4, isIPv6 } from 'node:net';
import { release } from 'node:os';
import { isNamespaceName, type Namespaces } from '../collector/index.ts';
import { AgentError, DeadlineExceeded, withDeadline } from '../lib/index.ts';

/** One Established TCP socket of BGP, with the field names of state-ingest's kind `bgp-sockets`. */
export interface BgpSocket {
  readonly family: 'inet' | 'inet6';
  readonly state: 'ESTABLISHED';
  readonly local_ip: string;
  readonly local_port: number;
  readonly remote_ip: string;
  readonly remote_port: number;
  readonly tcp_info_present: boolean;
  readonly tcp_info_len?: number;
  readonly congestion_control?: string;
  readonly meminfo?: Readonly<Record<string, number>>;
  readonly skmeminfo?: Readonly<Record<string, number>>;
  /** Times in milliseconds, rates in bytes (Bps) or megabits (Mbps) a second, as the names say. */
  readonly [measure: string]: unknown;
}

/** The letters of `mem:(r…,w…,f…,t…)` and `skmem:(r…,rb…,…)` of ss, and their field names. */
const MEMINFO = { r: 'rmem', w: 'wmem', f: 'fmem', t: 'tmem' };
const SKMEMINFO = {
  r: 'rmem_alloc',
  rb: 'rcvbuf',
  t: 'wmem_alloc',
  tb: 'sndbuf',
  f: 'fwd_alloc',
  w: 'wmem_queued',
  o: 'optmem',
  bl: 'backlog',
  d: 'drops',
};

/** `name:number` of ss. */
const NUMBERS = { rto: 'rto_ms', ato: 'ato_ms', cwnd: 'cwnd', mss: 'snd_mss', bytes_sent: 'bytes_sent', bytes_received: 'bytes_received' };

/** The flags of the connection, which ss prints without a colon before the congestion control. */
const FLAGS: ReadonlySet<string> = new Set(['ts', 'sack', 'ecn', 'ecnseen', 'fastopen', '<->', '-->', '<--', '---']);
const MAX_LINE = 4_096;

/** Measures that `ss` prints only when they are not zero, the word in which it prints them, and the bytes of tcp_info up to their end. */
const ZERO_WHEN_ABSENT = [
  ['ato_ms', 'ato', 16],
  ['bytes_sent', 'bytes_sent', 208],
  ['bytes_received', 'bytes_received', 136],
  ['pacing_rate_Bps', 'pacing_rate', 112],
  ['delivery_rate_Bps', 'delivery_rate', 168],
] as const;

/** Bytes of the kernel's tcp_info by the version that brought them (include/uapi/linux/tcp.h), as far as the state collector of upstream reads them. */
const TCP_INFO_LENGTHS = [
  [6, 7, 248],
  [6, 2, 240],
  [5, 4, 232],
  [4, 19, 224],
] as const;

/** The length of tcp_info in a kernel of this release, as of `uname -r`; undefined for one before 4.19. `ss` does not print it. */
export function tcpInfoLength(kernel: string): number | undefined {
  const [, major = '', minor = ''] = /^(\d{1,3})\.(\d{1,4})/.exec(kernel) ?? [];
  return TCP_INFO_LENGTHS.find(([first, second]) => Number(major) > first || (major === String(first) && Number(minor) >= second))?.[2];
}

/**
 * Reads one line of `ss -tinemoHO`: state, queues, two addresses, then details of the socket. Undefined for a socket that is not Established,
 * and for a line of another format; a malformed measure is left out. `tcpInfoBytes` is the length of the kernel's tcp_info, where it is known:
 * a measure in it that `ss` does not print is zero.
 */
export function parseBgpSocket(line: string, tcpInfoBytes?: number): BgpSocket | undefined {
  const [state, , , localText = '', remoteText = '', ...details] = line.slice(0, MAX_LINE).trim().split(/\s+/);
  if (state !== 'ESTAB') return undefined;
  const local = parseEnd(localText);
  const remote = parseEnd(remoteText);
  if (local === undefined || remote === undefined) return undefined;
  const measures = readMeasures(details);
  const isPresent = 'rtt_ms' in measures;
  if (isPresent && tcpInfoBytes !== undefined) addTcpInfo(measures, details, tcpInfoBytes);
  return {
    family: local.family,
    state: 'ESTABLISHED',
    local_ip: local.ip,
    local_port: local.port,
    remote_ip: remote.ip,
    remote_port: remote.port,
    tcp_info_present: isPresent,
    ...measures,
  };
}

interface End {
  readonly family: 'inet' | 'inet6';
  readonly ip: string;
  readonly port: number;
}

/** `169.254.0.1:179`, `[fe80::1]:179`, either with `%interface` after the address; an IPv4 address in an IPv6 socket becomes plain IPv4. */
function parseEnd(text: string): End | undefined {
  const [, bracketed, bare, digits = ''] = /^(?:\[([^\]%]+)(?:%[^\]]*)?\](?:%[^:]*)?|([^%:[\]]+)(?:%[^:]*)?):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (port < 1 || port > 65_535) return undefined;
  if (bracketed === undefined) return bare !== undefined && isIPv4(bare) ? { family: 'inet', ip: bare, port } : undefined;
  if (!isIPv6(bracketed)) return undefined;
  return { family: 'inet6', ip: /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bracketed)?.[1] ?? bracketed, port };
}

function addTcpInfo(measures: Record<string, unknown>, details: readonly string[], length: number): void {
  measures.tcp_info_len = length;
  for (const [name, word, end] of ZERO_WHEN_ABSENT) {
    // A word that is there, but malformed, is not zero.
    const isPrinted = details.some((detail) => detail === word || detail.startsWith(`${word}:`));
    if (end <= length && !isPrinted) measures[name] = 0;
  }
}

function readMeasures(details: readonly string[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [index, word] of details.entries()) {
    const colon = word.indexOf(':');
    const name = colon < 0 ? word : word.slice(0, colon);
    const value = colon < 0 ? (details[index + 1] ?? '') : word.slice(colon + 1);
    if (name === 'skmem') {
      put(found, 'skmeminfo', readMemory(value, SKMEMINFO));
      // `ss` prints one of the two; the kernel fills both from the same counters.
      put(found, 'meminfo', readMemory(value, MEMINFO));
    }
    if (name === 'mem') put(found, 'meminfo', readMemory(value, MEMINFO));
    else if (name === 'rtt') readRtt(found, value);
    else if (isKey(NUMBERS, name)) put(found, NUMBERS[name], readNumber(value));
    else if (name === 'send') put(found, 'send_Mbps', megabits(readBps(value)));
    else if (name === 'pacing_rate' || name === 'delivery_rate') {
      const bps = readBps(value);
      put(found, `${name}_Bps`, bps === undefined ? undefined : Math.round(bps / 8));
      put(found, `${name}_Mbps`, megabits(bps));
    } else if (colon < 0 && isCongestionControl(word, details[index + 1])) put(found, 'congestion_control', word);
  }
  return found;
}

/** Only its name has no colon and comes before the window scales or, without them, the retransmission timeout. */
function isCongestionControl(word: string, next = ''): boolean {
  return !FLAGS.has(word) && /^[a-z][a-z0-9_-]{1,15}$/.test(word) && /^(?:wscale|rto):/.test(next);
}

function readRtt(found: Record<string, unknown>, value: string): void {
  const [, rtt, variance] = /^(\d{1,9}(?:\.\d{1,6})?)\/(\d{1,9}(?:\.\d{1,6})?)$/.exec(value) ?? [];
  if (rtt === undefined || variance === undefined) return;
  found.rtt_ms = Number(rtt);
  found.rttvar_ms = Number(variance);
}

function readMemory(value: string, names: Readonly<Record<string, string>>): Readonly<Record<string, number>> | undefined {
  const memory: Record<string, number> = {};
  for (const part of /^\(([a-z0-9,]*)\)$/.exec(value)?.[1]?.split(',') ?? []) {
    const [, letter = '', digits = ''] = /^([a-z]+)(\d+)$/.exec(part) ?? [];
    const number = readNumber(digits);
    if (isKey(names, letter) && number !== undefined) memory[names[letter] ?? letter] = number;
  }
  return Object.keys(memory).length === 0 ? undefined : memory;
}

function readNumber(text: string): number | undefined {
  if (!/^\d{1,16}(?:\.\d{1,6})?$/.test(text)) return undefined;
  const value = Number(text);
  return value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}

function readBps(text: string): number | undefined {
  return text.endsWith('bps') ? readNumber(text.slice(0, -'bps'.length)) : undefined;
}

function megabits(bps: number | undefined): number | undefined {
  return bps === undefined ? undefined : bps / 1e6;
}

function put(found: Record<string, unknown>, name: string, value: unknown): void {
  if (value !== undefined) found[name] = value;
}

function isKey<T extends object>(names: T, name: PropertyKey): name is keyof T {
  return Object.hasOwn(names, name);
}

interface ReadBgpSocketsOptions {
  /** The namespaces of the switch, with `ss -tinemoHO`. */
  readonly namespaces: Namespaces;
  /** Upper bound for `ss` in one namespace, milliseconds. */
  readonly timeoutMs: number;
  /** The kernel's release; this host's without it. */
  readonly kernel?: string;
}

/**
 * The Established TCP sockets of BGP in every network namespace, as one JSON array: the data of the kind `bgp-sockets`. A namespace that cannot
 * be read fails the whole, since its sockets would seem absent. Throws AgentError `SOCKETS__…`, or the signal's
 * reason.
 */
export function createReadBgpSockets({
  namespaces,
  timeoutMs,
  kernel = release(),
}: ReadBgpSocketsOptions): (signal: AbortSignal) => Promise<Uint8Array> {
  const tcpInfoBytes = tcpInfoLength(kernel);
  async function output(namespace: string, signal: AbortSignal): Promise<string> {
    try {
      return await withDeadline(timeoutMs, signal, (inner) => namespaces.sockets(namespace, inner));
    } catch (error) {
      if (signal.aborted || !(error instanceof DeadlineExceeded)) throw error;
      throw new AgentError('SOCKETS__SS_FAILED', { namespace, problem: error.message }, { cause: error });
    }
  }

  return async (signal) => {
    const sockets: string[] = [];
    for (const namespace of (await namespaces.list(signal)).filter(isNamespaceName)) {
      const lines = (await output(namespace, signal)).split('\n');
      for (const line of lines) {
        const socket = parseBgpSocket(line, tcpInfoBytes);
        if (socket !== undefined) sockets.push(JSON.stringify(socket));
      }
    }
    return Buffer.from(`[${sockets.join(',')}]`);
  };
}
