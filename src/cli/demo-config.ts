import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type AgentConfig, loadConfig } from '../config/index.ts';
import type { LocalnetAddresses } from '../localnet/index.ts';
import type { Address } from '../serviceability/index.ts';

/** A screen is watched for seconds: everything is quicker than on a switch, and nothing is skipped. */
const QUICK = {
  ledger: { viewIdleInterval: '5s' },
  collector: { interval: '1s' },
  policy: { downGrace: '3s', connectGrace: '5s', minWriteInterval: '2s' },
};

/** Writes the configuration file of the demo's agent, and loads it as `run` would. */
export async function demoConfig(folder: string, addresses: LocalnetAddresses, device: Address, keypair: string): Promise<AgentConfig> {
  const file = join(folder, 'config.yaml');
  const content = {
    env: 'localnet',
    device,
    keypair,
    ledger: { rpcUrls: [addresses.rpcUrl], ...QUICK.ledger },
    collector: {
      ...QUICK.collector,
      sources: [
        { type: 'eapi', url: `unix://${addresses.eapiSocket}` },
        {
          type: 'snmp',
          host: addresses.snmp.host,
          port: addresses.snmp.port,
          community: addresses.snmp.community,
          vrfs: ['default', 'vrf1', 'vrf2'],
        },
      ],
      wakeUps: [{ type: 'bgp-watch', address: `${addresses.grpc.host}:${addresses.grpc.port}` }],
    },
    policy: QUICK.policy,
  };
  await writeFile(file, stringify(content), { mode: 0o600 });
  return loadConfig({ file, environment: {} }).config;
}
