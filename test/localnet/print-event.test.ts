import { expect, test } from 'vitest';
import { printEvent } from '../../localnet/start.ts';

function printed(output: 'json' | 'table', event: { readonly event: string }): string {
  let text = '';
  printEvent(event, output, { write: (part) => (text += part) });
  return text;
}

test('with --output json an event of localnet is one line of JSON', () => {
  const summary = {
    event: 'summary',
    users: 2,
    up: 1,
    down: 1,
    transactions: 3,
    writesLanded: 4,
    writesFailed: 0,
    mismatches: 0,
  };
  expect(printed('json', summary)).toBe(`${JSON.stringify(summary)}\n`);
});

test('as a table, an event of localnet is a list of names and values', () => {
  const ready = {
    event: 'ready' as const,
    rpcUrl: 'http://127.0.0.1:8899',
    wsUrl: 'ws://127.0.0.1:8900',
    programId: 'P',
    device: 'D',
    keypair: '/tmp/id.json',
    foundationKeypair: '/tmp/f.json',
    eapiUrl: 'http://127.0.0.1:8080',
    eapiSocket: '/tmp/eapi\u001b.sock',
    snmp: '127.0.0.1:161',
    grpc: '127.0.0.1:9543',
  };
  expect(printed('table', ready)).toBe(
    'ready\n  rpcUrl             http://127.0.0.1:8899\n  wsUrl              ws://127.0.0.1:8900\n  programId          P\n  device             D\n' +
      '  keypair            /tmp/id.json\n  foundationKeypair  /tmp/f.json\n  eapiUrl            http://127.0.0.1:8080\n' +
      '  eapiSocket         /tmp/eapi\\x1b.sock\n  snmp               127.0.0.1:161\n  grpc               127.0.0.1:9543\n',
  );
});
