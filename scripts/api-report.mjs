#!/usr/bin/env node
/*
 * node scripts/api-report.mjs [--check]
 *
 *   src/serviceability/index.ts       ──tsc──► declarations ──► docs/api/serviceability.api.md
 *   src/serviceability/rfc11/index.ts                       ──► docs/api/serviceability-rfc11.api.md
 *
 * One entry for each exported name, its declaration without comments, in the order of the alphabet: a change of what the SDK's users
 * see, changes this file with it. With --check nothing is written; it fails, and shows the lines, when the file is not what it should be,
 * and when something exported has no comment. (TypeScript 7 has no library that API Extractor could parse with.)
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const ENTRIES = [
  { name: 'dzd-telemetry-agent/serviceability', folder: 'serviceability', file: 'docs/api/serviceability.api.md' },
  { name: 'dzd-telemetry-agent/serviceability/rfc11', folder: 'serviceability/rfc11', file: 'docs/api/serviceability-rfc11.api.md' },
];

const types = emitDeclarations();
const reports = ENTRIES.map((entry) => ({ ...entry, ...writeReport(entry.name, collect(join(types, entry.folder))) }));
rmSync(types, { recursive: true });
for (const { file, text } of reports) {
  if (!values.check) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
    continue;
  }
  const difference = differenceOf(readReport(file), text);
  if (difference.length > 0) fail(`${file} is out of date; see what changed, then run npm run api:update:\n${difference.join('\n')}`);
}
const undocumented = reports.flatMap(({ entries }) => entries.filter(({ documented }) => !documented).map(({ name }) => name));
if (undocumented.length > 0) fail(`exported without a comment: ${undocumented.join(', ')}`);
for (const { name, entries } of reports)
  console.log(`${entries.length} exports of ${name} ${values.check ? 'are as reported' : 'reported'}`);

function emitDeclarations() {
  const outDir = mkdtempSync(join(tmpdir(), 'dzd-api-'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'scripts/tsconfig.types.json'), '--outDir', outDir], {
    stdio: 'inherit',
  });
  if (status !== 0) fail('the declarations could not be made');
  return outDir;
}

/** Every declaration that the index exports, and those without export that the modules behind it have. */
function collect(folder) {
  const entries = new Map();
  const internal = new Map();
  const declared = new Map();
  for (const { module, names } of exportsOf(readFileSync(join(folder, 'index.d.ts'), 'utf8'))) {
    for (const declaration of declarationsOf(readFileSync(join(folder, module), 'utf8'))) {
      declared.set(declaration.name, declaration);
      if (!declaration.exported) internal.set(declaration.name, declaration);
      else if (names === undefined || names.has(declaration.name)) entries.set(declaration.name, declaration);
    }
    for (const name of names ?? []) if (!entries.has(name)) fail(`${module} does not declare ${name}`);
  }
  const whole = [...entries.values()].map((entry) => ({ ...entry, text: withFields(entry.text, declared) }));
  return { entries: whole, internal: [...internal.values()] };
}

/** Replaces each `extends Fields<typeof LAYOUT>` of an interface with the fields of the layout. */
function withFields(text, declarations) {
  const [head, bases] = /^export interface \w+ extends (.*?) \{/.exec(text) ?? [];
  if (!bases?.includes('Fields<typeof ')) return text;
  const others = [];
  const fields = bases.split(', ').flatMap((base) => {
    const layout = /^Fields<typeof (\w+)>$/.exec(base)?.[1];
    if (layout === undefined) return others.push(base) && [];
    const [, ...lines] = declarations
      .get(layout)
      .text.replaceAll(/import\("[^"]*"\)\./g, '')
      .split('\n');
    return lines.slice(0, -1).map((line) => line.replace(/\bFieldCodec<(.*)>;$/, '$1;').replace(/^( +)(?=\w)/, '$1readonly '));
  });
  const plain = head.replace(/ extends .*/, `${others.length === 0 ? '' : ` extends ${others.join(', ')}`} {`);
  return [plain, ...fields].join('\n') + text.slice(head.length);
}

function exportsOf(index) {
  const found = [];
  for (const [, star, list, module] of index.matchAll(/export (?:type )?(?:(\*)|\{([^}]*)\}) from '(\.{1,2}\/[^']+)\.ts';/g)) {
    const names =
      star === undefined
        ? new Set(
            list
              .split(',')
              .map((name) => name.trim().replace(/^type /, ''))
              .filter(Boolean),
          )
        : undefined;
    found.push({ module: `${module}.d.ts`, names });
  }
  return found;
}

