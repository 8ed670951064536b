/** The used part of snmp-native 1.2.0, which ships no types. */
declare module 'snmp-native' {
  import type { RemoteInfo } from 'node:dgram';

  export interface PacketVarBind {
    oid: number[];
    /** BER tag of the value; 5 (null) in a request. */
    type: number;
    value: unknown;
  }

  export class Packet {
    /** 1 is SNMPv2c. */
    version: number;
    community: string;
    pdu: {
      /** 0 GET, 1 GETNEXT, 2 response, 5 GETBULK: the tag less 0xa0. */
      type: number;
      reqid: number;
      /** Error status; non-repeaters in a GETBULK. */
      error: number;
      /** Error index; max-repetitions in a GETBULK. */
      errorIndex: number;
      varbinds: PacketVarBind[];
    };
  }

  export interface SessionOptions {
    host: string;
    port: number;
    family: 'udp4' | 'udp6';
    /** Milliseconds to wait after each transmission of a request; as many transmissions as numbers. */
    timeouts: number[];
    /** Replaces the library's own receiver. */
    msgReceived: (datagram: Buffer, from: RemoteInfo) => void;
  }

  export class Session {
    constructor(options: SessionOptions);
    /** Pending requests, by request id. */
    readonly reqs: Record<number, { timeout?: NodeJS.Timeout }>;
    on(event: 'error', listener: (error: Error) => void): this;
    /** Chooses the packet's request id, sends, and sends again at each timeout. May throw. */
    sendMsg(packet: Packet, options: Record<string, unknown>, callback: (error: Error | null) => void): void;
    close(): void;
  }

  export function encode(packet: Packet): Buffer;
  /** Throws on a datagram that is plainly not SNMP; checks few lengths, so a cut message may return with NaN in it. */
  export function parse(datagram: Buffer): Packet;
}
