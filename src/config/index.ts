export { formatDuration, parseDuration, type SettingForm, type SettingMeta } from './fields.ts';
export { type Keypair, type LoadedKeypair, type LoadedSecret, loadKeypair, loadSecret } from './keys.ts';
export { DEFAULT_CONFIG_FILE, keepUntilRestart, type LoadConfigOptions, type LoadedConfig, loadConfig } from './load.ts';
export { configProblems, didYouMean, nearest } from './messages.ts';
export type {
  AgentConfig,
  CollectorConfig,
  EapiSourceConfig,
  HttpConfig,
  LogConfig,
  PolicyConfig,
  SnmpSourceConfig,
  SnmpTrapsConfig,
  SourceConfig,
  TriggerConfig,
} from './schema.ts';
export { environmentNameOf, plainSettings, type SettingNode, settingTree, shareable } from './schema-tree.ts';
export { type ConfigFile as YamlFile, decodeText, readConfigFile as readYaml, readSmallFile, yamlRefusal } from './yaml.ts';
