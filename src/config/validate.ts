import { formatDuration } from './fields.ts';
import type { KeyProblem } from './messages.ts';
import type { AgentConfig, EapiSourceConfig, SnmpSourceConfig, SnmpTrapsConfig, SourceConfig, TriggerConfig } from './schema.ts';
import { type EapiScheme, eapiScheme, isLoopback } from './schema-sources.ts';

/** The result of comparing settings with each other. */
interface CrossChecked {
  readonly problems: readonly KeyProblem[];
  /** Valid, but probably not intended; one line each. */
  readonly warnings: readonly string[];
}

/** Whether the settings of an eAPI source fit its address. */
function checkEapi(source: EapiSourceConfig): CrossChecked {
  const scheme = eapiScheme(source.url);
  const problems: KeyProblem[] = [];
  const refuse = (path: readonly string[], problem: string) => problems.push({ path, problem });
  const given = (['username', 'passwordFile'] as const).filter((key) => source[key] !== undefined);

  if (scheme === 'unix' || scheme === 'grpc') {
    const instead = scheme === 'unix' ? 'the permissions of the socket control access' : 'anyone who can reach the port has access';
    for (const key of given) refuse([key], `a ${scheme}:// address takes no credentials; ${instead}`);
    if (source.session === 'cookie') refuse(['session'], `a ${scheme}:// address has no login; leave it at basic`);
  } else {
    // The local HTTP listener of EOS needs no credentials: none is valid there, one of the two never is.
    const needed = given.length === 1 || scheme === 'https' || !isLoopback(source.url);
    for (const key of ['username', 'passwordFile'] as const) {
      if (needed && source[key] === undefined) refuse([key], `is required for ${scheme}:// addresses`);
    }
    if (source.session === 'cookie' && !needed && given.length === 0) refuse(['session'], 'cookie needs username and passwordFile');
  }

  for (const found of tlsProblems(source.tls, scheme)) refuse(['tls', found.key], found.problem);

  const warnings = [];
  if (source.tls.insecure)
    warnings.push('tls.insecure is on: anyone between this host and the switch can read the password and forge responses');
  if (scheme === 'http' && given.length > 0 && !isLoopback(source.url))
    warnings.push('the password is sent in clear text; use https:// or unix://');
  return { problems, warnings };
}

/** At most one way to verify a certificate, and only for https. */
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
  const rivals = others.map(({ key }) => ({ key, problem: `conflicts with ${first?.key}; choose one way to verify the certificate` }));
  return serverName === undefined || caFile !== undefined ? rivals : [...rivals, { key: 'serverName', problem: 'needs caFile' }];
}

/** Whether the sink has the settings that it needs. */
function checkSnapshots({ snapshots, collector }: AgentConfig): CrossChecked {
  const { sink, url, directory, source } = snapshots;
  const problems: KeyProblem[] = [];
  const warnings: string[] = [];
  const refuse = (key: string, problem: string) => problems.push({ path: ['snapshots', key], problem });
  const named = collector.sources.find(({ name }) => name === source);
  if (source !== undefined && named?.type !== 'eapi') {
    refuse('source', named === undefined ? `there is no source "${source}"` : `the source "${source}" is of type ${named.type}, not eapi`);
  }
  if (sink === 'state-ingest' && url === undefined) refuse('url', 'is required for the sink state-ingest');
  if (sink === 'folder' && directory === undefined) refuse('directory', 'is required for the sink folder');
  if (sink !== 'none' && collector.sources.every(({ type }) => type !== 'eapi')) {
    warnings.push('snapshots: without a source of type eapi, only bgp-sockets can be taken, and no show command');
  }
  if (sink === 'state-ingest' && url?.startsWith('http:') === true && !isLoopback(url)) {
    warnings.push('snapshots.url: snapshots are sent in clear text; use https://');
  }
  return { problems, warnings };
}

type Vrf = Exclude<SnmpSourceConfig['vrfs'], 'auto'>[number];

