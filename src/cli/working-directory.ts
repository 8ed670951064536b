/** yargs reads the working directory while it loads. If it was deleted, Node.js would end the process with a stack trace. */
export function requireWorkingDirectory(program: string): void {
  try {
    process.cwd();
  } catch {
    process.stderr.write(`${program}: the working directory no longer exists; change to another one, for example with \`cd /\`\n`);
    process.exit(1);
  }
}
