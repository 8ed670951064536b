import { type CommandOutcome, runCommand } from './commands.ts';
import type { Scene } from './render-summary.ts';
import { renderText } from './render-text.ts';

/** What follows `failed: ` in the message of each code. */
const PHRASES: Readonly<Record<number, string>> = {
  1000: 'could not run command',
  1001: 'internal error',
  1002: 'invalid command',
  1003: 'unconverted command',
  1004: 'incompatible revision',
  1005: 'Command unauthorized: user has insufficient permissions',
};

const PARAMETERS = ['version', 'cmds', 'format', 'timestamps', 'autoComplete', 'expandAliases', 'stopOnError', 'includeErrorDetail'];

interface Command {
  readonly cmd: string;
  readonly revision: number;
}

interface RunCmds {
  readonly cmds: readonly Command[];
  readonly format: 'json' | 'text';
  readonly timestamps: boolean;
  readonly stopOnError: boolean;
}

/**
 * Answers one `runCmds` request. `error.data` holds the results up to and including the failed command, whose element has `errors`.
 * The codes of a malformed envelope are JSON-RPC 2.0's own. `onCommand` hears of each command that is run.
 */
export function answerRunCmds(body: string, scene: Scene, onCommand: (command: string) => void): Record<string, unknown> {
  let request: unknown;
  try {
    request = JSON.parse(body);
  } catch {
    return fail(null, -32_700, 'Parse error');
  }
  if (!isRecord(request)) return fail(null, -32_600, 'Invalid request');
  const id = typeof request.id === 'string' || typeof request.id === 'number' ? request.id : null;
  if (request.jsonrpc !== '2.0') return fail(id, -32_600, 'Invalid request');
  if (request.method !== 'runCmds') return fail(id, -32_601, 'Method not found');
  const params = readParams(request.params, scene);
  return typeof params === 'string' ? fail(id, -32_602, params) : run(id, params, scene, onCommand);
}

function run(id: string | number | null, params: RunCmds, scene: Scene, onCommand: (command: string) => void): Record<string, unknown> {
  const results: unknown[] = [];
  let failed: { readonly code: number; readonly message: string } | undefined;
  for (const [index, { cmd, revision }] of params.cmds.entries()) {
    onCommand(cmd);
    const outcome = runCommand(scene, cmd, revision);
    results.push(present(outcome, cmd, params, scene));
    if (outcome.kind === 'result') continue;
    const phrase = PHRASES[outcome.code] ?? 'could not run command';
    failed ??= { code: outcome.code, message: `CLI command ${index + 1} of ${params.cmds.length} '${cmd}' failed: ${phrase}` };
    if (params.stopOnError) break;
  }
  return failed === undefined ? { jsonrpc: '2.0', id, result: results } : fail(id, failed.code, failed.message, results);
}

function present(outcome: CommandOutcome, cmd: string, { format, timestamps }: RunCmds, { sim, oddities }: Scene): unknown {
  const meta = timestamps ? { _meta: { execStartTime: sim.now() / 1_000, execDuration: 0.002_406_120_300_292_968_8 } } : {};
  if (outcome.kind === 'failure') return { errors: outcome.errors, ...meta };
  if (format === 'text') return { output: renderText(cmd, outcome.result), ...meta };
  const result = { ...outcome.result, ...meta };
  return oddities.resultsAsText ? JSON.stringify(result) : result;
}

/** The parameters, or what is wrong with them. */
function readParams(params: unknown, { oddities }: Scene): RunCmds | string {
  if (!isRecord(params)) return 'Invalid params';
  const unknown = Object.keys(params).find((key) => !PARAMETERS.includes(key) || (key === 'timestamps' && !oddities.knowsTimestamps));
  if (unknown !== undefined) return `runCmds() got an unexpected keyword argument '${unknown}'`;
  const { version = 1, cmds, format = 'json', timestamps = false, stopOnError = true } = params;
  if (version !== 'latest' && !Number.isInteger(version)) return 'Invalid version';
  if (format !== 'json' && format !== 'text') return 'Invalid format';
  if (!Array.isArray(cmds)) return 'cmds must be a list';
  const commands: Command[] = [];
  for (const entry of cmds) {
    const command: unknown = typeof entry === 'string' ? { cmd: entry } : entry;
    if (!isRecord(command) || typeof command.cmd !== 'string') return 'a command must be text or have cmd';
    const { revision = 1 } = command;
    if (typeof revision !== 'number' || !Number.isInteger(revision) || revision < 1) return 'revision must be a positive whole number';
    commands.push({ cmd: command.cmd, revision });
  }
  return { cmds: commands, format, timestamps: timestamps === true, stopOnError: stopOnError !== false };
}

function fail(id: string | number | null, code: number, message: string, data: readonly unknown[] = []): Record<string, unknown> {
  return { jsonrpc: '2.0', id, error: { code, message, data } };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
