import type { EapiSourceOptions, EapiTls } from './collector/eapi/index.ts';
import type { SwitchSource, WakeUpSource } from './collector/index.ts';
import type { NamedSnmpVrf, SnmpCredentials, SnmpUser } from './collector/snmp/index.ts';
import {
  type EapiSourceConfig,
  loadSecret,
  type SnmpSourceConfig,
  type SnmpTrapsConfig,
  type SourceConfig,
  type WakeUpConfig,
} from './config/index.ts';
import type { Clock, Random } from './lib/index.ts';

export interface Surroundings {
  readonly clock: Clock;
  /** What is worth a warning: secrets that others can read, certificates that nobody verifies. */
  readonly warn: (line: string) => void;
}

/** Reads the secret that the setting `key` of one item names. Throws AgentError `CONFIG__SECRET_UNREADABLE`. */
type ReadSecret = (key: string, file: string) => string;

const secretsOf =
  (list: 'sources' | 'wakeUps', name: string, warn: Surroundings['warn']): ReadSecret =>
  (key, file) => {
    const { value, warnings } = loadSecret(`collector.${list}.${name}.${key}`, file);
    for (const line of warnings) warn(line);
    return value;
  };

/**
 * The source that the configuration describes. A source's library is loaded only when the configuration uses it: together they cost tens of
 * megabytes. Throws AgentError `CONFIG__SECRET_UNREADABLE`, or what a source throws for settings that no switch could accept.
 */
export async function openSource(config: SourceConfig, { clock, warn }: Surroundings): Promise<SwitchSource> {
  const secret = secretsOf('sources', config.name, warn);
  switch (config.type) {
    case 'eapi': {
      const { createEapiSource } = await import('./collector/eapi/index.ts');
      const { name, timeout } = config;
      if (config.tls.insecure) warn(`source ${name} does not verify the switch's certificate: whoever answers is believed`);
      return createEapiSource({ name, ...eapiAccess(config, warn), timeoutMs: timeout, clock });
    }
    case 'snmp': {
      const { createSnmpSource } = await import('./collector/snmp/index.ts');
      const { name, host, port, mib, vrfs, timeout, maxRows } = config;
      return createSnmpSource({
        name,
        host,
        port,
        ...credentialsOf(config, secret),
        mib,
        vrfs: vrfs === 'auto' ? vrfs : vrfs.map((vrf) => vrfOf(vrf, secret)),
        timeoutMs: timeout,
        maxRows,
        clock,
      });
    }
    case 'sockets': {
      const { createSocketsSource } = await import('./collector/sockets/index.ts');
      const { name, folder, timeout } = config;
      return createSocketsSource({ name, folder, timeoutMs: timeout, clock });
    }
  }
}

/** Where an eAPI is, and how it and this agent prove themselves to each other. Throws AgentError `CONFIG__SECRET_UNREADABLE`. */
export function eapiAccess(
  config: EapiSourceConfig,
  warn: Surroundings['warn'],
): Pick<EapiSourceOptions, 'endpoint' | 'credentials' | 'tls'> {
  const { name, url, username, passwordFile, session } = config;
  const access = { endpoint: url, tls: tlsOf(config) };
  if (username === undefined || passwordFile === undefined) return access;
  const password = secretsOf('sources', name, warn)('passwordFile', passwordFile);
  return { ...access, credentials: { username, password, login: session === 'cookie' ? 'session' : 'basic' } };
}

/** The wake-up that the configuration describes; as for a source. */
export async function openWakeUp(
  config: WakeUpConfig,
  { clock, warn, random }: Surroundings & { readonly random: Random },
): Promise<WakeUpSource> {
  switch (config.type) {
    case 'bgp-watch': {
      const { createBgpWatch } = await import('./collector/grpc/index.ts');
      return createBgpWatch({ name: config.name, address: config.address, clock, random });
    }
    case 'snmp-traps': {
      const { createTrapWakeUp } = await import('./collector/snmp/index.ts');
      const { name, host, port, from } = config;
      const credentials = credentialsOf(config, secretsOf('wakeUps', name, warn));
      return createTrapWakeUp({ name, host, port, ...credentials, ...(from === undefined ? {} : { from }), clock, random });
    }
  }
}

function tlsOf({ tls }: EapiSourceConfig): EapiTls {
  if (tls.insecure) return { kind: 'insecure' };
  if (tls.fingerprint !== undefined) return { kind: 'fingerprint', sha256: tls.fingerprint };
  if (tls.caFile === undefined) return { kind: 'system' };
  return { kind: 'ca', caFile: tls.caFile, ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }) };
}

function credentialsOf(config: SnmpSourceConfig | SnmpTrapsConfig, secret: ReadSecret): SnmpCredentials {
  return config.version === '3' ? { user: userOf(config, secret) } : { community: communityOf(config, secret) ?? '' };
}

function communityOf(
  { community, communityFile }: Pick<SnmpTrapsConfig, 'community' | 'communityFile'>,
  secret: ReadSecret,
): string | undefined {
  return community ?? (communityFile === undefined ? undefined : secret('communityFile', communityFile));
}

function userOf(config: SnmpSourceConfig | SnmpTrapsConfig, secret: ReadSecret): SnmpUser {
  const { user = '', authProtocol, authPasswordFile = '', privProtocol, privPasswordFile = '' } = config;
  return {
    name: user,
    ...(authProtocol === 'none' ? {} : { auth: { protocol: authProtocol, password: secret('authPasswordFile', authPasswordFile) } }),
    ...(privProtocol === 'none' ? {} : { priv: { protocol: privProtocol, password: secret('privPasswordFile', privPasswordFile) } }),
  };
}

function vrfOf(vrf: Exclude<SnmpSourceConfig['vrfs'], 'auto'>[number], secret: ReadSecret): NamedSnmpVrf {
  const community = communityOf(vrf, secret);
  return {
    vrf: vrf.name,
    ...(community === undefined ? {} : { community }),
    ...(vrf.context === undefined ? {} : { context: vrf.context }),
  };
}
