import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type CollectOptions, collectCode } from '../../runtime/code/collect.js'
import { type LinkTo, tempFolder, writeFiles } from '../tools/code-folder.js'

type Files = Readonly<Record<string, string | Buffer | LinkTo>>

async function project(t: TestContext, files: Files): Promise<string> {
  const folder = await tempFolder(t)
  await writeFiles(folder, files)
  return folder
}

async function pathsOf(folder: string, options: Partial<CollectOptions> = {}): Promise<string[]> {
  const { manifest } = await collectCode({ folder, modules: true, ...options })
  return manifest.files.map(({ path }) => path)
}

const pack = (value: object): string => JSON.stringify(value)

test('histories, secrets, caches and what .firesteelignore names stay behind, at every level', async (t) => {
  const folder = await project(t, {
    'main.js': 'x',
    'run.sh*': 'x',
    'data/a.csv': 'x',
    'data/big.bin': 'x',
    'src/.env.local': 'x',
    '.env': 'x',
    '.envrc': 'x',
    '.npmrc': 'x',
    '.git/HEAD': 'x',
    'src/.git': 'x',
    '.firesteel/secret': 'x',
    '.cache/a': 'x',
    'logs/one.log': 'x',
    'src/deep/two.log': 'x',
    'src/deep/kept.txt': 'x',
    '.firesteelignore': '*.log\n/data/\n!/data/a.csv\n',
  })
  assert.deepEqual(await pathsOf(folder), ['.firesteelignore', 'main.js', 'run.sh', 'src/deep/kept.txt'])
  const { manifest } = await collectCode({ folder, modules: true })
  assert.deepEqual(
    manifest.files.filter(({ executable }) => executable).map(({ path }) => path),
    ['run.sh'],
  )
})

test('of node_modules the production dependencies travel, and theirs, each once', async (t) => {
  const folder = await project(t, {
    'package.json': pack({
      dependencies: { a: '1' },
      devDependencies: { dev: '1' },
      optionalDependencies: { no: '1' },
    }),
    'main.js': 'x',
    'node_modules/a/package.json': pack({ dependencies: { b: '1', '@s/c': '1' } }),
    'node_modules/a/index.js': 'x',
    'node_modules/a/node_modules/b/package.json': pack({ name: 'b', version: '2' }),
    'node_modules/b/package.json': pack({ name: 'b', version: '1' }),
    'node_modules/@s/c/package.json': pack({
      dependencies: { b: '1' },
      peerDependencies: { a: '1', gone: '1' },
    }),
    'node_modules/dev/index.js': 'x',
    'node_modules/.cache/x': 'x',
    'node_modules/.bin/a': 'x',
  })
  const expected = [
    'main.js',
    'node_modules/@s/c/package.json',
    'node_modules/a/index.js',
    'node_modules/a/node_modules/b/package.json',
    'node_modules/a/package.json',
    'node_modules/b/package.json',
    'package.json',
  ]
  assert.deepEqual(await pathsOf(folder), expected)
  assert.deepEqual(await pathsOf(folder, { modules: false }), ['main.js', 'package.json'])
})

test('linked packages and those of the folder above get a place where all find them', async (t) => {
  const folder = await project(t, {
    'package.json': pack({}),
    'node_modules/hoisted/package.json': pack({ dependencies: { shared: '1' } }),
    'node_modules/shared/package.json': pack({ name: 'shared', version: '1' }),
    'packages/lib/package.json': pack({ dependencies: { shared: '2' } }),
    'packages/lib/index.js': 'lib',
    'packages/lib/node_modules/shared/package.json': pack({ name: 'shared', version: '2' }),
    'node_modules/lib': { to: '../packages/lib' },
    'packages/app/package.json': pack({ dependencies: { lib: '*', hoisted: '1', pnpm: '1' } }),
    'packages/app/main.js': 'x',
    'packages/app/node_modules/pnpm': { to: '.pnpm/pnpm@1/node_modules/pnpm' },
    'packages/app/node_modules/.pnpm/pnpm@1/node_modules/pnpm/package.json': pack({
      dependencies: { beside: '1' },
    }),
    'packages/app/node_modules/.pnpm/pnpm@1/node_modules/beside/package.json': pack({ name: 'beside' }),
  })
  const paths = await pathsOf(join(folder, 'packages/app'))
  // The code has no place for two of `shared` at its top: one is where only its dependant finds it.
  const [top, nested] = paths.filter((path) => path.includes('shared/'))
  assert.deepEqual(
    paths.filter((path) => !path.includes('shared/')),
    [
      'main.js',
      'node_modules/beside/package.json',
      'node_modules/hoisted/package.json',
      'node_modules/lib/index.js',
      'node_modules/lib/package.json',
      'node_modules/pnpm/package.json',
      'package.json',
    ],
  )
  assert.match(top ?? '', /^node_modules\/(?:lib|hoisted)\/node_modules\/shared\/package\.json$/)
  assert.equal(nested, 'node_modules/shared/package.json')
})

test('a folder below its package has that package.json, which says how Node reads it', async (t) => {
  const folder = await project(t, {
    'package.json': pack({ type: 'module', dependencies: { a: '1' } }),
    'node_modules/a/index.js': 'x',
    'src/tasks.js': 'x',
    'other/x.js': 'x',
  })
  assert.deepEqual(await pathsOf(join(folder, 'src')), [
    'node_modules/a/index.js',
    'package.json',
    'tasks.js',
  ])
})

test('links within the folder travel as what they lead to; others are refused by name', async (t) => {
  const folder = await project(t, {
    'a/real.js': 'x',
    'link.js': { to: 'a/real.js' },
    b: { to: 'a' },
    'a/up': { to: '..' },
    '.#lock': { to: 'nobody@nowhere' },
  })
  assert.deepEqual(await pathsOf(folder), ['a/real.js', 'b/real.js', 'link.js'])
  await writeFiles(folder, { 'out.js': { to: '/etc/hostname' } })
  await assert.rejects(pathsOf(folder), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'FIRESTEEL_CODE_UNREADABLE')
    assert.match(error.message, /out\.js cannot travel: it is a link to \/etc\/hostname, outside/)
    return true
  })
})

test('above the limit the ten largest files are named; a missing dependency and a bad name are too', async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 12 }, (_, n) => [`f${n}.bin`, Buffer.alloc(1000 + n)]),
  )
  const folder = await project(t, files)
  await assert.rejects(pathsOf(folder, { maxBytes: 12_000 }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'FIRESTEEL_CODE_TOO_LARGE')
    assert.equal(error.message.match(/f\d+\.bin/g)?.length, 10)
    assert.match(error.message, /The largest: f11\.bin/)
    assert.doesNotMatch(error.message, /f0\.bin|f1\.bin/)
    return true
  })
  await writeFiles(folder, { 'package.json': pack({ dependencies: { missing: '1' } }) })
  await assert.rejects(pathsOf(folder), { code: 'FIRESTEEL_CODE_MODULE_MISSING' })
  await writeFiles(folder, { 'package.json': '{}', 'a\nb': 'x' })
  await assert.rejects(pathsOf(folder), { code: 'FIRESTEEL_CODE_UNREADABLE' })
})
