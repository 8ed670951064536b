import type { CrossChecked } from './cross-checked.ts';
import type { KeyProblem } from './problems.ts';
import type { SnmpSourceConfig, SnmpTrapsConfig } from './schema.ts';

type Vrf = Exclude<SnmpSourceConfig['vrfs'], 'auto'>[number];

/** Whether the settings of an SNMP source fit each other and its version. */
export function checkSnmpSource(source: SnmpSourceConfig): CrossChecked {
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

/** The same of a listener for notifications. */
export function checkSnmpTraps(traps: SnmpTrapsConfig): CrossChecked {
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
  return given.map((key) => ({ path: [key], problem: 'belongs to version 3' }));
}

/** A user without a passphrase says so, and encryption needs authentication (RFC 3414). */
function userProblems(settings: UserSettings): readonly KeyProblem[] {
  const { user, authProtocol, authPasswordFile, privProtocol, privPasswordFile } = settings;
  const problems: KeyProblem[] = [];
  if (user === undefined) problems.push({ path: ['user'], problem: 'is required: version 3 has a user instead of a community' });
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
    if (protocol === 'none' && file !== undefined) problems.push({ path: [key], problem: `stands beside ${protocolKey} none` });
  }
  return problems;
}

function holderProblems(
  version: SnmpSourceConfig['version'],
  path: readonly (string | number)[],
  holder: CommunitySettings & Pick<Vrf, 'context'>,
): readonly KeyProblem[] {
  const given = (['community', 'communityFile'] as const).filter((key) => holder[key] !== undefined);
  if (version === '3') return given.map((key) => ({ path: [...path, key], problem: 'belongs to version 2c; version 3 has a user' }));
  const problems: KeyProblem[] = [];
  if (given.length === 2) problems.push({ path: [...path, 'community'], problem: 'stands beside communityFile; remove one of them' });
  if (holder.context !== undefined) problems.push({ path: [...path, 'context'], problem: 'belongs to version 3' });
  return problems;
}

/** A user without authentication is nobody: what it is sent anybody may have sent. */
function unprotectedWarnings({ version, authProtocol }: Pick<SnmpTrapsConfig, 'version' | 'authProtocol'>): readonly string[] {
  return version === '3' && authProtocol === 'none' ? ['authProtocol is none: anyone who reaches the port can forge its messages'] : [];
}

function clearTextWarnings(holders: readonly CommunitySettings[]): readonly string[] {
  if (holders.every(({ community }) => community === undefined)) return [];
  return ['a community is written in clear text in the configuration; prefer communityFile'];
}
