export { formatDuration, parseDuration } from './duration.ts';
export { effectiveConfig } from './effective-config.ts';
export { isLoopback, redactUrl } from './endpoints.ts';
export { configJsonSchema } from './json-schema.ts';
export { type Keypair, type LoadedKeypair, loadKeypair } from './keypair.ts';
export { DEFAULT_CONFIG_FILE, type LoadConfigOptions, type LoadedConfig, loadConfig } from './load-config.ts';
export { configProblems } from './problems.ts';
export { keepUntilRestart } from './restart-settings.ts';
export type {
  AgentConfig,
  CollectorConfig,
  EapiSourceConfig,
  HttpConfig,
  LedgerConfig,
  LogConfig,
  PolicyConfig,
  SnapshotsConfig,
  SnmpSourceConfig,
  SnmpTrapsConfig,
  SocketsSourceConfig,
  SourceConfig,
  WakeUpConfig,
  WorkerConfig,
} from './schema.ts';
export { type LoadedSecret, loadSecret } from './secret-file.ts';
export type { SettingForm, SettingMeta } from './setting.ts';
export { plainSettings, type SettingNode, settingTree } from './setting-tree.ts';
export { nearest } from './suggest.ts';
export { environmentNameOf } from './text-values.ts';
export { type ConfigFile as YamlFile, readConfigFile as readYaml, yamlRefusal } from './yaml-file.ts';
