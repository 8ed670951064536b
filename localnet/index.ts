export { createLocalnet, LOCALNET_COMMUNITY, LOCALNET_SNMP_USER } from './localnet.ts';
export { createScenario, type Scenario, type ScenarioEvent, type ScenarioEventKind, type ScenarioOptions } from './scenario.ts';
export {
  type Genesis,
  genesisSchema,
  type Localnet,
  type LocalnetAddresses,
  type LocalnetOptions,
  type LocalnetSnapshot,
  localnetSnapshotSchema,
  type NewLocalUser,
  type SessionTruth,
} from './world.ts';
