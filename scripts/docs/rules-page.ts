import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TEST = 'test';

/** A test whose title begins with a tag. */
export interface TaggedTest {
  readonly number: number;
  /** Below `test/`. */
  readonly file: string;
  /** Without the tag. */
  readonly title: string;
}

/**
 * Every test whose title begins with this tag, such as `rule 17: a newer status waits for one that is in flight`, in quotes of any kind, as it stands
 * in the source; by number and file. Reads `test/` below the current directory.
 */
export function taggedTests(tag: 'rule' | 'rfc19'): readonly TaggedTest[] {
  const tagged = new RegExp(`(['"\`])${tag} (\\d+): ((?:(?!\\1)[^\\\\\\n]|\\\\.)+)\\1`, 'g');
  const files = readdirSync(TEST, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files
    .sort()
    .flatMap((file) =>
      [...readFileSync(join(TEST, file), 'utf8').matchAll(tagged)].map(([, , number, title = '']) => ({
        number: Number(number),
        file: file.replaceAll('\\', '/'),
        title: title.replaceAll(/\\(['"`])/g, '$1').replaceAll('|', '\\|'),
      })),
    )
    .sort((one, other) => one.number - other.number);
}

/** Which test holds which rule of docs/architecture.md: a table made from the titles of the tests, so that it cannot name a test that is gone. */
export function rulesPage(): string {
  const rows = taggedTests('rule').map(({ number, file, title }) => `| ${number} | \`${file}\` | ${title} |`);
  return `# Rules and their tests

Generated from the titles of the tests by \`node scripts/generate-docs.mjs\`; do not edit. A test that holds a rule of
[architecture.md](architecture.md#rules) begins its title with \`rule N:\`. \`%s\` and \`\${…}\` stand for the rows of a table in the test.

| rule | file in \`test/\` | test |
|---|---|---|
${rows.join('\n')}
`;
}
