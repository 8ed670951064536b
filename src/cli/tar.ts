const BLOCK = 512;

/** One file of an archive. */
export interface TarFile {
  /** ASCII, at most 100 bytes. */
  readonly name: string;
  readonly content: string;
}

/** A tar archive of regular files (POSIX.1-1988 ustar), each readable by its owner only. `modifiedAt`: seconds since 1970. Pure. */
export function tarOf(files: readonly TarFile[], modifiedAt: number): Buffer {
  const parts = files.flatMap(({ name, content }) => {
    const body = Buffer.from(content);
    return [headerOf(name, body.length, modifiedAt), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function headerOf(name: string, size: number, modifiedAt: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number): void => void header.write(value.toString(8).padStart(digits, '0'), offset);
  header.write(name, 0, 100, 'ascii');
  octal(0o600, 100, 7); // mode
  octal(0, 108, 7); // owner
  octal(0, 116, 7); // group
  octal(size, 124, 11);
  octal(Math.floor(modifiedAt), 136, 11);
  header.write('        ', 148); // the checksum is taken over spaces
  header.write('0', 156); // a regular file
  header.write('ustar\0', 257);
  header.write('00', 263);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  header[154] = 0;
  return header;
}
