import { formatDuration } from './duration.ts';
import { type EapiScheme, eapiScheme, isLoopback } from './endpoints.ts';
import type { KeyProblem } from './problems.ts';
import type { AgentConfig, EapiSourceConfig, SnmpSourceConfig } from './schema.ts';

export interface CrossChecked {
  readonly problems: readonly KeyProblem[];
  /** Allowed, but hardly meant; one line each. */
  readonly warnings: readonly string[];
}

/** What no field can see alone: whether the settings fit each other. */
export function crossCheck(config: AgentConfig): CrossChecked {
  const problems: KeyProblem[] = [...durationProblems(config), ...nameProblems(config), ...dampingProblems(config)];
  const warnings: string[] = [];
  for (const [index, source] of config.collector.sources.entries()) {
    const path = ['collector', 'sources', index];
    const checked = source.type === 'eapi' ? checkEapi(source) : checkSnmp(source);
    problems.push(...checked.problems.map((found) => ({ ...found, path: [...path, ...found.path] })));
    warnings.push(...checked.warnings.map((warning) => `source ${source.name}: ${warning}`));
    if (source.timeout > config.collector.timeout) {
      warnings.push(
        `source ${source.name}: its timeout is longer than collector.timeout (${formatDuration(config.collector.timeout)}), which ends first`,
      );
    }
  }
  return { problems, warnings };
}

function durationProblems({ collector, ledger, policy }: AgentConfig): readonly KeyProblem[] {
  const rules = [
    { path: ['policy', 'refreshInterval'], ms: policy.refreshInterval, above: 'collector.interval', limit: collector.interval },
    { path: ['ledger', 'maxLedgerAge'], ms: ledger.maxLedgerAge, above: 'ledger.viewMaxAge', limit: ledger.viewMaxAge },
    { path: ['ledger', 'maxLedgerAge'], ms: ledger.maxLedgerAge, above: 'ledger.viewIdleInterval', limit: ledger.viewIdleInterval },
  ];
  return rules
    .filter(({ ms, limit }) => ms <= limit)
    .map(({ path, ms, above, limit }) => ({
      path,
      problem: `must be longer than ${above} (${formatDuration(limit)}), got ${formatDuration(ms)}`,
    }));
}

/** A threshold that can't be reached, or can't be left again, would be damping in name only. */
function dampingProblems({ policy: { damping } }: AgentConfig): readonly KeyProblem[] {
  const { suppress, reuse, halfLife, maxSuppress } = damping;
  const ceiling = reuse * 2 ** (maxSuppress / halfLife);
  const path = ['policy', 'damping', 'suppress'];
  if (suppress <= reuse) return [{ path, problem: `must be above policy.damping.reuse (${reuse}), got ${suppress}` }];
  if (suppress < ceiling) return [];
  const limit = `${Math.floor(ceiling)}, which is the highest figure that maxSuppress, halfLife and reuse allow`;
  return [{ path, problem: `must be below ${limit}, got ${suppress}` }];
}

function nameProblems({ collector }: AgentConfig): readonly KeyProblem[] {
  const names = collector.sources.map((source) => source.name);
  return names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [{ path: ['collector', 'sources', index, 'name'], problem: `the name "${name}" is taken by an earlier source` }],
  );
}

function checkEapi(source: EapiSourceConfig): CrossChecked {
  const scheme = eapiScheme(source.url);
  const problems: KeyProblem[] = [];
  const refuse = (path: readonly string[], problem: string) => problems.push({ path, problem });
  const given = (['username', 'passwordFile'] as const).filter((key) => source[key] !== undefined);

  if (scheme === 'unix') {
    for (const key of given) refuse([key], 'a unix:// address takes no credentials; the permissions of the socket decide');
    if (source.session === 'cookie') refuse(['session'], 'a unix:// address has no login; leave it at basic');
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

function checkSnmp(source: SnmpSourceConfig): CrossChecked {
  const problems: KeyProblem[] = [];
  const warnings: string[] = [];
  const clear = 'a community is written in clear text in the configuration; prefer communityFile';
  if (source.community === undefined && source.communityFile === undefined) {
    problems.push({ path: ['communityFile'], problem: 'is required: the path of a file that holds the community' });
  }
  const names = source.vrfs.map((vrf) => vrf.name);
  for (const [index, vrf] of source.vrfs.entries()) {
    if (names.indexOf(vrf.name) !== index) problems.push({ path: ['vrfs', index], problem: `the VRF "${vrf.name}" is listed twice` });
  }
  for (const [path, holder] of [[[], source] as const, ...source.vrfs.map((vrf, index) => [['vrfs', index], vrf] as const)]) {
    if (holder.community === undefined) continue;
    if (holder.communityFile !== undefined)
      problems.push({ path: [...path, 'community'], problem: 'stands beside communityFile; remove one of them' });
    if (!warnings.includes(clear)) warnings.push(clear);
  }
  return { problems, warnings };
}
