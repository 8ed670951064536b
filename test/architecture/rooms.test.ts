import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const SRC = join(ROOT, 'src');
/**
 * What others import by file. The HTTP client holds undici, which only those who need it should load. `agent` has no face: one with all of it would close a
 * circle through the composition.
 */
const SIDE_DOORS = /^(lib\/http|agent\/[a-z-]+)\.ts$/;

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
  return relative(SRC, path).split(sep)[0] ?? '';
}

function importsBetweenRooms(): readonly Import[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files
    .flatMap((name) => {
      const file = join(SRC, name);
      const specifiers = [...readFileSync(file, 'utf8').matchAll(/(?:\bfrom|\bimport\()\s*'(\.[^']*)'/g)].map(
        ([, specifier = '']) => specifier,
      );
      return specifiers.map((specifier) => {
        const target = resolve(dirname(file), specifier);
        return { file: relative(ROOT, file), from: roomOf(file), to: roomOf(target), target: relative(SRC, target) };
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
  const sideDoors = importsBetweenRooms().filter(
    ({ target }) => !/(^|[/\\])index\.ts$/.test(target) && !SIDE_DOORS.test(target.split(sep).join('/')),
  );
  expect(sideDoors.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
});

test('the table names every room', () => {
  const rooms = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(rooms.map(({ name }) => name).filter((name) => !allowances().has(name))).toEqual([]);
});

test('undici is taken file by file, in one place: by its name it loads 9 MB that no request needs', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'));
  const byName = files.filter((name) => /^import (?!type\b)[^;]*'undici'/m.test(readFileSync(join(SRC, name), 'utf8')));
  expect(byName).toEqual([]);
  const byFile = files.filter((name) => /'undici\/lib\//.test(readFileSync(join(SRC, name), 'utf8')));
  expect(byFile.map((name) => name.split(sep).join('/'))).toEqual(['lib/http.ts']);
});
