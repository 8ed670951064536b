/*
 * A Node.js single-executable application.
 *
 *   bundle.cjs ──node --experimental-sea-config──► blob ──postject──► a copy of Node.js that runs nothing but the command
 *
 * It needs glibc 2.28 or newer, libstdc++ and libgcc_s, and a mounted /proc; no Node.js, no npm and no other files.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { inject } from 'postject';
import { nodeBinary } from './node-binary.mjs';

/** The mark by which Node.js finds the application that it carries; the same in every release. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/**
 * Options of Node.js that the executable always has. SIGUSR1 would open a debugger in the process that holds the key, so it is ignored.
 */
const EXEC_ARGV = ['--disable-sigusr1'];

/**
 * Makes the blob with the very Node.js release that carries it. Compiled code depends on the architecture as well, so only an executable
 * for this machine's own gets a code cache.
 *
 * @param {{ root: string, arch: string, bundle: string, work: string, outfile: string }} options `work` is a folder for what is between.
 */
export async function makeExecutable({ root, arch, bundle, work, outfile }) {
  const blob = join(work, 'application.blob');
  const config = join(work, 'sea-config.json');
  writeFileSync(
    config,
    JSON.stringify({
      // Its path goes into the blob.
      main: basename(bundle),
      output: blob,
      disableExperimentalSEAWarning: true,
      useCodeCache: arch === process.arch,
      execArgv: EXEC_ARGV,
      // NODE_OPTIONS could open a debugger, load a file or write the heap to disk.
      execArgvExtension: 'none',
    }),
  );
  // A code cache has numbers in it that V8 draws. This option makes the same ones each time, and is none of those that a cache depends on.
  const args = ['--random-seed=1', '--experimental-sea-config', config];
  execFileSync(nodeBinary(root, process.arch).node, args, { cwd: dirname(bundle), stdio: ['ignore', 'ignore', 'pipe'] });

  const unfinished = join(work, 'executable');
  copyFileSync(nodeBinary(root, arch).node, unfinished);
  chmodSync(unfinished, 0o755);
  await withoutChatter(() => inject(unfinished, 'NODE_SEA_BLOB', readFileSync(blob), { sentinelFuse: FUSE }));
  renameSync(unfinished, outfile);
}

/** postject's ELF library warns of notes that it does not know, each time; what fails throws. */
async function withoutChatter(work) {
  const { log, warn } = console;
  Object.assign(console, { log: () => undefined, warn: () => undefined });
  try {
    await work();
  } finally {
    Object.assign(console, { log, warn });
  }
}
