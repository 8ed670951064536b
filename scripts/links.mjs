#!/usr/bin/env node
/*
 * node scripts/links.mjs [--installed] [FOLDER]
 *
 * Links, anchors and images of all Markdown pages in a folder lead somewhere; of this repository where none is named. Without a network: an address with a
 * scheme is not asked.
 *
 * With --installed FOLDER is a root file system: the pages of the installed package, the runbooks of its alerts, and the schema that its configuration names.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ options: { installed: { type: 'boolean', default: false } }, allowPositionals: true });
const root = resolve(positionals[0] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
const references = values.installed ? installedReferences() : pages(root);
const broken = references.filter(({ to, anchor }) => !existsSync(to) || (anchor !== undefined && !anchorsOf(to).has(anchor)));
for (const { from, line, to, anchor } of broken) {
  const target = `${relative(root, to)}${anchor === undefined ? '' : `#${anchor}`}`;
  console.error(`${relative(root, from)}:${line}: ${target} ${existsSync(to) ? 'has no such heading' : 'does not exist'}`);
}
console.log(`${references.length} references, ${broken.length} of them broken`);
if (broken.length > 0 || references.length === 0) process.exitCode = 1;

function installedReferences() {
  const doc = join(root, 'usr/share/doc/dzd-telemetry');
  const runbooks = named(join(root, 'usr/share/dzd-telemetry/mixin'), /runbook_url: (\S+)/g);
  const schemas = [join(doc, 'config'), join(root, 'etc/dzd-telemetry')].flatMap((folder) => named(folder, /\$schema=(\S+)/g));
  return [...pages(doc), ...runbooks, ...schemas];
}

/** Files that the YAML files of a folder name; absolute paths and file: URLs are below the root. */
function named(folder, pattern) {
  return filesOf(folder, '.yaml').flatMap((from) =>
    matchesOf(readFileSync(from, 'utf8'), pattern).map(({ match: [, target], line }) => {
      const path = target.replace(/^file:\/\//, '');
      return { from, line, to: path.startsWith('/') ? join(root, path) : join(dirname(from), path) };
    }),
  );
}

function pages(folder) {
  return filesOf(folder, '.md').flatMap((from) =>
    matchesOf(prose(readFileSync(from, 'utf8')), /\]\(<?([^)\s>]+)[^)]*\)|<(?:img|a)\s[^>]*?(?:src|href)="([^"]+)"|^\[[^\]]+\]:\s+(\S+)/gm)
      .map(({ match: [, link, tag, definition], line }) => ({ target: link ?? tag ?? definition, line }))
      .filter(({ target }) => !/^[a-z][a-z+.-]*:/i.test(target))
      .map(({ target, line }) => {
        const [path, anchor] = target.split('#', 2);
        return { from, line, to: path === '' ? from : join(dirname(from), decodeURI(path)), anchor };
      }),
  );
}

function matchesOf(text, pattern) {
  return [...text.matchAll(pattern)].map((match) => ({ match, line: text.slice(0, match.index).split('\n').length }));
}

/** The page with its code blocks and inline code empty, on the same lines. */
function prose(page) {
  return withoutBlocks(page).replaceAll(/(`+)(?!`).+?(?<!`)\1(?!`)/g, '');
}

function withoutBlocks(page) {
  return page.replaceAll(/^( *)(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^ *\2[`~]*[ \t]*$|$(?![\s\S]))/gm, (block) =>
    block.replaceAll(/[^\n]/g, ''),
  );
}

/** Of the headings, as GitHub names them, and of HTML tags. */
function anchorsOf(file) {
  if (statSync(file).isDirectory()) return new Set();
  const page = withoutBlocks(readFileSync(file, 'utf8'));
  const seen = new Map();
  const headings = [...page.matchAll(/^ {0,3}#{1,6}\s+(.+?)(?:\s+#+)?\s*$/gm)].map(([, heading]) => {
    const text = heading.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = text.replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '').replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
  return new Set([...headings, ...[...page.matchAll(/<\w+\s[^>]*?(?:id|name)="([^"]+)"/g)].map(([, id]) => id)]);
}

/** Hidden folders, packages and what was built are left out. */
function filesOf(folder, ending) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(\.|node_modules$|dist$|out$|reports$)/.test(entry.name) ? [] : filesOf(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}
