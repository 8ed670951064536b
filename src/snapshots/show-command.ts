/** The words that may follow `show` where the answer would hold the switch's configuration or its files: keys and passwords are among it. */
const SECRETIVE = ['running-config', 'startup-config', 'session-config', 'configuration', 'archive', 'tech-support', 'file'];

/** Printable ASCII but for what a command line gives a meaning to: pipes, separators, redirections, quotes, expansions. */
const PLAIN = /^show [A-Za-z0-9 ./:_@%+,*()=-]*$/;
const MAX_LENGTH = 200;

/**
 * Why a command may not be run, in a few words; undefined for a harmless one. A list from outside must not be able to make the switch do more
 * than show, nor show what is secret. EOS takes any beginning of a word for the word, so a beginning is refused like the word.
 */
export function problemOfShowCommand(command: string): string | undefined {
  if (command.length > MAX_LENGTH) return `it has more than ${MAX_LENGTH} characters`;
  if (!command.startsWith('show ')) return 'it does not begin with `show `';
  if (!PLAIN.test(command)) return 'it holds more than plain words';
  const words = command.split(' ').filter((word) => word !== '');
  const what = words[1]?.toLowerCase();
  if (what === undefined) return 'it shows nothing';
  const secretive = SECRETIVE.find((word) => word.startsWith(what) || what.startsWith(word));
  return secretive === undefined ? undefined : `\`show ${secretive}\` reveals configuration or files`;
}

/** The kind of a show command: its words after `show`, joined by dashes, as state-ingest names them (`show ip mroute` is `ip-mroute`). */
export function kindOfShowCommand(command: string): string {
  return command
    .replace(/^show /, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}
