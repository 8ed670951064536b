import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { hostInUrl, isRecord } from '../lib/index.ts';
import { findNetwork } from '../serviceability/index.ts';
import { formatDuration, PATH_SHAPE } from './fields.ts';
import { accessWarnings } from './files.ts';
import { type KeyProblem, nearest, type Problem, pathText, problemsOf, refusal } from './messages.ts';
import { type AgentConfig, configSchema, type EapiSourceConfig, type SnmpSourceConfig, type SnmpTrapsConfig } from './schema.ts';
import { type EapiScheme, eapiScheme, isLoopback } from './schema-sources.ts';
import { environmentNameOf, mapSettings, member, plainSettings, type SettingNode, settingTree, valueFromText } from './schema-tree.ts';
import { type ConfigFile, readConfigFile, writtenInText } from './yaml.ts';

/** Collects what is found about one part of the configuration; paths are relative to that part. */
interface Findings {
  refuse(path: KeyProblem['path'], problem: string): void;
  /** Valid, but probably not intended; one line. */
  warn(line: string): void;
}

/** The rules between settings, which no field can check alone. */
function crossCheck(config: AgentConfig): { readonly problems: readonly KeyProblem[]; readonly warnings: readonly string[] } {
  const problems: KeyProblem[] = [];
  const warnings: string[] = [];
  const findingsOf = (place: KeyProblem['path'], name = ''): Findings => ({
    refuse: (path, problem) => problems.push({ path: [...place, ...path], problem }),
    warn: (line) => warnings.push(`${name}${line}`),
  });

  checkDurations(config, findingsOf([]));
  checkWatchdog('collector.interval', config.collector.interval, 60_000, findingsOf([]));
  checkNames(config, findingsOf(['collector']));
  checkDamping(config, findingsOf(['policy', 'damping']));
  const { sources, wakeUps, timeout } = config.collector;
  for (const [index, source] of sources.entries()) {
    const findings = findingsOf(['collector', 'sources', index], `source ${source.name}: `);
    if (source.type === 'eapi') checkEapi(source, findings);
    if (source.type === 'snmp') {
      checkSnmp(source, findings);
      checkWatchdog('its pollTimeout', source.pollTimeout, 40_000, findings);
    }
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

/** Only completed ticks feed the watchdog. The 180 s of the systemd unit suffice up to `limit`. */
function checkWatchdog(what: string, ms: number, limit: number, { warn }: Findings): void {
  if (ms <= limit) return;
  warn(`${what} is longer than ${formatDuration(limit)}: the watchdog of the systemd unit needs a longer WatchdogSec, see docs/install.md`);
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
  if (!enabled || tokenFile !== undefined || isLoopback(`http://${hostInUrl(host)}`)) return;
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

/** The merged layers of a configuration, not yet validated, and the origin of each value. */
interface Layers {
  readonly value: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
  /** Problems found before validation, such as a secret in a flag. */
  readonly problems: readonly Problem[];
  /** Unknown variables whose names are similar to a known one. They may explain why a setting is missing. */
  readonly misspelt: readonly Problem[];
  /** Adds the flag, the variable or the line of the file to a problem. */
  locate(problem: KeyProblem): Problem;
  /** The value as it is written in the file, the flag or the variable. */
  writtenAt(path: readonly PropertyKey[]): string | undefined;
}

function stackLayers(
  root: SettingNode,
  file: ConfigFile | undefined,
  { environment, flags = {} }: Pick<LoadConfigOptions, 'environment' | 'flags'>,
): Layers {
  const value = file === undefined ? {} : fileValues(root, file);
  const problems: Problem[] = [];
  const origins: { readonly key: string; readonly origin: string; readonly text: string }[] = [];
  const nodes = plainSettings(root);

  for (const node of nodes) {
    const name = environmentNameOf(node.key);
    const flag = flags[node.key];
    // An empty variable, left blank in a unit or compose file, counts as not set.
    const text = flag ?? (environment[name] || undefined);
    if (text === undefined) continue;
    const origin = flag === undefined ? name : `--${node.key}`;
    const given = valueFromText(node, text);
    if (flag !== undefined) problems.push(...secretsIn(node, given, origin));
    put(value, node.key, given);
    origins.push({ key: node.key, origin, text });
  }
  addPreset(value);

  const unknown = unknownVariables(nodes, environment);
  const originOf = (key: string) => origins.find((setting) => key === setting.key || key.startsWith(`${setting.key}[`));
  return {
    value,
    problems,
    warnings: [
      ...unverifiedWarning(environment),
      ...unknown.map(({ where, problem }) => `the environment variable ${where} is ${problem}`),
    ],
    misspelt: unknown.filter(({ isMisspelt }) => isMisspelt),
    locate: ({ path, problem }) => {
      const key = pathText(path);
      const origin = originOf(key)?.origin;
      if (origin !== undefined || file === undefined) return { where: origin ?? 'configuration', key, problem };
      const line = file.lineOf(path);
      return { where: `${file.path}:${line}`, line, key, problem };
    },
    writtenAt: (path) => {
      const set = originOf(pathText(path));
      return set === undefined ? file?.writtenAt(path) : writtenInText(set.text, path.slice(set.key.split('.').length));
    },
  };
}

/** The file's values: its paths are relative to its folder, and a section with only comments is empty. */
function fileValues(root: SettingNode, file: ConfigFile): Record<string, unknown> {
  const folder = dirname(file.path);
  const absolute = mapSettings(root, file.value, ({ meta }, value) =>
    meta.form === 'file' && typeof value === 'string' && PATH_SHAPE.test(value) ? resolve(folder, value) : value,
  );
  const value = withEmptySections(root, absolute);
  return isRecord(value) ? { ...value } : {};
}

function withEmptySections(node: SettingNode, value: unknown): unknown {
  if (node.meta.form !== 'section') return value;
  if (value === null) return {};
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([name, inner]) => {
    const child = node.children.get(name);
    return [name, child === undefined ? inner : withEmptySections(child, inner)] as const;
  });
  return Object.fromEntries(entries);
}

function addPreset(value: Record<string, unknown>): void {
  const network = typeof value.env === 'string' ? findNetwork(value.env) : undefined;
  if (network === undefined) return;
  if (member(value.ledger, 'rpcUrls') === undefined) put(value, 'ledger.rpcUrls', [network.rpcUrl]);
  if (member(value.ledger, 'programId') === undefined) put(value, 'ledger.programId', network.programId);
}

/** Sets a value. Leaves a value that should be a section as it is, for validation to refuse. */
function put(target: Record<string, unknown>, key: string, value: unknown): void {
  const [head = '', ...rest] = key.split('.');
  const former = target[head];
  if (rest.length === 0) target[head] = value;
  else if (former === undefined || isRecord(former)) {
    const section = { ...former };
    put(section, rest.join('.'), value);
    target[head] = section;
  }
}

function secretsIn(node: SettingNode, value: unknown, where: string): readonly Problem[] {
  const found: Problem[] = [];
  mapSettings(node, value, (setting, inner) => {
    if (setting.meta.secret) found.push({ where, key: setting.key, problem: `secrets are not accepted as flags; use ${setting.name}File` });
    return inner;
  });
  return found;
}

/** `runProcess` removes the variable, so that every certificate is verified all the same. */
function unverifiedWarning({ NODE_TLS_REJECT_UNAUTHORIZED: value }: LoadConfigOptions['environment']): readonly string[] {
  if (value !== '0') return [];
  return [
    'the environment variable NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored: certificates are verified; unset it, and set tls.caFile for eAPI or NODE_EXTRA_CA_CERTS for the ledger if they need another authority',
  ];
}

/**
 * A misspelt variable would be ignored in silence, so it is a warning. It is not an error: container platforms add variables of their own with
 * the name of the service.
 */
function unknownVariables(
  nodes: readonly SettingNode[],
  environment: LoadConfigOptions['environment'],
): readonly (Problem & { readonly isMisspelt: boolean })[] {
  const known = ['DZD_CONFIG', ...nodes.map((node) => environmentNameOf(node.key))];
  return Object.keys(environment)
    .filter((name) => name.startsWith('DZD_') && !known.includes(name))
    .sort()
    .map((name) => {
      const near = nearest(name, known);
      return { where: name, problem: `unknown${near === undefined ? '' : `, did you mean ${near}?`}`, isMisspelt: near !== undefined };
    });
}

/** Read if no other file is named and this one exists. */
export const DEFAULT_CONFIG_FILE = '/etc/dzd-telemetry/config.yaml';

export interface LoadConfigOptions {
  /** The file that `--config` names. */
  readonly file?: string;
  /** Values of flags, by setting: `{ 'collector.interval': '2s' }`. */
  readonly flags?: Readonly<Record<string, string>>;
  /** The process's environment; only names that begin with DZD_ matter. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Instead of DEFAULT_CONFIG_FILE. */
  readonly defaultFile?: string;
}

export interface LoadedConfig {
  readonly config: AgentConfig;
  /** The file that was read, if any. */
  readonly file?: string;
  /** Valid, but probably not intended; one line each. */
  readonly warnings: readonly string[];
  /** Where this path or address was set: `config.yaml:5`, a flag, a variable. Undefined for a default. */
  readonly placeOf: (value: string) => string | undefined;
}

/**
 * Loads the configuration: flags win over environment over file over the network's preset over defaults. Lists are replaced as a whole.
 * Throws AgentError `CONFIG__…` with every problem, each with its file and line, variable or flag.
 */
export function loadConfig(options: LoadConfigOptions): LoadedConfig {
  const root = settingTree();
  const { environment, defaultFile = DEFAULT_CONFIG_FILE } = options;
  const path = options.file ?? (environment.DZD_CONFIG || (existsSync(defaultFile) ? defaultFile : undefined));
  const file = path === undefined ? undefined : readConfigFile(path);
  const layers = stackLayers(root, file, options);

  const parsed = configSchema.safeParse(layers.value);
  const checked = parsed.success ? crossCheck(parsed.data) : undefined;
  const found = parsed.success
    ? (checked?.problems ?? [])
    : withoutEchoes(parsed.error.issues.flatMap((issue) => problemsOf(root, issue, layers)));
  const problems = [...layers.problems, ...found.map(layers.locate)];
  if (!parsed.success || problems.length > 0) throw refusal([...problems, ...layers.misspelt]);

  const warnings = [...layers.warnings, ...(checked?.warnings ?? [])];
  if (file !== undefined && holdsCommunity(parsed.data)) warnings.push(...accessWarnings('the configuration file', file.path, file));
  const placeOf = (wanted: string): string | undefined => {
    const path = pathOf(parsed.data, wanted);
    const isWritten = path?.reduce<unknown>(member, layers.value) !== undefined;
    return path === undefined || !isWritten ? undefined : layers.locate({ path, problem: '' }).where;
  };
  return { config: parsed.data, warnings, placeOf, file: path };
}

/** The path to the first setting with this value. A listen address is parsed into host and port. */
function pathOf(value: unknown, wanted: string): readonly PropertyKey[] | undefined {
  if (value === wanted) return [];
  if (typeof value !== 'object' || value === null) return undefined;
  if (`${String(member(value, 'host'))}:${String(member(value, 'port'))}` === wanted) return [];
  for (const [name, inner] of Object.entries(value)) {
    const rest = pathOf(inner, wanted);
    if (rest !== undefined) return [Array.isArray(value) ? Number(name) : name, ...rest];
  }
  return undefined;
}

function holdsCommunity({ collector: { sources, wakeUps } }: AgentConfig): boolean {
  const ofVrfs = sources.flatMap((source) => (source.type === 'snmp' && source.vrfs !== 'auto' ? source.vrfs : []));
  return [...sources, ...wakeUps, ...ofVrfs].some((holder) => 'community' in holder && holder.community !== undefined);
}

/** Without a valid network its presets are missing, too; only the network is reported. */
function withoutEchoes(problems: readonly KeyProblem[]): readonly KeyProblem[] {
  if (!problems.some(({ path }) => path[0] === 'env')) return problems;
  return problems.filter(({ path, problem }) => path[0] !== 'ledger' || !problem.startsWith('is required'));
}

/**
 * The part of a new configuration that a reload can apply: the new one with the key, the device, the log and the HTTP server of the running one,
 * which outlive a reload. `waiting` names the changed keys that need a restart, in the order of the schema.
 */
export function keepUntilRestart(
  running: AgentConfig,
  read: AgentConfig,
): { readonly config: AgentConfig; readonly waiting: readonly string[] } {
  const valueAt = (config: AgentConfig, key: string): unknown => key.split('.').reduce<unknown>(member, config);
  const waiting = plainSettings(settingTree())
    .filter(({ key, meta }) => !meta.reloadable && !isDeepStrictEqual(valueAt(running, key), valueAt(read, key)))
    .map(({ key }) => key);
  const { device, keypair, http, log } = running;
  return { config: { ...read, device, keypair, http, log }, waiting };
}
