/** A secret that a test plants, and every form in which it could come out again. */
export interface MarkedSecret {
  readonly name: string;
  readonly forms: readonly string[];
}

/** A password: as it is, as URLs, JSON, base64 and hex have it; and with the user's name before it, as HTTP's Basic does. */
export function markedText(name: string, text: string, user?: string): MarkedSecret {
  const bytes = Buffer.from(text);
  const forms = [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1), bytes.toString('base64'), bytes.toString('hex')];
  const url = URL.canParse(`http://u:${text}@a/`) ? new URL(`http://u:${text}@a/`).password : text;
  return { name, forms: [...forms, url, ...(user === undefined ? [] : [Buffer.from(`${user}:${text}`).toString('base64')])] };
}

/** A keypair file's bytes: the seed, which is the secret, as numbers, hex, base64 and base58. */
export function markedSeed(name: string, seed: Uint8Array, base58: (bytes: Uint8Array) => string): MarkedSecret {
  const bytes = Buffer.from(seed);
  const numbers = [...seed];
  const run = numbers.slice(0, 8);
  // Half of the seed is a leak, too.
  const half = bytes.subarray(0, 16);
  return {
    name,
    forms: [
      run.join(),
      run.join(', '),
      run.join(' '),
      JSON.stringify(run, null, 2).slice(2, -2),
      half.toString('hex'),
      half.toString('hex').toUpperCase(),
      half.toString('base64').slice(0, 20),
      half.toString('base64url').slice(0, 20),
      base58(seed),
    ],
  };
}

/** Which of the secrets can be found in the text, and how. */
export function leaksIn(text: string, secrets: readonly MarkedSecret[]): readonly string[] {
  return secrets.flatMap(({ name, forms }) => forms.filter((form) => text.includes(form)).map((form) => `${name} as ${form}`));
}
