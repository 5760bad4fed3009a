/**
 * A file of the build, by its path below dist. The build also puts this code into files of dist/programs,
 * which is as deep as dist/runtime.
 */
export const builtFile = (path: string): URL => new URL(`../${path}`, import.meta.url)

/** Name in dist/programs -> the file of dist with which it begins. */
export const programEntries = {
  cli: 'runtime/launch/cli/bin-main.js',
  library: 'actors/client/index.js',
  node: 'runtime/launch/node/node-main.js',
  executor: 'actors/executor/main.js',
  thread: 'actors/executor/thread.js',
  disk: 'runtime/code/disk/disk-main.js',
  guard: 'runtime/process/guard-main.js',
} as const

/** Programs of processes, each with all its code in a few files (test/setup/bundle.ts). */
export const programs = {
  cli: builtFile('programs/cli.js'),
  library: builtFile('programs/library.js'),
  node: builtFile('programs/node.js'),
  executor: builtFile('programs/executor.js'),
  thread: builtFile('programs/thread.js'),
  disk: builtFile('programs/disk.js'),
  guard: builtFile('programs/guard.js'),
} as const
