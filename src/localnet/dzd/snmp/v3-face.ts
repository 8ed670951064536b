import { createHash } from 'node:crypto';
import type { SimulatedSwitch } from '../simulated-switch.ts';
import { createUsmEngine, elementsOf, octetsTlv, type SimulatedSnmpUser, tlv, type UsmEngine } from './usm/index.ts';

/** A new engine for the switch: it counts its boots from 1, and its time from the last reboot. */
export function createV3Face(sim: SimulatedSwitch, user: SimulatedSnmpUser): UsmEngine {
  let bootedAt = sim.bootedAt();
  let boots = 1;
  return createUsmEngine({
    user,
    engineId: engineIdOf(sim.hostname),
    now() {
      if (sim.bootedAt() !== bootedAt) boots += 1;
      bootedAt = sim.bootedAt();
      return { boots, time: Math.max(0, Math.floor((sim.now() - bootedAt) / 1_000)) };
    },
  });
}

/** RFC 3411 SnmpEngineID: Arista's enterprise number with the first bit set, format 5 (octets), and eight of its own. */
function engineIdOf(hostname: string): Buffer {
  const enterprise = Buffer.alloc(4);
  enterprise.writeUInt32BE(0x8000_0000 + 30_065);
  return Buffer.concat([enterprise, Buffer.from([5]), createHash('sha256').update(hostname).digest().subarray(0, 8)]);
}

const VERSION_2C = Buffer.from([0x02, 0x01, 0x01]);

/** A PDU as a message of SNMPv2c, which is the frame that snmp-native reads and writes. */
export function asV2cMessage(pdu: Buffer): Buffer {
  return tlv(0x30, VERSION_2C, octetsTlv(''), pdu);
}

/** The PDU of a message of SNMPv2c, with tag and length. */
export function pduOf(message: Buffer): Buffer {
  const parts = elementsOf(elementsOf(message).next(0x30).content);
  parts.next(0x02);
  parts.next(0x04);
  return parts.next().whole;
}
