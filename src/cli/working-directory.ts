/** yargs asks for the working directory while it loads. Where that was deleted, the process would end with a stack. */
export function requireWorkingDirectory(program: string): void {
  try {
    process.cwd();
  } catch {
    process.stderr.write(`${program}: the working directory does not exist any longer; change to another one, such as with \`cd /\`\n`);
    process.exit(1);
  }
}
