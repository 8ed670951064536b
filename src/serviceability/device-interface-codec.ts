import type { AccountReader } from './account-reader.ts';
import { AccountWriter } from './account-writer.ts';
import type { BasicInterface, DeprecatedInterface, DeviceInterface, FlexAlgoNodeSegment, FullInterface } from './device-interface.ts';

/** The size-prefixed layout that the program writes today. */
const CURRENT_VERSION = 4;
/** u16 size, counting itself, and u8 version. */
const PREFIX_LENGTH = 3;
const SEGMENT_LENGTH = 34;
/** The shortest element of the first vector: a discriminant and a basic interface without a name. */
const SHORTEST_DEPRECATED = 18;

/** Reads the first vector; undefined when it cannot be read to its end, because then nothing after it can be found either. */
export function readDeprecatedInterfaces(reader: AccountReader): readonly DeprecatedInterface[] | undefined {
  return readAll(reader, SHORTEST_DEPRECATED, readDeprecated);
}

/** Reads the second, size-prefixed vector; undefined when its sizes do not add up. Unknown versions are kept as bytes. */
export function readInterfaces(reader: AccountReader): readonly DeviceInterface[] | undefined {
  return readAll(reader, PREFIX_LENGTH, readInterface);
}

export function writeDeprecatedInterface(writer: AccountWriter, element: DeprecatedInterface): void {
  writer.u8(element.layout);
  if (element.layout === 0) writeBasic(writer, element);
  else writeFullInterface(writer, element);
  if (element.layout === 3) writeSegments(writer, element.flexAlgoNodeSegments);
}

export function writeInterface(writer: AccountWriter, element: DeviceInterface): void {
  const version = element.kind === 'known' ? CURRENT_VERSION : element.version;
  const body = element.kind === 'known' ? knownBody(element) : element.body;
  writer
    .u16(PREFIX_LENGTH + body.length)
    .u8(version)
    .raw(body);
}

function knownBody(element: DeviceInterface & { kind: 'known' }): Uint8Array {
  const writer = new AccountWriter();
  writeFullInterface(writer, element);
  writeSegments(writer, element.flexAlgoNodeSegments);
  return writer.raw(element.surplus).finish();
}

/** A u32 count and its elements, all or nothing; the count is believed only when that many of the shortest kind would fit. */
function readAll<T>(reader: AccountReader, shortest: number, read: (reader: AccountReader) => T | undefined): readonly T[] | undefined {
  const count = reader.u32();
  if (reader.cut || count * shortest > reader.remaining) return undefined;
  const elements: T[] = [];
  while (elements.length < count) {
    const element = read(reader);
    if (element === undefined || reader.cut) return undefined;
    elements.push(element);
  }
  return elements;
}

function readDeprecated(reader: AccountReader): DeprecatedInterface | undefined {
  const layout = reader.u8();
  switch (layout) {
    case 0:
      return { layout, ...readBasic(reader) };
    case 1:
    case 2:
      return { layout, ...readFullInterface(reader) };
    case 3:
      return { layout, ...readFullInterface(reader), flexAlgoNodeSegments: readSegments(reader) };
    default:
      return undefined;
  }
}

function readInterface(reader: AccountReader): DeviceInterface | undefined {
  const length = reader.u16() - PREFIX_LENGTH;
  const version = reader.u8();
  if (length < 0 || length > reader.remaining) return undefined;
  const body = reader.window(length);
  if (version === CURRENT_VERSION) {
    const fields = readFullInterface(body);
    const flexAlgoNodeSegments = readSegments(body);
    if (!body.cut) return { kind: 'known', ...fields, flexAlgoNodeSegments, surplus: body.copy(body.remaining) };
  }
  return { kind: 'unknown', version, body: body.all() };
}

function readBasic(reader: AccountReader): BasicInterface {
  return { status: reader.u8(), name: reader.text(), interfaceType: reader.u8(), loopbackType: reader.u8(), ...readNumbering(reader) };
}

export function readFullInterface(reader: AccountReader): FullInterface {
  return {
    status: reader.u8(),
    name: reader.text(),
    interfaceType: reader.u8(),
    cyoa: reader.u8(),
    dia: reader.u8(),
    loopbackType: reader.u8(),
    bandwidth: reader.u64(),
    cir: reader.u64(),
    mtu: reader.u16(),
    routingMode: reader.u8(),
    ...readNumbering(reader),
  };
}

type Numbering = Pick<BasicInterface, 'vlanId' | 'ipNet' | 'nodeSegmentIdx' | 'userTunnelEndpoint'>;

function readNumbering(reader: AccountReader): Numbering {
  return { vlanId: reader.u16(), ipNet: reader.network(), nodeSegmentIdx: reader.u16(), userTunnelEndpoint: reader.bool() };
}

function readSegments(reader: AccountReader): readonly FlexAlgoNodeSegment[] {
  return reader.vector(SEGMENT_LENGTH, () => ({ topology: reader.key(), nodeSegmentIdx: reader.u16() }));
}

function writeBasic(writer: AccountWriter, element: BasicInterface): void {
  writer.u8(element.status).text(element.name).u8(element.interfaceType).u8(element.loopbackType);
  writeNumbering(writer, element);
}

export function writeFullInterface(writer: AccountWriter, element: FullInterface): void {
  writer.u8(element.status).text(element.name).u8(element.interfaceType).u8(element.cyoa).u8(element.dia).u8(element.loopbackType);
  writer.u64(element.bandwidth).u64(element.cir).u16(element.mtu).u8(element.routingMode);
  writeNumbering(writer, element);
}

function writeNumbering(writer: AccountWriter, element: Numbering): void {
  writer.u16(element.vlanId).network(element.ipNet).u16(element.nodeSegmentIdx).bool(element.userTunnelEndpoint);
}

function writeSegments(writer: AccountWriter, segments: readonly FlexAlgoNodeSegment[]): void {
  writer.vector(segments, ({ topology, nodeSegmentIdx }) => writer.key(topology).u16(nodeSegmentIdx));
}