/** Whether the settings of an SNMP source fit each other and its version. */
function checkSnmpSource(source: SnmpSourceConfig): CrossChecked {
  const vrfs = source.vrfs === 'auto' ? [] : source.vrfs;
  const holders = [{ path: [], holder: source }, ...vrfs.map((holder, index) => ({ path: ['vrfs', index], holder }))];
  const ofVersion = source.version === '3' ? userProblems(source) : [...communityNeeded(source), ...noUser(source)];
  const names = vrfs.map(({ name }) => name);
  const twice = names.flatMap((name, index) =>
    names.indexOf(name) === index ? [] : [{ path: ['vrfs', index], problem: `the VRF "${name}" is listed twice` }],
  );
  return {
    problems: [...ofVersion, ...twice, ...holders.flatMap(({ path, holder }) => holderProblems(source.version, path, holder))],
    warnings: [...clearTextWarnings(holders.map(({ holder }) => holder)), ...unprotectedWarnings(source)],
  };
}

/** The same for a listener for notifications. */
function checkSnmpTraps(traps: SnmpTrapsConfig): CrossChecked {
  const ofVersion = traps.version === '3' ? userProblems(traps) : [...communityNeeded(traps), ...noUser(traps)];
  return {
    problems: [...ofVersion, ...holderProblems(traps.version, [], traps)],
    warnings: [...clearTextWarnings([traps]), ...unprotectedWarnings(traps)],
  };
}

type UserSettings = Pick<SnmpTrapsConfig, 'user' | 'authProtocol' | 'authPasswordFile' | 'privProtocol' | 'privPasswordFile'>;
type CommunitySettings = Pick<SnmpTrapsConfig, 'community' | 'communityFile'>;

function communityNeeded({ community, communityFile }: CommunitySettings): readonly KeyProblem[] {
  if (community !== undefined || communityFile !== undefined) return [];
  return [{ path: ['communityFile'], problem: 'is required: the path of a file that holds the community' }];
}

function noUser(settings: UserSettings): readonly KeyProblem[] {
  const given = (['user', 'authPasswordFile', 'privPasswordFile'] as const).filter((key) => settings[key] !== undefined);
  return given.map((key) => ({ path: [key], problem: 'applies to version 3 only' }));
}

/** A user without a passphrase must set its protocol to none, and encryption needs authentication (RFC 3414). */
function userProblems(settings: UserSettings): readonly KeyProblem[] {
  const { user, authProtocol, authPasswordFile, privProtocol, privPasswordFile } = settings;
  const problems: KeyProblem[] = [];
  if (user === undefined) problems.push({ path: ['user'], problem: 'is required: version 3 uses a user instead of a community' });
  if (authProtocol === 'none' && privProtocol !== 'none') {
    problems.push({
      path: ['privProtocol'],
      problem: 'encryption needs authentication; set authProtocol, or privProtocol to none as well',
    });
  }
  for (const [key, protocolKey, protocol, file] of [
    ['authPasswordFile', 'authProtocol', authProtocol, authPasswordFile],
    ['privPasswordFile', 'privProtocol', privProtocol, privPasswordFile],
  ] as const) {
    if (protocol !== 'none' && file === undefined) {
      problems.push({ path: [key], problem: `is required: the path of a file that holds the passphrase (or set ${protocolKey} to none)` });
    }
    if (protocol === 'none' && file !== undefined) problems.push({ path: [key], problem: `conflicts with ${protocolKey} none` });
  }
  return problems;
}

function holderProblems(
  version: SnmpSourceConfig['version'],
  path: readonly (string | number)[],
  holder: CommunitySettings & Pick<Vrf, 'context'>,
): readonly KeyProblem[] {
  const given = (['community', 'communityFile'] as const).filter((key) => holder[key] !== undefined);
  if (version === '3') return given.map((key) => ({ path: [...path, key], problem: 'applies to version 2c only; version 3 uses a user' }));
  const problems: KeyProblem[] = [];
  if (given.length === 2) problems.push({ path: [...path, 'community'], problem: 'conflicts with communityFile; remove one of them' });
  if (holder.context !== undefined) problems.push({ path: [...path, 'context'], problem: 'applies to version 3 only' });
  return problems;
}

/** Without authentication, anyone can send as this user. */
function unprotectedWarnings({ version, authProtocol }: Pick<SnmpTrapsConfig, 'version' | 'authProtocol'>): readonly string[] {
  return version === '3' && authProtocol === 'none' ? ['authProtocol is none: anyone who can reach the port can forge its messages'] : [];
}

