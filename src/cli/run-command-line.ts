import type { Command, CommandIo, ExitCode } from './command.ts';
import { parseCommandLine } from './command-line.ts';
import { reportFailure } from './failure.ts';

/** Runs what the arguments ask for, from the first check to the exit code. Never throws. */
export async function runCommandLine(args: readonly string[], commands: readonly Command[], io: CommandIo): Promise<ExitCode> {
  try {
    const parsed = parseCommandLine(args, commands, io.version);
    if (parsed.kind === 'run') return await parsed.start(io);
    (parsed.exitCode === 0 ? io.stdout : io.stderr).write(parsed.text);
    return parsed.exitCode;
  } catch (error) {
    return reportFailure(error, io);
  }
}