/** The top-level declarations of a file, each with its comment taken off. */
function declarationsOf(source) {
  const found = [];
  let rest = source;
  for (;;) {
    const comments = rest.match(/^(?:\s*\/\*[\s\S]*?\*\/|\s*\/\/[^\n]*)*\s*/)[0];
    rest = rest.slice(comments.length);
    if (rest === '') return found;
    const end = endOf(rest);
    const text = withoutComments(rest.slice(0, end));
    rest = rest.slice(end);
    const match = /^(export )?(?:declare )?(?:abstract )?(?:class|interface|type|const|function) (\w+)/.exec(text);
    if (match !== null)
      found.push({ name: match[2], exported: match[1] !== undefined, text: text.trim(), documented: isDocumented(comments) });
  }
}

/** A comment that says something stands right before the declaration. */
function isDocumented(comments) {
  return /\/\*\*[\s\S]*\S[\s\S]*\*\/\s*$/.test(comments);
}

/** A class or an interface ends with its brace, everything else with a semicolon outside of all brackets. */
function endOf(source) {
  const endsWithBrace = /^(export )?(declare )?(class|interface)\b/.test(source);
  let depth = 0;
  for (let at = 0; at < source.length; at++) {
    const char = source[at];
    if (source.startsWith('/*', at)) at = source.indexOf('*/', at) + 1;
    else if (char === "'" || char === '"' || char === '`') at = source.indexOf(char, at + 1);
    else if ('{(['.includes(char)) depth++;
    else if ('})]'.includes(char)) depth--;
    if (depth === 0 && (char === ';' || (endsWithBrace && char === '}'))) return at + 1;
  }
  return source.length;
}

function withoutComments(text) {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/\n[ \t]*(?=\n)/g, '')
    .replaceAll(/^ {4}#private;\n/gm, '');
}

function writeReport(name, { entries, internal }) {
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const block = ({ text }) => `\`\`\`ts\n${text}\n\`\`\``;
  const named = internal.filter(({ name }) => sorted.some(({ text }) => new RegExp(`\\b${name}\\b`).test(text)));
  const text = [
    `# API of ${name}`,
    'Written by `npm run api:update`; do not edit. A change here is a change for users of the SDK: a line that goes away or differs is a breaking one.',
    `${sorted.length} exports.`,
    ...sorted.flatMap((entry) => [`## ${entry.name}`, block(entry)]),
    '# Not exported, but named above',
    ...named.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(block),
  ];
  return { entries: sorted, text: `${text.join('\n\n')}\n` };
}

function readReport(file) {
  try {
    return readFileSync(join(root, file), 'utf8');
  } catch {
    return '';
  }
}

/** The lines that only one side has, enough to see what changed. */
function differenceOf(before, after) {
  if (before === after) return [];
  const [old, current] = [before.split('\n'), after.split('\n')];
  const [inOld, inCurrent] = [new Set(old), new Set(current)];
  const gone = old.filter((line) => !inCurrent.has(line)).map((line) => `- ${line}`);
  const fresh = current.filter((line) => !inOld.has(line)).map((line) => `+ ${line}`);
  return [...gone, ...fresh, ...(gone.length + fresh.length === 0 ? ['  the same lines in another order'] : [])].slice(0, 60);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
