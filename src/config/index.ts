export { formatDuration, orList, parseDuration } from './fields.ts';
export { decodeText, readSmallFile, writeWhole } from './files.ts';
export { type LoadedKeypair, loadKeypair, loadSecret } from './keys.ts';
export { DEFAULT_CONFIG_FILE, keepUntilRestart, type LoadConfigOptions, type LoadedConfig, loadConfig } from './load.ts';
export { configProblems, didYouMean, nearest } from './messages.ts';
export type {
  AgentConfig,
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
export { type ConfigFile, readConfigFile, yamlRefusal } from './yaml.ts';
