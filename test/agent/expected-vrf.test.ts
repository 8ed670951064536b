import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { observeUsers } from '../../src/bgp/index.ts';
import { createEapiSource } from '../../src/collector/eapi/source.ts';
import { systemClock } from '../../src/lib/index.ts';
import { userNumber } from '../support/bgp-builders.ts';

const peer = (state: string) => ({ peerState: state, upDownTime: 1_795_990_000.5, asn: '65001' });

/** What `show ip bgp summary vrf all` shows of 169.254.0.1 in two VRFs; EOS leaves out descriptions that are not configured. */
const SUMMARY = {
  vrfs: {
    default: { vrf: 'default', peers: { '169.254.0.1': peer('Idle') } },
    vrf1: { vrf: 'vrf1', peers: { '169.254.0.1': peer('Established') } },
  },
};

test("rule 2: over eAPI, an Idle neighbor in the user's VRF is not outvoted by an Established one of the same address elsewhere", async ({
  onTestFinished,
}) => {
  const eapi = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { id, params } = JSON.parse(body);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: params.cmds.map(() => SUMMARY) }));
  });
  eapi.listen(0, '127.0.0.1');
  await once(eapi, 'listening');
  const { port } = eapi.address() as AddressInfo;
  const source = createEapiSource({ endpoint: `http://127.0.0.1:${port}`, clock: systemClock, timeoutMs: 10_000 });
  onTestFinished(async () => {
    await source.close();
    eapi.close();
  });
  const snapshot = await source.collect(new AbortController().signal);
  const users = ['default', 'vrf1', 'vrf2'].map((expectedVrf) => userNumber(0, { expectedVrf }));
  const seen = users.map((user) => observeUsers([user], snapshot, () => undefined).byUser.get(user.pubkey));
  expect(seen).toMatchObject([
    { kind: 'down', at: { vrf: 'default' } },
    { kind: 'up', at: { vrf: 'vrf1' } },
    { kind: 'up', at: { vrf: 'vrf1' } },
  ]);
});
