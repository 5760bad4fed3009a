/** The files of dist that hold a whole package after the build, and the name of that package. */
export const bundledPackages: Readonly<Record<string, string>> = {
  'runtime/zod.js': 'zod',
  'runtime/system/nact.js': 'nact',
  'runtime/launch/cli/commander.js': 'commander',
}
