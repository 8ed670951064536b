import { checkEapi } from './check-eapi.ts';
import { checkSnapshots } from './check-snapshots.ts';
import { checkSnmpSource, checkSnmpTraps } from './check-snmp.ts';
import type { CrossChecked } from './cross-checked.ts';
import { formatDuration } from './duration.ts';
import { isLoopback } from './endpoints.ts';
import type { KeyProblem } from './problems.ts';
import type { AgentConfig, SourceConfig, WakeUpConfig } from './schema.ts';

const NOTHING_WRONG: CrossChecked = { problems: [], warnings: [] };

/** What no field can see alone: whether the settings fit each other. */
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
        `source ${source.name}: its timeout is longer than collector.timeout (${formatDuration(config.collector.timeout)}), which ends first`,
      );
    }
  }
  for (const [index, wakeUp] of config.collector.wakeUps.entries()) {
    const checked = checkWakeUp(wakeUp);
    problems.push(...checked.problems.map((found) => ({ ...found, path: ['collector', 'wakeUps', index, ...found.path] })));
    warnings.push(...checked.warnings.map((warning) => `wake-up ${wakeUp.name}: ${warning}`));
  }
  warnings.push(...windowWarnings(config));
  const snapshots = checkSnapshots(config);
  return { problems: [...problems, ...snapshots.problems], warnings: [...warnings, ...snapshots.warnings] };
}

function windowWarnings({ http: { enabled, listen, tokenFile } }: AgentConfig): readonly string[] {
  const { host, port } = listen;
  if (!enabled || tokenFile !== undefined || isLoopback(`http://${host.includes(':') ? `[${host}]` : host}`)) return [];
  return [
    `http.listen: whoever reaches ${host}:${port} can read everything there; name the file of a token in http.tokenFile, or listen on 127.0.0.1`,
  ];
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

function checkWakeUp(wakeUp: WakeUpConfig): CrossChecked {
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

/** Sources and wake-ups are told of by their names alone. */
function nameProblems({ collector }: AgentConfig): readonly KeyProblem[] {
  const places = (['sources', 'wakeUps'] as const).flatMap((list) =>
    collector[list].map(({ name }, index) => ({ name, path: ['collector', list, index, 'name'] })),
  );
  const names = places.map(({ name }) => name);
  return places.flatMap(({ name, path }, index) => {
    const first = names.indexOf(name);
    const kind = places[first]?.path[1] === 'sources' ? 'source' : 'wake-up';
    return first === index ? [] : [{ path, problem: `the name "${name}" is taken by an earlier ${kind}; write another one` }];
  });
}
