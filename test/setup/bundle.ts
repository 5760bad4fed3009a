import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { programEntries } from '../../runtime/built-file.js'
import { type ProgramPlan, programBuilds } from './bundle-program.js'
import { bundledPackages, partsOfPrograms, requiredPackages } from './bundled.js'
import { importByLoader, writeCodeCache, writeLoader } from './code-cache.js'
import { removeLeftovers } from './leftovers.js'

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

function bundleRequired(bundler: string): void {
  for (const [file, name] of Object.entries(requiredPackages)) {
    const options = [
      '--bundle',
      '--format=cjs',
      '--platform=node',
      '--target=node20.19',
      '--log-level=warning',
    ]
    execFileSync(bundler, [...options, `--outfile=dist/${file}`], {
      input: `module.exports = require('${name}')`,
      stdio: ['pipe', 'inherit', 'inherit'],
    })
  }
}

const commonOptions = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning',
} as const

/** Commands that load what no other command does. */
const rareCommands: ReadonlySet<string> = new Set(
  ['report', 'explain', 'single-node', 'driver-limits', 'submit', 'trace'].map(
    (name) => `runtime/launch/cli/commands/${name}.js`,
  ),
)

/** Names that a file exports. */
function namesIn(file: string): string[] {
  const lists = readFileSync(`dist/${file}`, 'utf8').matchAll(/^export \{([^}]*)\}/gm)
  return [...lists].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((part) => part.trim().split(' as ').at(-1)!)
      .filter(Boolean),
  )
}

/** All other packages stay where they are installed. */
function externalPackages(): string[] {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
    string,
    Record<string, string>
  >
  return Object.keys({ ...dependencies, ...peerDependencies }).filter(
    (name) => !partsOfPrograms.includes(name),
  )
}

const commandsFolder = 'runtime/launch/cli/commands'
const clientFolder = 'actors/client'
const nodeRole = (role: string): string => `runtime/launch/node/node-${role}.js`

const plans: readonly ProgramPlan[] = [
  {
    name: 'master',
    entry: programEntries.node,
    heads: [nodeRole('master')],
    never: [nodeRole('worker')],
    compiledWith: [],
  },
  {
    name: 'worker',
    entry: programEntries.node,
    heads: [nodeRole('worker')],
    never: [nodeRole('master')],
    compiledWith: [],
  },
  ...(['executor', 'thread'] as const).map((name) => {
    // An executor has flags of its own for its memory, so V8 would not take what was compiled without them.
    return { name, entry: programEntries[name], heads: [], never: [] }
  }),
  { name: 'disk', entry: programEntries.disk, heads: [], never: [] },
  { name: 'guard', entry: programEntries.guard, heads: [], never: [], compiledWith: [] },
  {
    name: 'cli',
    entry: programEntries.cli,
    heads: [
      ...readdirSync(`dist/${commandsFolder}`)
        .filter((name) => name.endsWith('.js'))
        .map((name) => `${commandsFolder}/${name}`)
        .filter((file) => !rareCommands.has(file)),
      // What was compiled ahead costs other commands next to nothing.
      'runtime/launch/cli/up.js',
      `${clientFolder}/find-cluster.js`,
      `${clientFolder}/boot-line.js`,
    ],
    never: [],
    compiledWith: ['status'],
  },
  // Modules, so that a user's bundler can follow them.
  { name: 'library-start', entry: programEntries.library, heads: [], never: [] },
]

/** Files whose code comes from several of the above. */
const facades: Readonly<Record<string, () => string>> = {
  node: () => `const { master, worker, other } = {
  master: () => import('./master.js'),
  worker: () => import('./worker.js'),
  other: () => import('../${programEntries.node}'),
}
await ({ master, worker }[process.argv[3]] ?? other)()
`,
  library: () => `export { ${namesIn(programEntries.library).join(', ')} } from './library-start.js'\n`,
}

/** Without a bundler each program is the file with which it begins. */
function writePlain(): void {
  mkdirSync('dist/programs')
  for (const [name, file] of Object.entries(programEntries))
    writeFileSync(`dist/programs/${name}.js`, `export * from '../${file}'\n`)
  for (const [file, name] of Object.entries(requiredPackages))
    writeFileSync(`dist/${file}`, `module.exports = require('${name}')\n`)
}

const PROGRAMS = 'dist/programs'
removeLeftovers('.', 'dist', ['actors', 'runtime', 'test', 'examples'])
const bundler = bundlerPath()
rmSync('dist/programs', { recursive: true, force: true })
if (bundler === undefined) {
  process.stderr.write('esbuild is missing, so each start takes longer: run `npm ci`, and build again.\n')
  writePlain()
} else {
  bundlePackages(bundler)
  bundleRequired(bundler)
  const { build } = await import('esbuild')
  const common = { ...commonOptions, external: externalPackages() }
  for (const plan of plans) {
    const { first, later, exported } = programBuilds(plan)
    await build({ ...common, ...first })
    await build({ ...common, ...later })
    if (!plan.compiledWith) continue
    importByLoader(PROGRAMS, plan.name)
    writeLoader(PROGRAMS, plan.name, [...exported, ...namesIn(plan.entry)])
  }
  for (const [name, text] of Object.entries(facades)) writeFileSync(`dist/programs/${name}.js`, text())
  for (const { name, compiledWith } of plans) if (compiledWith) writeCodeCache(PROGRAMS, name, compiledWith)
}
