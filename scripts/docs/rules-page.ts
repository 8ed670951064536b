import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TEST = 'test';

/** A title such as `rule 17: a newer status waits for one that is in flight`, in quotes of any kind, as it stands in the source. */
const TAGGED_TITLE = /(['"`])rule (\d+): ((?:(?!\1)[^\\\n]|\\.)+)\1/g;

interface RuleTest {
  readonly rule: number;
  readonly file: string;
  readonly title: string;
}

/** Every test whose title begins with the rule that it holds, by rule and file. Reads `test/` below the current directory. */
function ruleTests(): readonly RuleTest[] {
  const files = readdirSync(TEST, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files
    .sort()
    .flatMap((file) =>
      [...readFileSync(join(TEST, file), 'utf8').matchAll(TAGGED_TITLE)].map(([, , rule, title = '']) => ({
        rule: Number(rule),
        file: file.replaceAll('\\', '/'),
        title: title.replaceAll(/\\(['"`])/g, '$1').replaceAll('|', '\\|'),
      })),
    )
    .sort((one, other) => one.rule - other.rule);
}

/** Which test holds which rule of docs/architecture.md: a table made from the titles of the tests, so that it cannot name a test that is gone. */
export function rulesPage(): string {
  const rows = ruleTests().map(({ rule, file, title }) => `| ${rule} | \`${file}\` | ${title} |`);
  return `# Rules and their tests

Generated from the titles of the tests by \`node scripts/generate-docs.mjs\`; do not edit. A test that holds a rule of
[architecture.md](architecture.md#rules) begins its title with \`rule N:\`. \`%s\` and \`\${…}\` stand for the rows of a table in the test.

| rule | file in \`test/\` | test |
|---|---|---|
${rows.join('\n')}
`;
}
