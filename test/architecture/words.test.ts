import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** Words and phrases that an engineer of the field would have to translate; the comment has what to write instead. */
const WORDS = [
  'tell|tells|told', // say, report, show, distinguish
  'whoever|nobody|somebody|those who', // name the role, or use the passive voice
  'strangers?', // unmatched, unknown
  'in the air', // in flight
  'sets? aside|setting aside', // quarantine
  'sets? back', // roll back
  'mended', // fixed
  'the truth', // the actual state
  'lives', // is, runs
  'beside', // next to, in addition to
].map((words) => new RegExp(`\\b(?:${words})\\b`, 'gi'));

/** Identifiers of before, each with a better name today. */
const IDENTIFIERS =
  /\b(?:secondLook|createUserTeller|tellOfUsers|ViewKeeper|breathe|Breathe|inSlices|atOnce|lifeController|shareWork|WakeUp|WakeUpSource|setAside|lastResort|vouchFor|EndpointFault|faultOf|tooEarly|notYet|Flights|lastLook|accuse|guilty|suspects|settleFailure|WriteGate|restate|AgentWindow|Surroundings|nameThePlace|fencedSocket|leftOut|HOLD_WORDS|happenings|oddities|(?:agent|user)-never)\b/g;

/** The only uses that stay: former names of outputs, which readers of older versions look for. */
const LITERAL: readonly (readonly [file: string, line: string])[] = [['CHANGELOG.md', '`reason="wrongSource"`, formerly `strangers`']];

function filesIn(folder: string, ending: RegExp): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name));
}

/** Titles of tests and groups, on the lines where they stand. */
function titles(source: string): string {
  const title = /(?:\b(?:test|describe)(?:\.\w+)*|\]\)?|\))\(\s*(['"`])((?:(?!\1)[^\\\n]|\\.)+)\1,/g;
  const lines: string[] = [];
  for (const { index, 2: text = '' } of source.matchAll(title)) lines[source.slice(0, index).split('\n').length - 1] = text;
  return Array.from(lines, (line) => line ?? '').join('\n');
}

/** `file:line: word`, for each forbidden word. */
function forbiddenIn(file: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line, at) => {
    if (LITERAL.some(([where, part]) => where === file && line.includes(part))) return [];
    return [...WORDS, IDENTIFIERS].flatMap((pattern) => (line.match(pattern) ?? []).map((word) => `${file}:${at + 1}: ${word}`));
  });
}

test('code, help, logs, pages and titles of tests are in the words of the field', () => {
  const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'];
  const folders = ['src', 'localnet', 'docs', 'mixin', 'examples', 'config', 'systemd', 'packaging'];
  const prose = [...pages, ...folders.flatMap((folder) => filesIn(folder, /\.(ts|md|json|ya?ml|mjs|cjs|service|conf|1)$/))];
  const tests = filesIn('test', /\.test\.ts$/);
  const found = [
    ...prose.flatMap((file) => forbiddenIn(file, readFileSync(join(ROOT, file), 'utf8'))),
    ...tests.flatMap((file) => forbiddenIn(file, titles(readFileSync(join(ROOT, file), 'utf8')))),
  ];
  expect(found).toEqual([]);
});

test('every literal use is still there', () => {
  for (const [file, line] of LITERAL) expect(readFileSync(join(ROOT, file), 'utf8')).toContain(line);
});

test('a forbidden word is found in prose, in an identifier and in a title', () => {
  expect(forbiddenIn('a.md', 'It is right.\nThe log Tells you.')).toEqual(['a.md:2: Tells']);
  expect(forbiddenIn('a.ts', 'const secondLook = halfLives;')).toEqual(['a.ts:1: secondLook']);
  const [nobody, truth] = ["'nobody is here'", "'the truth of %s'"];
  const source = `const nobody = 1;\ntest(${nobody}, run);\ntest.for([1])(${truth}, run);\ntest(\n  ${nobody},\n  run,\n);`;
  expect(forbiddenIn('a.test.ts', titles(source))).toEqual(['a.test.ts:2: nobody', 'a.test.ts:3: the truth', 'a.test.ts:4: nobody']);
});

test('the vocabulary of the spelling check is sorted', () => {
  const { words, overrides } = JSON.parse(readFileSync(join(ROOT, 'cspell.json'), 'utf8'));
  for (const list of [words, overrides[0].words]) expect(list).toEqual([...new Set(list)].sort());
});
