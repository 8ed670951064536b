/*
 * An EOS extension, laid out as Arista's `swix-create` does it (switools 1.2):
 *
 *   a zip file, nothing compressed ─┬─ manifest.txt   format, primary RPM, SHA-1 of each RPM
 *                                   └─ the RPM        compressed in itself
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';

/** @param {{ rpm: string, version: string, epoch: number, outdir: string }} options `epoch` is the files' time, in seconds since 1970. */
export function makeSwix({ rpm, version, epoch, outdir }) {
  const name = basename(rpm);
  const content = readFileSync(rpm);
  const sha1 = createHash('sha1').update(content).digest('hex');
  const manifest = Buffer.from(`format: 1\nprimaryRpm: ${name}\n${name}-sha1: ${sha1}\n`);
  const target = join(outdir, `dzd-telemetry-${version}.swix`);
  writeFileSync(
    target,
    storedZip(
      [
        { name: 'manifest.txt', content: manifest },
        { name, content },
      ],
      new Date(epoch * 1_000),
    ),
  );
  return target;
}

/** A zip file of uncompressed files of mode 644, by the layout of PKWARE's APPNOTE.TXT 4.3. */
function storedZip(files, time) {
  const local = [];
  const central = [];
  let offset = 0;
  for (const { name, content } of files) {
    // Version needed, flags, method, time, date, CRC, sizes, length of the name, length of the extra field: the same in both headers.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(10, 0);
    common.writeUInt16LE((time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1), 6);
    common.writeUInt16LE(((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate(), 8);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    local.push(Buffer.from('PK\x03\x04'), common, Buffer.from(name), content);

    const rest = Buffer.alloc(14);
    // Unix mode of a regular file, in the upper half of the external attributes.
    rest.writeUInt32LE(0o100644 * 0x1_0000, 6);
    rest.writeUInt32LE(offset, 10);
    central.push(Buffer.from('PK\x01\x02'), Buffer.from([30, 3]), common, rest, Buffer.from(name));
    offset += 30 + Buffer.byteLength(name) + content.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, Buffer.from('PK\x05\x06'), end]);
}
