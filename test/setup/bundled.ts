/** The files of dist that hold a whole package after the build, and the name of that package. */
export const bundledPackages: Readonly<Record<string, string>> = {
  'runtime/zod.js': 'zod',
  'runtime/system/nact.js': 'nact',
  'runtime/launch/cli/commander.js': 'commander',
  'runtime/redis/ioredis.js': 'ioredis',
}

/** The same for packages that are loaded in the middle of a turn, which only `require` can. */
export const requiredPackages: Readonly<Record<string, string>> = {
  'runtime/observe/winston.cjs': 'winston',
}

/** Packages that are parts of the programs, each in a file of its own or with what uses it. */
export const partsOfPrograms: readonly string[] = ['hono', '@hono/node-server']
