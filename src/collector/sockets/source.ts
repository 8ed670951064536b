import { type ChildProcess, execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { isIPv4, isIPv6 } from 'node:net';
import { delimiter } from 'node:path';
import PQueue from 'p-queue';
import type { Neighbor, NeighborSnapshot, VrfName, VrfReading } from '../../bgp/index.ts';
import {
  AgentError,
  type Clock,
  createAbortController,
  DeadlineExceeded,
  describeError,
  oneLine,
  Stopped,
  untilAborted,
  withDeadline,
  withSignals,
} from '../../lib/index.ts';
import { type Nanoseconds, nanoseconds } from '../../serviceability/index.ts';
import { hasNeighbors, type SwitchSource } from '../collector.ts';

/** The network namespaces of this host and the output of `ss` in each. Tests replace it by a simulated switch. */
export interface Namespaces {
  /** Names of all of them. Throws AgentError `SOCKETS__FOLDER`. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  /** The output of `ss` for port 179 in one of them, with the configured flags. Throws AgentError `SOCKETS__SS_FAILED`, or the signal's reason. */
  sockets(namespace: string, signal: AbortSignal): Promise<string>;
}

interface NamespacesOptions {
  /** Where the namespaces are mounted: `/var/run/netns`. */
  readonly folder: string;
  /** What runs `ss` in a namespace: `ip`. */
  readonly ip?: string;
  /** The flags of `ss`: one line a socket, numbers only; with `e`, `m` and `o` its memory and timers too. `-tinHO` by default. */
  readonly flags?: '-tinHO' | '-tinemoHO';
}

/** 4,096 sessions take 3 MB. */
const MAX_OUTPUT_BYTES = 16 << 20;

/** A daemon's PATH may lack the folders of the system's own tools. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** The namespaces of the kernel: reads the folder each time, and runs `ip netns exec` without a shell. */
export function createNamespaces({ folder, ip = 'ip', flags = '-tinHO' }: NamespacesOptions): Namespaces {
  return {
    async list(signal) {
      signal.throwIfAborted();
      try {
        return (await readdir(folder)).sort();
      } catch (error) {
        throw new AgentError('SOCKETS__FOLDER', { folder, problem: describeError(error) }, { cause: error });
      }
    },
    sockets(namespace, signal) {
      const args = ['netns', 'exec', namespace, 'ss', flags, 'sport = :179 or dport = :179'];
      return run(ip, args, namespace, signal);
    },
  };
}

async function run(file: string, args: readonly string[], namespace: string, signal: AbortSignal): Promise<string> {
  const path = [...new Set([...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS])].join(delimiter);
  const options = {
    env: { PATH: path, LANG: 'C', LC_ALL: 'C' },
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT_BYTES,
    killSignal: 'SIGKILL',
  } as const;
  signal.throwIfAborted();
  let child: ChildProcess | undefined;
  const ended = new Promise<string>((resolve, reject) => {
    child = execFile(file, args, options, (error, stdout, stderr) => {
      // ss exits with 0 even if the kernel refuses it the sockets. Then its error text is its only output.
      if (error === null && (stdout !== '' || stderr.trim() === '')) resolve(stdout);
      else reject(new AgentError('SOCKETS__SS_FAILED', { namespace, problem: problemOf(error, stderr) }, { cause: error }));
    });
  });
  // With the signal as an option, execFile would send SIGTERM, whatever its killSignal is.
  return untilAborted(ended, signal, () => child?.kill('SIGKILL'));
}

/** What the tools printed says more than Node's message, which repeats the command line. */
function problemOf(error: Error | null, stderr: string): string {
  return oneLine(oneLine(stderr) || describeError(error));
}

/** The VRF that EOS keeps in this namespace: `ns-vrf1` is vrf1, `default` the default VRF; any other name is the name of its VRF. */
export function vrfOfNamespace(namespace: string): VrfName {
  return /^ns-(.+)$/.exec(namespace)?.[1] ?? namespace;
}

/** Whether `ip` accepts it as the name of a namespace, not as an option or a path. */
export function isNamespaceName(name: string): boolean {
  return /^[A-Za-z0-9_.][\w.@:+-]{0,254}$/.test(name) && name !== '.' && name !== '..';
}

/** The BGP sockets of one network namespace, or why they cannot be read. */
type SocketsReading =
  | {
      readonly kind: 'read';
      readonly neighbors: ReadonlyMap<string, Neighbor>;
      /** States of the connections that are not Established, by peer. */
      readonly tcpStates: ReadonlyMap<string, string>;
      readonly duplicates: number;
    }
  | { readonly kind: 'unreadable'; readonly problem: string };

const BGP_PORT = '179';

/** A line of ss has a few hundred characters. */
const MAX_LINE = 8_192;

/** The states that `ss` prints. */
const STATES: ReadonlySet<string> = new Set([
  'ESTAB',
  'SYN-SENT',
  'SYN-RECV',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'UNCONN',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
]);

/** State, two queues, the two ends, and details of the connection. */
const LINE = /^([A-Z0-9-]{1,12}) +\d{1,10} +\d{1,10} +(\S{1,100}) +(\S{1,100})(?: (.*))?$/;

/** `rtt:6.967/9.619`: smoothed time and variance, milliseconds. */
const RTT = /(?:^| )rtt:(\d{1,5}(?:\.\d{1,9})?)\/\d/;

/** A minute: no BGP session with a hold time of seconds survives such a path. */
const MAX_RTT_MS = 60_000;

/**
 * Reads the output of `ss -tinHO`: one line a socket. A session counts as Established when its TCP connection is. One line of another kind
 * makes the whole output unreadable, since its peer is unknown.
 */
export function readSockets(output: string): SocketsReading {
  const neighbors = new Map<string, Neighbor>();
  const tcpStates = new Map<string, string>();
  if (output === '') return { kind: 'read', neighbors, tcpStates, duplicates: 0 };
  if (!output.endsWith('\n')) return unreadable('its last line is cut');
  const seen = new Set<string>();
  let duplicates = 0;
  for (const line of output.slice(0, -1).split('\n')) {
    const socket = readLine(line);
    if (socket === undefined) return unreadable('a line has another format');
    if (!socket.isBgp || socket.isListening) continue;
    const { address, state, rttNs } = socket;
    if (seen.has(address)) duplicates += 1;
    seen.add(address);
    // Two connections with one peer occur while BGP resolves a collision; either one makes the peer up, and either RTT is valid.
    if (state !== 'ESTAB') tcpStates.set(address, state);
    else if (!neighbors.has(address)) neighbors.set(address, { address, state: 'established', rttNs });
  }
  return { kind: 'read', neighbors, tcpStates, duplicates };
}

interface Socket {
  readonly address: string;
  readonly isBgp: boolean;
  readonly isListening: boolean;
  readonly state: string;
  readonly rttNs: Nanoseconds | undefined;
}

function readLine(line: string): Socket | undefined {
  if (line.length > MAX_LINE) return undefined;
  const [, state = '', local = '', peer = '', details = ''] = LINE.exec(line) ?? [];
  if (!STATES.has(state)) return undefined;
  const ends = [readEnd(local), readEnd(peer)] as const;
  const [here, there] = ends;
  if (here === undefined || there === undefined) return undefined;
  const isListening = state === 'LISTEN' || state === 'UNCONN';
  // A listening socket has no peer; a connected one has.
  if (!isListening && (there.address === undefined || there.port === '*')) return undefined;
  return {
    address: there.address ?? '*',
    isBgp: here.port === BGP_PORT || there.port === BGP_PORT,
    isListening,
    state,
    rttNs: readRtt(details),
  };
}

interface End {
  /** Undefined for any address. */
  readonly address: string | undefined;
  readonly port: string;
}

/** `169.254.0.1:179`, `169.254.0.1%Tunnel500:179`, `[fe80::1]%Tunnel500:179`, `[::ffff:169.254.0.1]:179`, `*:179`, `*:*`. */
function readEnd(text: string): End | undefined {
  const colon = text.lastIndexOf(':');
  const port = text.slice(colon + 1);
  if (colon < 1 || !(port === '*' || (/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= 65_535))) return undefined;
  const host = text.slice(0, colon);
  if (host === '*') return { address: undefined, port };
  const [, bracketed, zone] = /^\[([0-9a-fA-F:.]+)\](%[\w.-]{1,30})?$/.exec(host) ?? [];
  if (bracketed !== undefined) {
    if (!isIPv6(bracketed)) return undefined;
    const mapped = /^::ffff:([\d.]+)$/i.exec(bracketed)?.[1];
    if (mapped !== undefined) return isIPv4(mapped) ? { address: mapped, port } : undefined;
    return { address: `${bracketed}${zone ?? ''}`, port };
  }
  const [, plain] = /^([\d.]+)(?:%[\w.-]{1,30})?$/.exec(host) ?? [];
  return plain !== undefined && isIPv4(plain) ? { address: plain, port } : undefined;
}

function readRtt(details: string): Nanoseconds | undefined {
  const ms = Number(RTT.exec(details)?.[1] ?? 0);
  return ms > 0 && ms <= MAX_RTT_MS ? nanoseconds(Math.round(ms * 1_000_000)) : undefined;
}

function unreadable(problem: string): SocketsReading {
  return { kind: 'unreadable', problem };
}

interface SocketsSourceOptions {
  /** Its name in the configuration. */
  readonly name?: string;
  /** The folder of the network namespaces; `/var/run/netns` when absent. */
  readonly folder?: string;
  /** Instead of the real namespaces. */
  readonly namespaces?: Namespaces;
  /** Upper bound for `ss` in one namespace, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** No switch has more VRFs, so a folder with more entries is not the right one. */
const MAX_NAMESPACES = 1_024;
/** `ss` takes milliseconds, and a switch has few cores to spare. */
const CONCURRENCY = 4;

/**
 * Reads the kernel's TCP connections on port 179, in each network namespace of the switch that this process runs on:
 *
 *   /var/run/netns ──► default, ns-vrf1, … ──► ip netns exec … ss ──► readSockets ──► VRF default, vrf1, …
 *
 * It sees connections, not neighbors: up is TCP ESTABLISHED, which BGP may reach a moment later, and down is the absence of a connection. It
 * shows neither when nor how often a session changed, and of the reason only the state of the connection. Errors are AgentErrors `SOCKETS__…`, a signal's own reason, or Stopped once closed.
 */
export function createSocketsSource(options: SocketsSourceOptions): SwitchSource {
  const { name = 'sockets', folder = '/var/run/netns', timeoutMs, clock } = options;
  const namespaces = options.namespaces ?? createNamespaces({ folder });
  const closing = createAbortController();
  /** Sockets so far beyond the first to the same peer in a namespace. */
  let duplicates = 0;

  async function readNamespace(namespace: string, signal: AbortSignal): Promise<VrfReading> {
    const failed = (problem: string): VrfReading => ({ kind: 'failed', source: name, problem });
    if (!isNamespaceName(namespace)) return failed('ip does not accept the name of its namespace');
    try {
      const output = await withDeadline(timeoutMs, signal, (inner) => namespaces.sockets(namespace, inner));
      const reading = readSockets(output);
      if (reading.kind === 'unreadable') return failed(`malformed output of ss: ${reading.problem}`);
      duplicates += reading.duplicates;
      return { kind: 'collected', source: name, neighbors: reading.neighbors, tcpStates: reading.tcpStates, changedAtToleranceMs: 0 };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      return failed(error instanceof DeadlineExceeded ? `ss did not end within ${error.ms} ms` : describeError(error));
    }
  }

  async function collect(signal: AbortSignal): Promise<NeighborSnapshot> {
    const takenAt = clock.monotonic();
    const names = await namespaces.list(signal);
    if (names.length === 0 || names.length > MAX_NAMESPACES) {
      const problem = names.length === 0 ? 'it is empty' : `it has ${names.length} entries`;
      throw new AgentError('SOCKETS__FOLDER', { folder, problem });
    }
    const vrfs = new Map<VrfName, VrfReading>();
    const queue = new PQueue({ concurrency: CONCURRENCY });
    const readings = await queue.addAll(names.map((namespace) => () => readNamespace(namespace, signal)));
    for (const [position, reading] of readings.entries()) {
      const vrf = vrfOfNamespace(names[position] ?? '');
      const isAmbiguous = vrfs.has(vrf);
      vrfs.set(vrf, isAmbiguous ? { kind: 'failed', source: name, problem: 'two namespaces belong to this VRF' } : reading);
    }
    if (!hasNeighbors({ vrfs })) throw nothingSeen(vrfs);
    return { vrfs, takenAt };
  }

  function nothingSeen(vrfs: ReadonlyMap<VrfName, VrfReading>): AgentError {
    for (const [vrf, reading] of vrfs) {
      if (reading.kind === 'failed') return new AgentError('SOCKETS__UNREADABLE', { folder, vrf, problem: reading.problem });
    }
    return new AgentError('SOCKETS__EMPTY', { folder, namespaces: vrfs.size });
  }

  return {
    name,
    dropCounters: () => ({ duplicates }),
    async collect(signal) {
      closing.signal.throwIfAborted();
      signal.throwIfAborted();
      return withSignals([signal, closing.signal], collect);
    },
    async close() {
      closing.abort(new Stopped('the sockets source is closed'));
    },
  };
}
