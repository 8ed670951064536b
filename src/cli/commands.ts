import { checkCommand } from './check.ts';
import { demoCommand } from './demo.ts';
import { explainCommand } from './explain.ts';
import { localnetCommand } from './localnet.ts';
import { runProcess } from './process-shell.ts';
import { runCommand } from './run.ts';
import { runCommandLine } from './run-command-line.ts';
import { statusCommand } from './status.ts';

/** Runs the command that the process was started for, to its end. */
export function runCommands(): Promise<void> {
  return runProcess((args, io) =>
    runCommandLine(args, [runCommand, checkCommand, statusCommand, explainCommand, localnetCommand, demoCommand], io),
  );
}
