import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { programEntries } from '../../runtime/built-file.js'
import { bundledPackages } from '../setup/bundled.js'

/*
 * What each process loads before it can begin: the files that its entry reaches by static imports. A file
 * costs some 0.5 ms of processor time, wherever it comes from. `docs/architecture.md` has the rule.
 */

interface Loaded {
  readonly packages: readonly string[]
  /** Paths below dist. */
  readonly files: readonly string[]
}

/** Follows the static imports of compiled files. What is imported as a type only has no import there. */
function loadedBy(...entries: string[]): Loaded {
  const open = entries.map((entry) => join('dist', entry))
  const files = new Set<string>()
  const packages = new Set<string>()
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue
    files.add(file)
    const whole = bundledPackages[relative('dist', file)]
    if (whole !== undefined) {
      packages.add(whole)
      continue
    }
    for (const target of staticImports(readFileSync(file, 'utf8'))) {
      if (target.startsWith('.')) open.push(join(dirname(file), target))
      else if (!target.startsWith('node:')) packages.add(packageOf(target))
    }
  }
  return { packages: [...packages].sort(), files: [...files].map((file) => relative('dist', file)) }
}

const staticImports = (text: string): string[] =>
  [...text.matchAll(/^(?:import|export)\s(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm)].map((match) => match[1]!)

const packageOf = (target: string): string =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/')

const CLI = 'runtime/launch/cli'
const NODE = 'runtime/launch/node'

const starts: readonly (readonly [what: string, entries: readonly string[], packages: readonly string[]])[] =
  [
    ['a command, with all commands and their help', [`${CLI}/bin-main.js`], ['commander']],
    [
      'a command that asks a Master',
      [`${CLI}/bin-main.js`, 'actors/client/master-client.js'],
      ['commander', 'nact', 'zod'],
    ],
    ['`up` without a file', [`${CLI}/bin-main.js`, `${CLI}/up.js`], ['commander']],
    ['a Master', [`${NODE}/node-main.js`, `${NODE}/node-master.js`], ['nact', 'zod']],
    ['a Worker', [`${NODE}/node-main.js`, `${NODE}/node-worker.js`], ['nact', 'zod']],
    ['the guard of a Worker', ['runtime/process/guard-main.js'], []],
    ['an executor', ['actors/executor/main.js'], []],
    ['a thread of an executor', ['actors/executor/thread.js'], []],
    ['the thread for files of code', ['runtime/code/disk/disk-main.js'], []],
    ['the library', ['actors/client/index.js'], ['nact', 'zod']],
  ]

for (const [what, entries, packages] of starts) {
  test(`${what} loads ${packages.length === 0 ? 'no package' : `only ${packages.join(', ')}`} at its start`, () => {
    for (const entry of entries) assert.ok(existsSync(join('dist', entry)), `${entry} is not there`)
    assert.deepEqual(loadedBy(...entries).packages, packages)
  })
}

const rooms: readonly (readonly [what: string, entry: string, absent: RegExp])[] = [
  ['a command', 'actors/client/master-client.js', /^actors\/(tasks|executor|worker|master)\//],
  ['the library', 'actors/client/index.js', /^actors\/(executor|worker|master)\/|embedded-cluster/],
  [
    'a Master',
    `${NODE}/node-master.js`,
    /^actors\/(client|tasks|executor|worker)\/|persistence\/(redis|file-system)\//,
  ],
  ['a Worker', `${NODE}/node-worker.js`, /^actors\/(client|tasks|executor)\//],
]

for (const [what, entry, absent] of rooms)
  test(`${what} loads no code of others: ${absent.source}`, () => {
    assert.deepEqual(
      loadedBy(entry).files.filter((file) => absent.test(file)),
      [],
    )
  })

const missing = !existsSync('node_modules/esbuild') && 'esbuild is missing: run `npm ci`'

for (const [file, name] of Object.entries(bundledPackages))
  test(`${name} is one file`, { skip: missing }, () => {
    const targets = staticImports(readFileSync(join('dist', file), 'utf8'))
    assert.deepEqual(
      targets.filter((target) => !target.startsWith('node:')),
      [],
    )
  })

const { node: _, ...programs } = programEntries
const files = { ...programs, master: programEntries.node, worker: programEntries.node }

for (const [name, file] of Object.entries(files))
  test(`the program ${name} is one file at its start`, { skip: missing }, () => {
    assert.ok(loadedBy(file).files.length > 5)
    const { packages, files } = loadedBy(`programs/${name}.js`)
    assert.deepEqual(packages, [])
    const expected = name === 'library' ? ['library', 'library-start'] : [name]
    assert.deepEqual(
      files,
      expected.map((one) => `programs/${one}.js`),
    )
    assert.deepEqual(
      [...codeOf(`dist/programs/${expected.at(-1)}.js`).matchAll(/\brequire\("([^"]+)"\)/g)]
        .map((match) => match[1]!)
        .filter((target) => !isBuiltin(target)),
      [],
    )
  })

test('the library exports what its entry does, and nothing of how it is built', {
  skip: missing,
}, async () => {
  const entry = await import('../../actors/client/index.js')
  const built = await import(new URL('../../programs/library.js', import.meta.url).href)
  assert.deepEqual(Object.keys(built).sort(), Object.keys(entry).sort())
})

/** With what its loader loads (test/setup/code-cache.ts). */
function codeOf(file: string): string {
  const compiled = file.replace(/js$/, 'cjs')
  return readFileSync(file, 'utf8') + (existsSync(compiled) ? readFileSync(compiled, 'utf8') : '')
}

/** All files that a program may load, at its start or later. */
function reachedBy(entry: string): string[] {
  const open = [join('dist', entry)]
  const files = new Set<string>()
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue
    files.add(file)
    const text = codeOf(file)
    const later = [...text.matchAll(/\b(?:import|importHere)\(['"]([^'"]+)['"]\)/g)].map((match) => match[1]!)
    for (const target of [...staticImports(text), ...later])
      if (target.startsWith('.')) open.push(join(dirname(file), target))
  }
  return [...files].map((file) => relative('dist', file))
}

/** The place of a file in the bundle is not its place in dist. */
const finders = new Set(['runtime/built-file.js'])

for (const [name, file] of Object.entries(programEntries))
  test(`the program ${name} finds other files by builtFile only`, () => {
    const wrong = reachedBy(file).filter(
      (path) =>
        !finders.has(path) &&
        bundledPackages[path] === undefined &&
        /new URL\([^)]*import\.meta\.url/.test(
          codeOf(join('dist', path)).replace(/^\s*(\/\/|\*|help:|const help\d* =).*$/gm, ''),
        ),
    )
    assert.deepEqual(wrong, [])
  })

test('a package that is one file is imported there only', () => {
  const packages = new Set(Object.values(bundledPackages))
  const wrong = ['actors', 'runtime'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((path) => join(folder, path))
      .filter((path) => path.endsWith('.ts') && bundledPackages[path.replace(/ts$/, 'js')] === undefined)
      .filter((path) => staticImports(readFileSync(path, 'utf8')).some((target) => packages.has(target))),
  )
  assert.deepEqual(wrong, [])
})

test('static imports are found in each form, dynamic ones are left out', () => {
  const text = [
    "import 'a'",
    "import b, { c } from 'b'",
    "import {\n  d,\n} from 'c'",
    "export { e } from './d.js'",
    "  const f = await import('no')",
  ].join('\n')
  assert.deepEqual(staticImports(text), ['a', 'b', 'c', './d.js'])
})
