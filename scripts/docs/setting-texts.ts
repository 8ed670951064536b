import type { SettingNode } from '../../src/config/index.ts';

/** The default as written in a file, or the word for its absence. */
export function defaultText({ required, default: standard, meta }: SettingNode): string {
  if (standard !== undefined && meta.form !== 'section') return typeof standard === 'object' ? JSON.stringify(standard) : String(standard);
  if (meta.ofNetwork) return 'that of the network';
  return required ? 'required' : 'none';
}

/** The expected value, with its unit if the text does not name it. */
export function expectsText({ meta }: SettingNode): string {
  const { expects, unit, form } = meta;
  return unit === undefined || form === 'duration' || expects.includes(unit) ? expects : `${expects} (${unit})`;
}

/** The fields of a section and of the sections in it, with the section's name as prefix. */
export function flatFields(section: SettingNode, prefix = ''): readonly { readonly name: string; readonly node: SettingNode }[] {
  return [...section.children.values()].flatMap((node) =>
    node.meta.form === 'section' ? flatFields(node, `${prefix}${node.name}.`) : [{ name: `${prefix}${node.name}`, node }],
  );
}

/** Breaks a text into lines of at most `width` characters, at spaces. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
