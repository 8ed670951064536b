import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage, type Field } from '../../../../localnet/switch/grpc.ts';
import { createSimulatedGrpc, createSimulatedSwitch, createSwitchFaults } from '../../../../localnet/switch/index.ts';
import { systemClock } from '../../../../src/lib/index.ts';

const SHOW = '/eos.remote.EapiMgrService/run_show_cmd';
const WATCH = '/eos.remote.BgpMgrService/watch';

const sim = createSimulatedSwitch({ clock: systemClock });
const faults = createSwitchFaults();
const face = createSimulatedGrpc({ switch: sim, faults });
let client: Client;

beforeEach(async () => {
  const { host, port } = await face.start();
  client = new Client(`${host}:${port}`, credentials.createInsecure());
  sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000 });
  sim.configure({ vrf: 'vrf1', address: '169.254.0.3', remoteAs: 65_000 });
});
afterEach(async () => {
  client.close();
  faults.clear();
  await face.stop();
});

const asBuffer = (bytes: Buffer): Buffer => bytes;

/** The answer's bytes, or the status of the refusal. */
const call = (method: string, request: Buffer): Promise<Buffer | number> =>
  new Promise((resolve) => {
    client.makeUnaryRequest<Buffer, Buffer>(method, asBuffer, asBuffer, request, (error, answer) => resolve(error?.code ?? answer ?? -1));
  });

async function show(command: string): Promise<ReadonlyMap<number, number | Buffer>> {
  const answer = await call(SHOW, encodeMessage([1, command]));
  const response = Buffer.isBuffer(answer) ? decodeMessage(answer)?.get(1) : undefined;
  const fields = Buffer.isBuffer(response) ? decodeMessage(response) : undefined;
  if (fields === undefined) throw new Error(`no response: ${String(answer)}`);
  return fields;
}

/** Lists what a watch sends, as hexadecimal. */
function watch(...request: readonly Field[]): { readonly changes: string[]; cancel(): void } {
  const changes: string[] = [];
  const stream = client.makeServerStreamRequest<Buffer, Buffer>(WATCH, asBuffer, asBuffer, encodeMessage(...request));
  stream.on('data', (message: Buffer) => changes.push(message.toString('hex')));
  stream.on('error', (error: { readonly code: number }) => changes.push(`status ${error.code}`));
  return { changes, cancel: () => stream.cancel() };
}

const watching = () => expect.poll(() => face.stats().watches).toBe(1);

describe('run_show_cmd', () => {
  test('answers with success and the result as JSON text', async () => {
    const fields = await show('show hostname');
    expect([fields.get(1), String(fields.get(4))]).toEqual([1, '{"hostname":"dz1","fqdn":"dz1"}']);
  });

  test('a command that fails has eAPI’s code and text', async () => {
    const fields = await show('show ip bgp sumary');
    expect([fields.get(1), fields.get(2), String(fields.get(3)), fields.get(4)]).toEqual([
      0,
      1_002,
      "Invalid input (at token 3: 'sumary')",
      undefined,
    ]);
  });

  test.each([
    ['a command that does not show', encodeMessage([1, 'configure']), 3],
    ['no command', encodeMessage(), 3],
    ['what is no message', Buffer.from('ffff', 'hex'), 3],
    ['too much', encodeMessage([1, `show ${'x'.repeat(100_000)}`]), 8],
  ])('%s is refused', async (_, request, status) => {
    expect(await call(SHOW, request)).toBe(status);
  });

  test('a method that there is not is unimplemented', async () => {
    expect(await call('/eos.remote.EapiMgrService/run_config_cmds', encodeMessage())).toBe(12);
  });
});

describe('watch', () => {
  test('watch of all peers acknowledges, and reports each change with its key and its state', async () => {
    const { changes, cancel } = watch([1, true], [2, true]);
    await watching();
    sim.establish('vrf1', '169.254.0.1');
    sim.unconfigure('vrf1', '169.254.0.3');
    await expect.poll(() => changes.length).toBe(3);
    const key = encodeMessage([1, 'vrf1'], [2, '169.254.0.1']);
    const gone = encodeMessage([1, 'vrf1'], [2, '169.254.0.3']);
    expect(changes).toEqual(
      [
        encodeMessage([1, encodeMessage()]),
        encodeMessage([4, encodeMessage([1, key], [2, 6])]),
        encodeMessage([3, encodeMessage([1, gone])]),
      ].map((message) => message.toString('hex')),
    );
    cancel();
    await expect.poll(() => face.stats().watches).toBe(0);
  });

  test('watch of one peer reports that one', async () => {
    const { changes } = watch([3, encodeMessage([1, 'vrf1'], [2, '169.254.0.3'])]);
    await watching();
    sim.establish('vrf1', '169.254.0.1');
    sim.establish('vrf1', '169.254.0.3');
    await expect.poll(() => changes.length).toBe(1);
    expect(changes[0]).toContain(Buffer.from('169.254.0.3').toString('hex'));
  });

  test('watch of no peer is refused', async () => {
    const { changes } = watch([1, true]);
    await expect.poll(() => changes).toEqual(['status 3']);
  });
});
