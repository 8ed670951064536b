export { type Genesis, genesisSchema } from './genesis.ts';
export { createLocalnet, LOCALNET_COMMUNITY, LOCALNET_SNMP_USER } from './localnet.ts';
export type { Localnet, LocalnetAddresses, LocalnetOptions, SessionTruth } from './localnet-contract.ts';
export { type LocalnetSnapshot, localnetSnapshotSchema } from './localnet-snapshot.ts';
export { createScenario, type Scenario, type ScenarioEvent, type ScenarioEventKind, type ScenarioOptions } from './scenario.ts';
export type { NewLocalUser } from './world.ts';
