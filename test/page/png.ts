import { inflateSync } from 'node:zlib';

/** The parts of a decoded picture that the tests need. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of a pixel, 0 to 255. */
  at(x: number, y: number): readonly [number, number, number];
  /** How many colors there are, of every fourth pixel in both directions. */
  colors(): number;
}

const SIGNATURE = '89504e470d0a1a0a';

/** Decodes a PNG as a browser writes it: 8 bits a channel, RGB or RGBA, not interlaced (W3C PNG specification, third edition). */
export function decodePng(file: Buffer): Picture {
  if (file.subarray(0, 8).toString('hex') !== SIGNATURE) throw new Error('not a PNG');
  const chunks = [...chunksOf(file)];
  const header = chunks.find(({ type }) => type === 'IHDR')?.data;
  if (header === undefined) throw new Error('the PNG has no header');
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [depth, colorType, interlaced] = [header[8], header[9], header[12]];
  if (depth !== 8 || (colorType !== 2 && colorType !== 6) || interlaced !== 0) throw new Error('unsupported kind of PNG');
  const channels = colorType === 6 ? 4 : 3;
  const packed = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
  const pixels = unfilter(inflateSync(packed), width * channels, height, channels);
  const at = (x: number, y: number): readonly [number, number, number] => {
    const offset = (y * width + x) * channels;
    return [pixels[offset] ?? 0, pixels[offset + 1] ?? 0, pixels[offset + 2] ?? 0];
  };
  return {
    width,
    height,
    at,
    colors() {
      const seen = new Set<string>();
      for (let y = 0; y < height; y += 4) for (let x = 0; x < width; x += 4) seen.add(at(x, y).join());
      return seen.size;
    },
  };
}

function* chunksOf(file: Buffer): Generator<{ readonly type: string; readonly data: Buffer }> {
  for (let offset = 8; offset + 12 <= file.length; ) {
    const length = file.readUInt32BE(offset);
    yield { type: file.toString('latin1', offset + 4, offset + 8), data: file.subarray(offset + 8, offset + 8 + length) };
    offset += 12 + length;
  }
}

/** Each line begins with the number of its filter, which says from which neighbors its bytes are differences. */
function unfilter(raw: Buffer, lineBytes: number, height: number, channels: number): Buffer {
  const out = Buffer.alloc(lineBytes * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (lineBytes + 1)] ?? 0;
    for (let x = 0; x < lineBytes; x += 1) {
      const left = x < channels ? 0 : (out[y * lineBytes + x - channels] ?? 0);
      const above = y === 0 ? 0 : (out[(y - 1) * lineBytes + x] ?? 0);
      const corner = x < channels || y === 0 ? 0 : (out[(y - 1) * lineBytes + x - channels] ?? 0);
      const value = raw[y * (lineBytes + 1) + 1 + x] ?? 0;
      out[y * lineBytes + x] = value + predict(filter, left, above, corner);
    }
  }
  return out;
}

function predict(filter: number, left: number, above: number, corner: number): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) >> 1;
    case 4: {
      const guess = left + above - corner;
      const [toLeft, toAbove, toCorner] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
      return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
    }
    default:
      throw new Error(`the PNG has an unknown filter ${filter}`);
  }
}
