import { formatDuration } from './fields.ts';
import type { KeyProblem } from './messages.ts';
import type { AgentConfig, EapiSourceConfig, SnmpSourceConfig, SnmpTrapsConfig } from './schema.ts';
import { type EapiScheme, eapiScheme, isLoopback } from './schema-sources.ts';

/** Collects what is found about one part of the configuration; paths are relative to that part. */
interface Findings {
  refuse(path: KeyProblem['path'], problem: string): void;
  /** Valid, but probably not intended; one line. */
  warn(line: string): void;
}

/** The rules between settings, which no field can check alone. */
export function crossCheck(config: AgentConfig): { readonly problems: readonly KeyProblem[]; readonly warnings: readonly string[] } {
  const problems: KeyProblem[] = [];
  const warnings: string[] = [];
  const findingsOf = (place: KeyProblem['path'], name = ''): Findings => ({
    refuse: (path, problem) => problems.push({ path: [...place, ...path], problem }),
    warn: (line) => warnings.push(`${name}${line}`),
  });

  checkDurations(config, findingsOf([]));
  checkNames(config, findingsOf(['collector']));
  checkDamping(config, findingsOf(['policy', 'damping']));
  const { sources, wakeUps, timeout } = config.collector;
  for (const [index, source] of sources.entries()) {
    const findings = findingsOf(['collector', 'sources', index], `source ${source.name}: `);
    if (source.type === 'eapi') checkEapi(source, findings);
    if (source.type === 'snmp') checkSnmp(source, findings);
    const [bound, boundMs] = source.type === 'snmp' ? ['pollTimeout', source.pollTimeout] : ['collector.timeout', timeout];
    if (source.timeout > boundMs) findings.warn(`its timeout is longer than ${bound} (${formatDuration(boundMs)}), which applies first`);
  }
  for (const [index, wakeUp] of wakeUps.entries()) {
    if (wakeUp.type === 'snmp-traps') checkSnmp(wakeUp, findingsOf(['collector', 'wakeUps', index], `wake-up ${wakeUp.name}: `));
  }
  checkHttp(config, findingsOf(['http']));
  checkSnapshots(config, findingsOf(['snapshots']));
  return { problems, warnings };
}

/** Whether the settings of an eAPI source fit its address. */
function checkEapi(source: EapiSourceConfig, { refuse, warn }: Findings): void {
  const scheme = eapiScheme(source.url);
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

  checkTls(source.tls, scheme, (key, problem) => refuse(['tls', key], problem));
  if (source.tls.insecure) warn('tls.insecure is on: anyone between this host and the switch can read the password and forge responses');
  if (scheme === 'http' && given.length > 0 && !isLoopback(source.url)) warn('the password is sent in clear text; use https:// or unix://');
}

/** At most one way to verify a certificate, and only for https. */
function checkTls(tls: EapiSourceConfig['tls'], scheme: EapiScheme | undefined, refuse: (key: string, problem: string) => void): void {
  const ways = (['caFile', 'fingerprint', 'insecure'] as const).filter((key) => tls[key] !== undefined && tls[key] !== false);
  if (scheme !== 'https') {
    const given = tls.serverName === undefined ? ways : [...ways, 'serverName'];
    for (const key of given) refuse(key, 'only an https:// address has a certificate');
    return;
  }
  const [first, ...others] = ways;
  for (const key of others) refuse(key, `conflicts with ${first}; choose one way to verify the certificate`);
  if (tls.serverName !== undefined && tls.caFile === undefined) refuse('serverName', 'needs caFile');
}

/** Whether the sink has the settings that it needs. */
function checkSnapshots({ snapshots, collector }: AgentConfig, { refuse, warn }: Findings): void {
  const { sink, url, directory, source } = snapshots;
  const named = collector.sources.find(({ name }) => name === source);
  if (source !== undefined && named?.type !== 'eapi')
    refuse(
      ['source'],
      named === undefined ? `there is no source "${source}"` : `the source "${source}" is of type ${named.type}, not eapi`,
    );
  if (sink === 'state-ingest' && url === undefined) refuse(['url'], 'is required for the sink state-ingest');
  if (sink === 'folder' && directory === undefined) refuse(['directory'], 'is required for the sink folder');
  if (sink !== 'none' && collector.sources.every(({ type }) => type !== 'eapi'))
    warn('snapshots: without a source of type eapi, only bgp-sockets can be taken, and no show command');
  if (sink === 'state-ingest' && url?.startsWith('http:') === true && !isLoopback(url))
    warn('snapshots.url: snapshots are sent in clear text; use https://');
}

type Vrf = Exclude<SnmpSourceConfig['vrfs'], 'auto'>[number];

