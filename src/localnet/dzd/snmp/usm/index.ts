export { createUsmEngine, type Received, type UsmEngine } from './engine.ts';
export type { SimulatedSnmpUser } from './protection.ts';
export { elementsOf, integerTlv, octetsTlv, tlv } from './tlv.ts';
