import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { typedPath } from '../../examples/word-count/found-file.js'
import { parseOptions } from '../../examples/word-count/options.js'
import { checkRoots, walk } from '../../examples/word-count/walk.js'
import { isFiresteelError } from '../../runtime/errors.js'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firesteel-example-'))
  await mkdir(join(folder, 'b', 'deep'), { recursive: true })
  await writeFile(join(folder, 'b', 'deep', 'x.txt'), '12345')
  await writeFile(join(folder, 'a.js.map'), '')
  await writeFile(join(folder, 'a.js'), '')
  await writeFile(join(folder, 'ünï'), '')
  await symlink(join(folder, 'a.js'), join(folder, 'link'))
  await symlink(join(folder, 'b'), join(folder, 'c'))
})
after(() => rm(folder, { recursive: true }))

async function found(...roots: string[]): Promise<string[]> {
  const paths: string[] = []
  const unreadable: string[] = []
  const onUnreadable = (place: string): void => void unreadable.push(place)
  for await (const { path, bytes } of walk(roots.map(typedPath), onUnreadable)) {
    paths.push(`${Buffer.from(path, 'latin1').toString().slice(folder.length)} ${bytes}`)
  }
  assert.deepEqual(unreadable, [])
  return paths
}

test('regular files in the order of their names; links and source maps are left out', async () => {
  assert.deepEqual(await found(folder), ['/a.js 0', '/b/deep/x.txt 5', '/ünï 0'])
})

test('a root may be a file, or a link', async () => {
  assert.deepEqual(await found(join(folder, 'a.js'), join(folder, 'c')), ['/a.js 0', '/c/deep/x.txt 5'])
})

test('a name that is not UTF-8 is found and can be opened', {
  skip: process.platform !== 'linux',
}, async () => {
  const odd = join(folder, 'odd')
  await mkdir(odd)
  await writeFile(Buffer.concat([Buffer.from(`${odd}/`), Buffer.of(0xff)]), 'odd')
  const { value: file } = await walk([odd], () => undefined).next()
  assert.deepEqual(Buffer.from(file?.path ?? '', 'latin1').at(-1), 0xff)
  assert.equal(file?.bytes, 3)
  await rm(odd, { recursive: true })
})

test('a root that is missing is refused by its name', async () => {
  const missing = join(folder, 'missing')
  await assert.rejects(checkRoots([folder, missing]), (error) => {
    assert.ok(isFiresteelError(error, 'PATH_NOT_FOUND'))
    assert.deepEqual([error.exitCode, error.place], [2, missing])
    return true
  })
})

test('nothing is looked at before it is asked for', async () => {
  const walking = walk([folder, join(folder, 'missing')].map(typedPath), () => undefined)
  for (let file = 0; file < 3; file++) assert.equal((await walking.next()).done, false)
  await assert.rejects(walking.next(), { code: 'FIRESTEEL_PATH_NOT_FOUND' })
})

test('a relative PATH is against INIT_CWD, else the working folder', () => {
  const paths = (env: Record<string, string>, ...argv: string[]) => parseOptions(argv, env, '/here').paths
  assert.deepEqual(paths({ INIT_CWD: '/there' }, 'x', '/y', 'é'), ['/there/x', '/y', '/there/Ã©'])
  assert.deepEqual(paths({}), ['/here/node_modules'])
})

test('flags', () => {
  const { killMaster, json, help, paths } = parseOptions(['--json', 'p', '--kill-master'], {}, '/')
  assert.deepEqual([killMaster, json, help, paths], [true, true, false, ['/p']])
  for (const argv of [['--kill-mastr'], ['--json=yes']]) {
    assert.throws(() => parseOptions(argv, {}, '/'), { code: 'FIRESTEEL_USAGE' })
  }
})
