import type { Random } from '../../../src/lib/index.ts';

/**
 * How many inputs a fuzz test takes: as many as DZD_FUZZ_INPUTS says, else these few, DZD_FUZZ_SCALE times over. Continuous integration has
 * five times as many, which is 100,000 where these are 20,000.
 */
export function fuzzInputs(few: number): number {
  const wanted = Number(process.env.DZD_FUZZ_INPUTS ?? few * Number(process.env.DZD_FUZZ_SCALE ?? 1));
  if (!Number.isInteger(wanted) || wanted < 100)
    throw new Error('DZD_FUZZ_INPUTS and DZD_FUZZ_SCALE are whole numbers, of 100 inputs or more');
  return wanted;
}

const ESTABLISHED = 6;

export function noise(random: Random): Buffer {
  const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256)));
  // Half of it begins like a message, so that it is not all refused at its first octet.
  if (bytes.length > 2 && random() < 0.5) bytes.set([0x30, bytes.length - 2]);
  return bytes;
}

/** One to three small damages. None writes a 6 where there was none: a state changed to 6 is well-formed, so no reader can detect it. */
export function damaged(answer: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(answer);
  const times = 1 + Math.floor(random() * 3);
  for (let damage = 0; damage < times; damage += 1) bytes = DAMAGES[Math.floor(random() * DAMAGES.length)]?.(bytes, random) ?? bytes;
  return bytes;
}

const somewhere = (bytes: Buffer, random: Random): number => Math.floor(random() * bytes.length);

function overwrite(bytes: Buffer, at: number, octet: number): Buffer {
  if (octet !== ESTABLISHED && at < bytes.length) bytes[at] = octet;
  return bytes;
}

const DAMAGES: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  (bytes, random) => {
    const at = somewhere(bytes, random);
    return overwrite(bytes, at, (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8)));
  },
  (bytes, random) => overwrite(bytes, somewhere(bytes, random), Math.floor(random() * 256)),
  (bytes, random) => overwrite(bytes, somewhere(bytes, random), [0, 1, 0x7f, 0x80, 0x84, 0xff][Math.floor(random() * 6)] ?? 0),
  (bytes, random) => bytes.subarray(0, somewhere(bytes, random)),
  (bytes, random) => {
    const at = somewhere(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(random() * 20))]);
  },
  (bytes, random) => {
    const at = somewhere(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(somewhere(bytes, random), at), bytes.subarray(at)]);
  },
];
