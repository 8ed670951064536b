import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
/** Folders that hold code of the house; each folder of `src/` is a room, and `localnet/` is one. */
const HOUSE = ['src', 'localnet'];
/**
 * What others import by file. The HTTP client and the face of `rpc` hold undici, which only rooms that need it should load. `agent` has no face: one with all of
 * it would close a circle through the composition. localnet defines, parses and runs its command with the agent's `cli/command.ts`, `command-line.ts`, `process.ts`
 * and `working-directory.ts`. Its `migrate-demo` runs commands of the agent through `commands.ts`.
 */
const SIDE_DOORS = /^src\/(lib\/http|rpc\/slots|agent\/[a-z-]+|cli\/(command|commands|command-line|process|working-directory))\.ts$/;

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly target: string;
}

/** What each room may import, as the table of docs/architecture.md says. */
function allowances(): ReadonlyMap<string, (room: string) => boolean> {
  const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
  const [, table = ''] = /\n\| room \|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)/.exec(page) ?? [];
  const allowed = new Map<string, (room: string) => boolean>();
  for (const row of table.trim().split('\n')) {
    const [, name = '', , imports = ''] = row.split('|').map((cell) => cell.trim());
    const named = new Set([...imports.matchAll(/`([a-z]+)`/g)].map(([, room]) => room));
    allowed.set(name.replaceAll('`', ''), imports.startsWith('all') ? (room) => !named.has(room) : (room) => named.has(room));
  }
  return allowed;
}

function roomOf(path: string): string {
  const [top = '', room = ''] = relative(ROOT, path).split(sep);
  return top === 'src' ? room : top;
}

function sourceFiles(): readonly string[] {
  const namesIn = (folder: string) => readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return HOUSE.flatMap((folder) => namesIn(folder).map((name) => join(ROOT, folder, name))).filter((file) => file.endsWith('.ts'));
}

function posixPath(file: string): string {
  return relative(ROOT, file).split(sep).join('/');
}

function importsBetweenRooms(): readonly Import[] {
  return sourceFiles()
    .flatMap((file) => {
      const specifiers = [...readFileSync(file, 'utf8').matchAll(/(?:\bfrom|\bimport\()\s*'(\.[^']*)'/g)].map(
        ([, specifier = '']) => specifier,
      );
      return specifiers.map((specifier) => {
        const target = resolve(dirname(file), specifier);
        return { file: posixPath(file), from: roomOf(file), to: roomOf(target), target: posixPath(target) };
      });
    })
    .filter(({ from, to }) => from !== to);
}

test('each room imports only what docs/architecture.md lets it', () => {
  const allowed = allowances();
  const trespasses = importsBetweenRooms().filter(({ from, to }) => allowed.get(from)?.(to) !== true);
  expect(trespasses.map(({ file, to }) => `${file} imports ${to}`)).toEqual([]);
});

test('a room is entered through its index', () => {
  const sideDoors = importsBetweenRooms().filter(({ target }) => !/(^|\/)index\.ts$/.test(target) && !SIDE_DOORS.test(target));
  expect(sideDoors.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
});

test('the table names every room, and no file of src/ is outside of one', () => {
  const entries = readdirSync(join(ROOT, 'src'), { withFileTypes: true });
  expect(entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)).toEqual([]);
  expect([...entries.map(({ name }) => name), 'localnet'].filter((name) => !allowances().has(name))).toEqual([]);
});

test('undici is imported in one place, lib/http.ts', () => {
  const importers = sourceFiles().filter((file) => /\b(?:from|import) ?\(?'undici\b/.test(readFileSync(file, 'utf8')));
  expect(importers.map(posixPath)).toEqual(['src/lib/http.ts']);
});
