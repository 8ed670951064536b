import { generateKeyPairSync, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface SelfSigned {
  readonly key: string;
  readonly cert: string;
}

/** A fresh certificate for these names and addresses that vouches for itself, as a switch makes one: no key has to lie in the repository. */
export function selfSigned(names: readonly string[]): SelfSigned {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
  const subject = sequence(tag(0x31, sequence(oid('550403'), tag(0x0c, Buffer.from('simulated switch')))));
  const alternatives = names.map((name) =>
    isIPv4(name) ? tag(0x87, Buffer.from(name.split('.').map(Number))) : tag(0x82, Buffer.from(name)),
  );
  const extensions = sequence(
    sequence(oid('551d13'), tag(0x01, Buffer.of(0xff)), tag(0x04, sequence(tag(0x01, Buffer.of(0xff))))),
    sequence(oid('551d11'), tag(0x04, sequence(...alternatives))),
  );
  const toBeSigned = sequence(
    tag(0xa0, tag(0x02, Buffer.of(2))),
    tag(0x02, Buffer.of(1)),
    ecdsaWithSha256,
    subject,
    sequence(tag(0x17, Buffer.from('200101000000Z')), tag(0x18, Buffer.from('21200101000000Z'))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    tag(0xa3, extensions),
  );
  const signature = tag(0x03, Buffer.of(0), sign('sha256', toBeSigned, privateKey));
  const der = sequence(toBeSigned, ecdsaWithSha256, signature);
  const lines = der
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}

/** One DER element. */
function tag(number: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(number, ...header), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tag(0x30, ...parts);
}

function oid(hex: string): Buffer {
  return tag(0x06, Buffer.from(hex, 'hex'));
}
