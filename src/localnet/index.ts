export {
  createLocalnet,
  LOCALNET_COMMUNITY,
  LOCALNET_SNMP_USER,
  type Localnet,
  type LocalnetAddresses,
  type LocalnetOptions,
  type NewLocalUser,
  type SessionTruth,
} from './localnet.ts';
export { createScenario, type Scenario, type ScenarioEvent, type ScenarioEventKind, type ScenarioOptions } from './scenario.ts';
