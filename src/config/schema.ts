import { z } from 'zod';
import { findNetwork, NETWORKS } from '../serviceability/index.ts';
import { httpSection } from './schema-http.ts';
import { collectorSection, ledgerSection } from './schema-reading.ts';
import { snapshotsSection } from './schema-snapshots.ts';
import { logSection, policySection, workerSection } from './schema-writing.ts';
import { about, filePath, NOT_AS_EXPECTED, orList, publicKey, section, settings } from './setting.ts';

const environment = z
  .string()
  .transform((name, context) => {
    const found = findNetwork(name);
    if (found !== undefined) return found.name;
    context.addIssue({ code: 'custom', message: NOT_AS_EXPECTED });
    return z.NEVER;
  })
  .register(settings, {
    ...about({
      description: 'The DoubleZero network; it presets ledger.rpcUrls and ledger.programId. Also mainnet, m, t, d, local and l.',
    }),
    expects: orList(NETWORKS.map((network) => network.name)),
    form: 'choice',
  });

/**
 * The whole configuration, the one place where a key, its default, its bounds and its description are written. Validation, flags,
 * environment variables, docs/configuration.md and the examples in config/ come from it.
 *
 *   file text ─ yaml-file ─┐
 *   DZD_… ── text-values ──┼─ load-config ─► this schema ─► cross-checks ─► AgentConfig
 *   --flags ─ text-values ─┘       ▲
 *                              presets
 */
export const configSchema = z
  .strictObject({
    env: environment,
    device: publicKey({ reloadable: false, description: "This device's account on the ledger." }),
    keypair: z.exactOptional(
      filePath({
        reloadable: false,
        description: "Key file of the device's metrics publisher, as solana-keygen writes it; --dry-run does without.",
      }),
    ),
    ledger: ledgerSection,
    collector: collectorSection,
    policy: policySection,
    worker: workerSection,
    snapshots: snapshotsSection,
    http: httpSection,
    log: logSection,
  })
  .register(settings, section('The configuration.'));

type Immutable<T> = T extends string | number | bigint | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Immutable<Item>[]
    : { readonly [Key in keyof T]: Immutable<T[Key]> };

/** The configuration after validation. Durations are milliseconds; every default is filled in. */
export type AgentConfig = Immutable<z.output<typeof configSchema>>;
export type LedgerConfig = AgentConfig['ledger'];
export type CollectorConfig = AgentConfig['collector'];
export type SourceConfig = CollectorConfig['sources'][number];
export type EapiSourceConfig = Extract<SourceConfig, { readonly type: 'eapi' }>;
export type SocketsSourceConfig = Extract<SourceConfig, { readonly type: 'sockets' }>;
export type WakeUpConfig = CollectorConfig['wakeUps'][number];
export type SnmpTrapsConfig = Extract<WakeUpConfig, { readonly type: 'snmp-traps' }>;
export type SnmpSourceConfig = Extract<SourceConfig, { readonly type: 'snmp' }>;
export type PolicyConfig = AgentConfig['policy'];
export type WorkerConfig = AgentConfig['worker'];
export type HttpConfig = AgentConfig['http'];
export type SnapshotsConfig = AgentConfig['snapshots'];
export type LogConfig = AgentConfig['log'];
