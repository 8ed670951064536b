/*
 * A whole command in one CommonJS file, which is all that a single executable may hold.
 *
 *   src/cli/main.ts or localnet/main.ts ──esbuild──► one file, and the names of the packages in it
 *
 * What dist/ imports on demand is inside here, too, and still evaluated on demand only.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Where the two commands begin. */
export const AGENT = 'src/cli/main.ts';
export const LOCALNET = 'localnet/main.ts';

/** What the process that holds the key has no line of. */
const ONLY_LOCALNET = /^localnet\/|(^|\/)node_modules\/ws\//;

/**
 * Throws when something that is only for localnet gets into the agent.
 *
 * @param {{ root: string, entry: string, outfile: string }} options
 * @returns {Promise<readonly string[]>} the packages that went in, sorted
 */
export async function bundleCommand({ root, entry, outfile }) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    metafile: true,
    logLevel: 'warning',
    legalComments: 'none',
    // An executable has no folder to import from. Template literals are the one place where a character beyond ASCII cannot be escaped.
    supported: { 'dynamic-import': false, 'template-literal': false },
    // yargs asks where it lies.
    define: { ...identity(root), 'import.meta.url': '__bundleUrl' },
    banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(process.execPath).href;" },
    plugins: [modernBuffers, withoutExtras, withoutConnections, onlyParts],
  });
  // V8 keeps the source in memory: a byte a character, but two for all of them where one is beyond Latin-1.
  const beyondAscii = /[^\0-\x7f]/g;
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  writeFileSync(outfile, readFileSync(outfile, 'utf8').replaceAll(beyondAscii, escaped));
  const stray = included(metafile).find((path) => ONLY_LOCALNET.test(path));
  if (entry === AGENT && stray !== undefined) throw new Error(`${AGENT} leads to ${stray}, which is only for localnet`);
  return packagesOf(metafile);
}

/**
 * What a build knows itself by, as esbuild's `define` takes it: version and commit. Without a repository (a container build) SOURCE_COMMIT
 * of the environment is the commit; without that, there is none. And the runbooks that the agent serves, as a text of JSON: esbuild would put an object
 * into every chunk.
 *
 * @param {string} root
 */
export function identity(root) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return {
    __VERSION__: JSON.stringify(version),
    __COMMIT__: JSON.stringify(commitOf(root)),
    __RUNBOOKS__: JSON.stringify(JSON.stringify(runbooksOf(root))),
  };
}

function runbooksOf(root) {
  const folder = join(root, 'docs/runbooks');
  const files = readdirSync(folder).filter((file) => file.endsWith('.md'));
  return Object.fromEntries(files.map((file) => [file.slice(0, -3), readFileSync(join(folder, file), 'utf8')]));
}

function commitOf(root) {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return process.env.SOURCE_COMMIT || null;
  }
}

/**
 * snmp-native calls `new Buffer`, about which Node warns at run time, though only outside of node_modules: where a bundle is. Instead of
 * silencing a warning, the calls become what Node advises.
 *
 * @type {import('esbuild').Plugin}
 */
const modernBuffers = {
  name: 'modern-buffers',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]node_modules[\\/]snmp-native[\\/].*\.js$/ }, ({ path }) => {
      const calls = /\bnew Buffer\(/g;
      const source = readFileSync(path, 'utf8');
      return { contents: calls.test(source) ? `${MODERN_BUFFER}\n${source.replaceAll(calls, 'modernBuffer(')}` : source, loader: 'js' };
    });
  },
};

const MODERN_BUFFER = "function modernBuffer(from) { return typeof from === 'number' ? Buffer.alloc(from) : Buffer.from(from); }";

/**
 * What packages of the tree try to load and do without: native helpers of a WebSocket library that is never opened, old character sets,
 * a store for HTTP caches. An executable that asks for a module that it does not hold is warned of.
 *
 * @type {import('esbuild').Plugin}
 */
const withoutExtras = {
  name: 'without-extras',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(bufferutil|utf-8-validate|encoding|node:sqlite)$/ }, ({ path }) => ({ path, namespace: 'absent' }));
    onLoad({ filter: /.*/, namespace: 'absent' }, ({ path }) => ({ contents: `throw new Error('${path} is left out');` }));
  },
};

/**
 * Of `@solana/web3.js` the agent takes keys, instructions and transactions, and none of its connection. The package does not declare that it has no side effects; with that declared here,
 * esbuild leaves out two HTTP clients and a JSON-RPC client that nothing refers to. Its WebSocket client is extended by a class that stays, so it becomes an empty one;
 * node-fetch stays as well, although Node.js has its own `fetch`, and loads a module about which Node.js 24 warns.
 *
 * @type {import('esbuild').Plugin}
 */
