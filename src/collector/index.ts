export {
  type Collector,
  type CollectorReporter,
  createCollector,
  neighborKeyText,
  type ShowRunner,
  type SwitchSource,
} from './collector.ts';
export type { EapiTls } from './eapi/http.ts';
export type { EapiSourceOptions } from './eapi/source.ts';
export type { SnmpCredentials, SnmpUser } from './snmp/session.ts';
export type { NamedSnmpVrf } from './snmp/source.ts';
export { createNamespaces, createSocketsSource, isNamespaceName, type Namespaces } from './sockets/source.ts';
export {
  createTriggers,
  type TriggerEvent,
  type TriggerReporter,
  type TriggerSource,
  type TriggerState,
} from './triggers.ts';

// Loaded only where the configuration uses them: together, their libraries take tens of megabytes.
export const loadEapi = () => import('./eapi/source.ts');
export const loadSnmp = () => import('./snmp/source.ts');
export const loadTraps = () => import('./snmp/traps.ts');
export const loadBgpWatch = () => import('./grpc/bgp-watch.ts');
