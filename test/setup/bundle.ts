import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { programEntries } from '../../runtime/built-file.js'
import { bundledPackages } from './bundled.js'

/*
 * Node spends about half a millisecond of processor time on each file that it imports. So the build makes one
 * file of each package that most processes load at their start: zod alone has 95, half of them texts in
 * languages that we do not use. And it puts all code of a node, an executor and a guard into few files in
 * dist/programs. What `tsc` has written does the same, only slower, so a build without this step works too.
 */

/** Undefined: `npm ci` has not run since package.json names it. */
function bundlerPath(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('esbuild/bin/esbuild')
  } catch {
    return undefined
  }
}

function bundle(bundler: string, files: readonly string[], options: readonly string[]): void {
  const common = ['--bundle', '--format=esm', '--platform=node', '--target=node20.19', '--log-level=warning']
  execFileSync(bundler, [...files, ...common, ...options], { stdio: 'inherit' })
}

function bundlePackages(bundler: string): void {
  const files = Object.keys(bundledPackages)
  // Packages in CommonJS require modules of Node.
  const banner = "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)"
  bundle(
    bundler,
    files.map((file) => file.replace(/\.js$/, '.ts')),
    ['--outbase=.', '--outdir=dist', '--allow-overwrite', `--banner:js=${banner}`],
  )
  // They belong to what tsc wrote.
  for (const file of files) rmSync(`dist/${file}.map`, { force: true })
}

const programs = Object.entries(programEntries)
const bundler = bundlerPath()
rmSync('dist/programs', { recursive: true, force: true })
if (bundler === undefined) {
  process.stderr.write('esbuild is missing, so each start takes longer: run `npm ci`, and build again.\n')
  mkdirSync('dist/programs')
  for (const [name, file] of programs) writeFileSync(`dist/programs/${name}.js`, `import '../${file}'\n`)
} else {
  bundlePackages(bundler)
  // One by one: programs that shared files would be in more of them.
  for (const [name, file] of programs)
    bundle(
      bundler,
      [`${name}=dist/${file}`],
      ['--outdir=dist/programs', '--splitting', '--packages=external'],
    )
}