const withoutConnections = {
  name: 'without-connections',
  setup({ onResolve, onLoad, resolve }) {
    const unused = /^(@solana\/web3\.js|jayson\/lib\/client\/browser|agentkeepalive)$/;
    onResolve({ filter: unused }, async ({ path, importer, resolveDir, pluginData }) => {
      if (pluginData === 'resolving') return undefined;
      // Always as an import: what a `require` takes cannot be left out in parts.
      const found = await resolve(path, { importer, resolveDir, kind: 'import-statement', pluginData: 'resolving' });
      // Its main file is CommonJS, of which nothing can be left out either.
      return { ...found, path: found.path.replace(/\/lib\/index\.cjs\.js$/, '/lib/index.esm.js'), sideEffects: false };
    });
    onResolve({ filter: /^(rpc-websockets|node-fetch)$/ }, ({ path }) => ({ path, namespace: 'no-connection', sideEffects: false }));
    onLoad({ filter: /.*/, namespace: 'no-connection' }, () => ({
      contents: 'export class CommonClient {}\nexport class WebSocket {}\nexport default undefined;',
    }));
  },
};

/** What the agent takes of packages whose main file loads much more, and parts of Node.js with it. */
const PARTS = {
  // The ProxyAgent calls a method that only undici's main file adds to dispatchers.
  undici: `
    import connect from 'undici/lib/api/api-connect.js';
    import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
    Dispatcher.prototype.connect = connect;
    export { Dispatcher };
    export { default as Agent } from 'undici/lib/dispatcher/agent.js';
    export { default as ProxyAgent } from 'undici/lib/dispatcher/proxy-agent.js';
    export { default as Pool } from 'undici/lib/dispatcher/pool.js';
    export { default as buildConnector } from 'undici/lib/core/connect.js';`,
  'prom-client': `
    export { default as Counter } from 'prom-client/lib/counter.js';
    export { default as Gauge } from 'prom-client/lib/gauge.js';
    export { default as Histogram } from 'prom-client/lib/histogram.js';
    export { default as Registry } from 'prom-client/lib/registry.js';`,
};

/**
 * Leaves out what packages load when they start and the agent never uses: the HTTP/2 client of undici and its bodies of `fetch`, the `fetch` of Node.js, which
 * `@solana/web3.js` asks for, and the tables by which string-width splits text. That is 6 MB of resident memory (docs/performance.md).
 *
 * @type {import('esbuild').Plugin}
 */
const onlyParts = {
  name: 'only-parts',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(undici|prom-client)$/ }, ({ path, resolveDir }) => ({ path, namespace: 'parts', pluginData: resolveDir }));
    onLoad({ filter: /.*/, namespace: 'parts' }, ({ path, pluginData }) => ({ contents: PARTS[path], resolveDir: pluginData }));
    onResolve({ filter: /^(node:http2|\.\.\/web\/fetch\/body\.js)$/ }, ({ path, importer }) =>
      /[\\/]undici[\\/]/.test(importer) ? { path, namespace: 'absent' } : undefined,
    );
    onLoad({ filter: /[\\/]@solana[\\/]web3\.js[\\/]lib[\\/]index\.esm\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('globalThis.fetch', 'undefined'),
    }));
    onLoad({ filter: /[\\/]string-width[\\/]index\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace('= new Intl.Segmenter()', '= { segment: (text) => new Intl.Segmenter().segment(text) }'),
    }));
  },
};

/**
 * How ES modules hold their packages, in `dist/` and in what the benches measure.
 *
 * @type {import('esbuild').BuildOptions}
 */
export const withPackages = {
  // Names stay: the stack of a defect goes to the log, where it has to be readable.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  // CommonJS packages ask for Node's modules by `require`, which an ES module does not have.
  banner: { js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);" },
  plugins: [modernBuffers, withoutExtras, withoutConnections, onlyParts],
};

/** The files that something is left of; a metafile's `inputs` are all that were read. */
function included({ outputs }) {
  return Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0));
}

export function packagesOf(metafile) {
  const names = included(metafile).flatMap((path) => path.match(/.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []);
  return [...new Set(names)].sort();
}

/**
 * What the licenses of the bundled packages ask to be handed on. Throws for a package without a text of its license.
 *
 * @param {string} root
 * @param {readonly string[]} packages folders, relative to root
 */
export function thirdPartyNotices(root, packages) {
  return packages
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      return `${name} ${version}, ${typeof license === 'string' ? license : 'license: see the text below'}\n\n${licenseText(join(root, folder)) ?? licenseText(join(root, 'node_modules', name)) ?? fail(folder)}`;
    })
    .join(`\n${'-'.repeat(78)}\n\n`);
}

/** The license's files, or the copyright in the readme; undefined without either, which another release of the package may have. */
function licenseText(folder) {
  const names = readdirSync(folder).sort();
  const files = names.filter((name) => /^licen[cs]e\b/i.test(name)).map((name) => readFileSync(join(folder, name), 'utf8'));
  const [readme = ''] = names.filter((name) => /^readme\.md$/i.test(name)).map((name) => readFileSync(join(folder, name), 'utf8'));
  const texts = files.length > 0 ? files : (readme.match(/^Copyright \(c\).*/ms)?.slice(0, 1) ?? []);
  return texts.length === 0 ? undefined : `${texts.map((text) => text.trimEnd()).join('\n\n')}\n`;
}

function fail(folder) {
  throw new Error(`${folder} brings no text of its license, which has to be handed on with it`);
}