function clearTextWarnings(holders: readonly CommunitySettings[]): readonly string[] {
  if (holders.every(({ community }) => community === undefined)) return [];
  return ['the configuration contains a community in clear text; prefer communityFile'];
}

const NOTHING_WRONG: CrossChecked = { problems: [], warnings: [] };

/** The rules between settings, which no field can check alone. */
export function crossCheck(config: AgentConfig): CrossChecked {
  const problems: KeyProblem[] = [...durationProblems(config), ...nameProblems(config), ...dampingProblems(config)];
  const warnings: string[] = [];
  for (const [index, source] of config.collector.sources.entries()) {
    const path = ['collector', 'sources', index];
    const checked = checkSource(source);
    problems.push(...checked.problems.map((found) => ({ ...found, path: [...path, ...found.path] })));
    warnings.push(...checked.warnings.map((warning) => `source ${source.name}: ${warning}`));
    if (source.timeout > config.collector.timeout) {
      warnings.push(
        `source ${source.name}: its timeout is longer than collector.timeout (${formatDuration(config.collector.timeout)}), which applies first`,
      );
    }
  }
  for (const [index, wakeUp] of config.collector.wakeUps.entries()) {
    const checked = checkWakeUp(wakeUp);
    problems.push(...checked.problems.map((found) => ({ ...found, path: ['collector', 'wakeUps', index, ...found.path] })));
    warnings.push(...checked.warnings.map((warning) => `wake-up ${wakeUp.name}: ${warning}`));
  }
  warnings.push(...httpWarnings(config));
  const snapshots = checkSnapshots(config);
  return { problems: [...problems, ...snapshots.problems], warnings: [...warnings, ...snapshots.warnings] };
}

function httpWarnings({ http: { enabled, listen, tokenFile } }: AgentConfig): readonly string[] {
  const { host, port } = listen;
  if (!enabled || tokenFile !== undefined || isLoopback(`http://${host.includes(':') ? `[${host}]` : host}`)) return [];
  return [`http.listen: anyone who can reach ${host}:${port} can read everything there; set http.tokenFile, or listen on 127.0.0.1`];
}

function checkSource(source: SourceConfig): CrossChecked {
  switch (source.type) {
    case 'eapi':
      return checkEapi(source);
    case 'snmp':
      return checkSnmpSource(source);
    case 'sockets':
      return NOTHING_WRONG;
  }
}

function checkWakeUp(wakeUp: TriggerConfig): CrossChecked {
  return wakeUp.type === 'snmp-traps' ? checkSnmpTraps(wakeUp) : NOTHING_WRONG;
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

/** A threshold that cannot be reached, or cannot be left again, disables damping in effect. */
function dampingProblems({ policy: { damping } }: AgentConfig): readonly KeyProblem[] {
  const { suppress, reuse, halfLife, maxSuppress } = damping;
  const ceiling = reuse * 2 ** (maxSuppress / halfLife);
  const path = ['policy', 'damping', 'suppress'];
  if (suppress <= reuse) return [{ path, problem: `must be above policy.damping.reuse (${reuse}), got ${suppress}` }];
  if (suppress < ceiling) return [];
  const limit = `${Math.floor(ceiling)}, which is the highest figure that maxSuppress, halfLife and reuse allow`;
  return [{ path, problem: `must be below ${limit}, got ${suppress}` }];
}

/** Logs and metrics identify sources and wake-ups by their names alone. */
function nameProblems({ collector }: AgentConfig): readonly KeyProblem[] {
  const places = (['sources', 'wakeUps'] as const).flatMap((list) =>
    collector[list].map(({ name }, index) => ({ name, path: ['collector', list, index, 'name'] })),
  );
  const names = places.map(({ name }) => name);
  return places.flatMap(({ name, path }, index) => {
    const first = names.indexOf(name);
    const kind = places[first]?.path[1] === 'sources' ? 'source' : 'wake-up';
    return first === index ? [] : [{ path, problem: `the name "${name}" is already used by an earlier ${kind}; choose another one` }];
  });
}
