import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { bundledPackages } from './bundled-packages.js'

/*
 * Makes one file of each package that most processes load at their start. Node spends 0.2 ms or more of
 * processor time on each file that it imports, and zod alone has 95, most of them texts in languages that we
 * do not use. `tsc` has written files with the same exports there, so a build without this step works too.
 */

/** Undefined: `npm ci` has not run since package.json names it. */
function bundlerPath(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('esbuild/bin/esbuild')
  } catch {
    return undefined
  }
}

const bundler = bundlerPath()
if (bundler === undefined) {
  process.stderr.write('esbuild is missing, so each start takes longer: run `npm ci`, and build again.\n')
} else {
  execFileSync(
    bundler,
    [
      ...Object.keys(bundledPackages).map((file) => file.replace(/\.js$/, '.ts')),
      '--bundle',
      '--format=esm',
      '--platform=node',
      '--target=node20.19',
      '--outbase=.',
      '--outdir=dist',
      '--allow-overwrite',
      '--log-level=warning',
      // Packages in CommonJS require modules of Node.
      "--banner:js=import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)",
    ],
    { stdio: 'inherit' },
  )
  // They belong to what tsc wrote.
  for (const file of Object.keys(bundledPackages)) rmSync(`dist/${file}.map`, { force: true })
}
