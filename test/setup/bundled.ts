/** The files of dist that hold a whole package after the build, and the name of that package. */
export const bundledPackages: Readonly<Record<string, string>> = {
  'runtime/zod.js': 'zod',
  'runtime/system/nact.js': 'nact',
  'runtime/launch/cli/commander.js': 'commander',
}

/** Name in dist/programs -> the file of dist that it begins with. */
export const bundledPrograms: Readonly<Record<string, string>> = {
  node: 'runtime/launch/node/node-main.js',
  executor: 'actors/executor/main.js',
  guard: 'runtime/process/guard-main.js',
}