/** Whether the settings of an SNMP source, or of a listener for notifications, fit each other and the SNMP version. */
function checkSnmp(settings: SnmpSourceConfig | SnmpTrapsConfig, findings: Findings): void {
  const { refuse, warn } = findings;
  const vrfs = settings.type === 'snmp' && settings.vrfs !== 'auto' ? settings.vrfs : [];
  if (settings.version === '3') checkUser(settings, findings);
  else {
    if (settings.community === undefined && settings.communityFile === undefined)
      refuse(['communityFile'], 'is required: the path of a file that holds the community');
    for (const key of ['user', 'authPasswordFile', 'privPasswordFile'] as const)
      if (settings[key] !== undefined) refuse([key], 'applies to version 3 only');
  }
  const names = vrfs.map(({ name }) => name);
  for (const [index, name] of names.entries())
    if (names.indexOf(name) !== index) refuse(['vrfs', index], `the VRF "${name}" is listed twice`);
  checkCommunity(settings, settings.version, refuse);
  for (const [index, vrf] of vrfs.entries())
    checkCommunity(vrf, settings.version, (path, problem) => refuse(['vrfs', index, ...path], problem));

  if ([settings, ...vrfs].some(({ community }) => community !== undefined))
    warn('the configuration contains a community in clear text; prefer communityFile');
  if (settings.version === '3' && settings.authProtocol === 'none')
    warn('authProtocol is none: anyone who can reach the port can forge its messages');
}

/** A user without a passphrase must set its protocol to none, and encryption needs authentication (RFC 3414). */
function checkUser(settings: SnmpSourceConfig | SnmpTrapsConfig, { refuse }: Findings): void {
  if (settings.user === undefined) refuse(['user'], 'is required: version 3 uses a user instead of a community');
  if (settings.authProtocol === 'none' && settings.privProtocol !== 'none')
    refuse(['privProtocol'], 'encryption needs authentication; set authProtocol, or privProtocol to none as well');
  for (const kind of ['auth', 'priv'] as const) {
    const [key, protocolKey] = [`${kind}PasswordFile`, `${kind}Protocol`] as const;
    const isOff = settings[protocolKey] === 'none';
    if (!isOff && settings[key] === undefined)
      refuse([key], `is required: the path of a file that holds the passphrase (or set ${protocolKey} to none)`);
    if (isOff && settings[key] !== undefined) refuse([key], `conflicts with ${protocolKey} none`);
  }
}

/** What a source, a listener or a VRF may set in this SNMP version. */
function checkCommunity(
  holder: Pick<Vrf, 'community' | 'communityFile' | 'context'>,
  version: SnmpSourceConfig['version'],
  refuse: Findings['refuse'],
): void {
  const given = (['community', 'communityFile'] as const).filter((key) => holder[key] !== undefined);
  if (version === '3') {
    for (const key of given) refuse([key], 'applies to version 2c only; version 3 uses a user');
    return;
  }
  if (given.length === 2) refuse(['community'], 'conflicts with communityFile; remove one of them');
  if (holder.context !== undefined) refuse(['context'], 'applies to version 3 only');
}

function checkHttp({ http: { enabled, listen, tokenFile } }: AgentConfig, { warn }: Findings): void {
  const { host, port } = listen;
  if (!enabled || tokenFile !== undefined || isLoopback(`http://${host.includes(':') ? `[${host}]` : host}`)) return;
  warn(`http.listen: anyone who can reach ${host}:${port} can read everything there; set http.tokenFile, or listen on 127.0.0.1`);
}

function checkDurations({ collector, ledger, policy }: AgentConfig, { refuse }: Findings): void {
  const mustExceed = (path: KeyProblem['path'], ms: number, other: string, limit: number): void => {
    if (ms <= limit) refuse(path, `must be longer than ${other} (${formatDuration(limit)}), got ${formatDuration(ms)}`);
  };
  mustExceed(['policy', 'refreshInterval'], policy.refreshInterval, 'collector.interval', collector.interval);
  mustExceed(['ledger', 'maxLedgerAge'], ledger.maxLedgerAge, 'ledger.viewMaxAge', ledger.viewMaxAge);
  mustExceed(['ledger', 'maxLedgerAge'], ledger.maxLedgerAge, 'ledger.viewIdleInterval', ledger.viewIdleInterval);
}

/** A threshold that cannot be reached, or cannot be left again, disables damping in effect. */
function checkDamping({ policy: { damping } }: AgentConfig, { refuse }: Findings): void {
  const { suppress, reuse, halfLife, maxSuppress } = damping;
  const ceiling = reuse * 2 ** (maxSuppress / halfLife);
  if (suppress <= reuse) refuse(['suppress'], `must be above policy.damping.reuse (${reuse}), got ${suppress}`);
  else if (suppress >= ceiling) {
    const limit = `${Math.floor(ceiling)}, which is the highest figure that maxSuppress, halfLife and reuse allow`;
    refuse(['suppress'], `must be below ${limit}, got ${suppress}`);
  }
}

/** Logs and metrics identify sources and wake-ups by their names alone. */
function checkNames({ collector }: AgentConfig, { refuse }: Findings): void {
  const kinds = new Map<string, string>();
  for (const [list, kind] of [
    ['sources', 'source'],
    ['wakeUps', 'wake-up'],
  ] as const) {
    for (const [index, { name }] of collector[list].entries()) {
      const earlier = kinds.get(name);
      if (earlier === undefined) kinds.set(name, kind);
      else refuse([list, index, 'name'], `the name "${name}" is already used by an earlier ${earlier}; choose another one`);
    }
  }
}
