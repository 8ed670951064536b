/*
 * What one poll of the switch costs by each source: its time, the bytes on the wire (both ways, HTTP and gRPC framing included), and for how long it
 * keeps the agent's event loop from anything else.
 *
 *   simulated switch (a process of its own) ── relays that count ── one source, polled again and again
 *
 * `eapi details` is what a poll of every neighbor's detail would cost, from which the round-trip times come; the agent asks for those of users about
 * to be written up only. Every neighbor is Established. The switch's own time for an answer is that of a simulation, a real one takes its own.
 */
import { fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { SwitchSource } from '../src/collector/collector.ts';
import { createEapiSource } from '../src/collector/eapi/source.ts';
import { createSnmpSource } from '../src/collector/snmp/source.ts';
import { createNamespaces, createSocketsSource } from '../src/collector/sockets/source.ts';
import { systemClock } from '../src/lib/index.ts';
import { type Bench, machineMs, median } from './support/bench.ts';
import { addressOfNeighbor, COMMUNITY, type SwitchFaces, VRFS } from './support/switch-faces.ts';

const SIZES = [128, 755, 3_595];
const WARM_UP = 2;

type Protocol = 'eapi' | 'grpc' | 'snmp' | 'ss';

interface Way {
  readonly name: string;
  readonly protocol: Protocol;
  readonly source: SwitchSource;
  /** Polls every neighbor's detail too. */
  readonly details?: boolean;
}

const signal = new AbortController().signal;

const bench: Bench = async (emit, { quick, users, runs = quick ? 2 : 15, hostPath }) => {
  for (const n of users === undefined ? (quick ? [128] : SIZES) : [users]) {
    const host = await startSwitch(join(dirname(hostPath), 'switch-host.js'), n);
    const polled = new Map<string, number>();
    for (const way of waysOf(host.protocols)) {
      const figures = await measure(way, n, runs, host);
      polled.set(way.name, figures.bytes);
      emit({ n, metric: `${way.name}: time`, value: figures.ms, unit: 'ms' });
      emit({ n, metric: `${way.name}: bytes`, value: figures.bytes, unit: 'bytes' });
      emit({ n, metric: `${way.name}: event loop blocked`, value: figures.blockedMs, unit: 'ms' });
      await way.source.close();
    }
    const [summary = Number.NaN, details = Number.NaN] = [polled.get('eapi http'), polled.get('eapi details')];
    emit({ n, metric: 'eapi: summary as a share of details', value: summary / details, unit: 'of 1' });
    host.stop();
  }
};
export default bench;

function waysOf({ eapi, grpc, snmp, netns, ip }: SwitchFaces): readonly Way[] {
  const base = { clock: systemClock, timeoutMs: 60_000 };
  const snmpOf = (mib: 'bgp4' | 'arista'): SwitchSource =>
    createSnmpSource({ ...base, name: 'snmp', host: '127.0.0.1', port: snmp, community: COMMUNITY, vrfs: VRFS, mib, maxRows: 10_000 });
  const http = (): SwitchSource => createEapiSource({ ...base, endpoint: `http://127.0.0.1:${eapi}` });
  return [
    { name: 'eapi http', protocol: 'eapi', source: http() },
    { name: 'eapi details', protocol: 'eapi', source: http(), details: true },
    { name: 'eapi grpc', protocol: 'grpc', source: createEapiSource({ ...base, endpoint: `grpc://127.0.0.1:${grpc}` }) },
    { name: 'snmp bgp4', protocol: 'snmp', source: snmpOf('bgp4') },
    { name: 'snmp arista', protocol: 'snmp', source: snmpOf('arista') },
    { name: 'sockets', protocol: 'ss', source: createSocketsSource({ ...base, namespaces: createNamespaces({ folder: netns, ip }) }) },
  ];
}

interface Figures {
  readonly ms: number;
  readonly bytes: number;
  readonly blockedMs: number;
}

async function measure({ source, protocol, details = false }: Way, n: number, runs: number, host: SwitchHost): Promise<Figures> {
  const keys = Array.from({ length: n }, (_, index) => addressOfNeighbor(index));
  const poll = async (): Promise<number> => {
    if (details) return (await source.readRtts?.(keys, signal))?.size ?? 0;
    const { vrfs } = await source.collect(signal);
    return [...vrfs.values()].reduce((sum, reading) => sum + (reading.kind === 'collected' ? reading.neighbors.size : 0), 0);
  };
  // Details are asked for after a poll, which is not what is measured.
  if (details) await source.collect(signal);
  for (let run = 0; run < WARM_UP; run += 1) {
    const seen = await poll();
    if (seen !== n) throw new Error(`${source.name} sees ${seen} of ${n} neighbors`);
  }
  const times: number[] = [];
  const blocks: number[] = [];
  const before = await host.bytes(protocol);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  for (let run = 0; run < runs; run += 1) {
    delay.enable();
    delay.reset();
    const began = machineMs();
    await poll();
    times.push(machineMs() - began);
    await systemClock.sleep(20);
    // What the timer of a millisecond itself came too late by.
    blocks.push(Math.max(0, delay.max / 1e6 - 1));
    delay.disable();
  }
  const bytes = protocol === 'ss' ? host.protocols.ssBytes : ((await host.bytes(protocol)) - before) / runs;
  return { ms: median(times), bytes, blockedMs: median(blocks) };
}

interface SwitchHost {
  readonly protocols: SwitchFaces;
  bytes(protocol: Protocol): Promise<number>;
  stop(): void;
}

async function startSwitch(path: string, neighbors: number): Promise<SwitchHost> {
  const child = fork(path, { execArgv: [] });
  let failed: (error: Error) => void = () => undefined;
  child.once('exit', (code) => failed(new Error(`the switch's process ended with ${code}`)));
  const ask = <T>(request: { readonly neighbors: number } | 'bytes'): Promise<T> =>
    new Promise((resolve, reject) => {
      failed = reject;
      child.once('message', (answer: T) => resolve(answer));
      child.send(request);
    });
  const protocols = await ask<SwitchFaces>({ neighbors });
  return {
    protocols,
    bytes: async (protocol) => (await ask<Readonly<Record<string, number>>>('bytes'))[protocol] ?? 0,
    stop: () => child.send('stop'),
  };
}
