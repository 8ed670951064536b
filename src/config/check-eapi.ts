import type { CrossChecked } from './cross-checked.ts';
import { type EapiScheme, eapiScheme, isLoopback } from './endpoints.ts';
import type { KeyProblem } from './problems.ts';
import type { EapiSourceConfig } from './schema.ts';

/** Whether the settings of an eAPI source fit its address. */
export function checkEapi(source: EapiSourceConfig): CrossChecked {
  const scheme = eapiScheme(source.url);
  const problems: KeyProblem[] = [];
  const refuse = (path: readonly string[], problem: string) => problems.push({ path, problem });
  const given = (['username', 'passwordFile'] as const).filter((key) => source[key] !== undefined);

  if (scheme === 'unix' || scheme === 'grpc') {
    const instead = scheme === 'unix' ? 'the permissions of the socket decide' : 'whoever reaches its port is let in';
    for (const key of given) refuse([key], `a ${scheme}:// address takes no credentials; ${instead}`);
    if (source.session === 'cookie') refuse(['session'], `a ${scheme}:// address has no login; leave it at basic`);
  } else {
    // EOS asks for no credentials on its local HTTP listener, so none at all is right there and half of them never.
    const needed = given.length === 1 || scheme === 'https' || !isLoopback(source.url);
    for (const key of ['username', 'passwordFile'] as const) {
      if (needed && source[key] === undefined) refuse([key], `is required for ${scheme}:// addresses`);
    }
    if (source.session === 'cookie' && !needed && given.length === 0) refuse(['session'], 'cookie needs username and passwordFile');
  }

  for (const found of tlsProblems(source.tls, scheme)) refuse(['tls', found.key], found.problem);

  const warnings = [];
  if (source.tls.insecure) warnings.push('tls.insecure is on: anyone between here and the switch can read the password and forge answers');
  if (scheme === 'http' && given.length > 0 && !isLoopback(source.url))
    warnings.push('the password travels in clear text; use https:// or unix://');
  return { problems, warnings };
}

/** One way to verify, and only where there is something to verify. */
function tlsProblems(
  tls: EapiSourceConfig['tls'],
  scheme: EapiScheme | undefined,
): readonly { readonly key: string; readonly problem: string }[] {
  const { caFile, fingerprint, insecure, serverName } = tls;
  const ways = [
    { key: 'caFile', given: caFile !== undefined },
    { key: 'fingerprint', given: fingerprint !== undefined },
    { key: 'insecure', given: insecure },
  ].filter(({ given }) => given);
  const all = serverName === undefined ? ways : [...ways, { key: 'serverName', given: true }];
  if (scheme !== 'https') return all.map(({ key }) => ({ key, problem: 'only an https:// address has a certificate' }));
  const [first, ...others] = ways;
  const rivals = others.map(({ key }) => ({ key, problem: `stands beside ${first?.key}; a certificate is verified in one way` }));
  return serverName === undefined || caFile !== undefined ? rivals : [...rivals, { key: 'serverName', problem: 'needs caFile' }];
}
