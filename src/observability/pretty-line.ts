import { printable } from './plain-json.ts';

/** One line for a person: `12:00:01 INFO text key=value`, in the time of this host. */
export function prettyLine({ time, level, msg, ...fields }: Readonly<Record<string, unknown>>): string {
  const at = typeof time === 'string' ? new Date(time).toTimeString().slice(0, 8) : '--:--:--';
  const parts = [at, String(level).toUpperCase().padEnd(5), printable(String(msg ?? ''))];
  return `${[...parts, ...fieldTexts(fields)].join(' ')}\n${stackText(fields.error)}`;
}

function fieldTexts(fields: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    if (key !== 'error' || !isObject(value)) return [`${key}=${valueText(value)}`];
    const { message, code, remedy } = value;
    // The class is for machines; a person needs what happened and what to do.
    return [
      `error=${valueText(message)}`,
      ...(code === undefined ? [] : [`code=${valueText(code)}`]),
      ...(remedy === undefined ? [] : [`remedy=${valueText(remedy)}`]),
    ];
  });
}

/** The frames of an unexpected error, indented below its line. */
function stackText(error: unknown): string {
  if (!isObject(error) || typeof error.stack !== 'string') return '';
  const frames = error.stack.split('\n').filter((line) => line.startsWith('    at '));
  return frames.map((frame) => `${printable(frame)}\n`).join('');
}

function valueText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const plain = typeof value !== 'string' || /^[^\s"=]+$/.test(text);
  return printable(plain ? text : JSON.stringify(text));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
