export { createSimulatedSnmp, type SimulatedSnmp, type SimulatedSnmpOptions } from './simulated-snmp.ts';
