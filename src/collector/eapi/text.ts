const CONTROL_CHARACTERS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu;

/** Text of a switch, made fit for one line of a log: no control characters, no secret that a command was given, not longer than `max`. */
export function oneLine(text: string, max = 120): string {
  const line = text
    // Only the beginning can be shown, so only that is worked on, however long the rest.
    .slice(0, max * 4)
    .replaceAll(CONTROL_CHARACTERS, ' ')
    .replaceAll(/input=\S*( '[^']*')?/g, 'input=…')
    .trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}
