export { createLocalnet, LOCALNET_SNMP_USER } from './localnet.ts';
export { createScenario, type ScenarioEventKind } from './scenario.ts';
export type {
  Localnet,
  LocalnetAddresses,
  LocalnetOptions,
} from './world.ts';
