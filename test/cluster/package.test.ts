import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))

const program = `
import { connect } from 'firesteel'
const app = await connect('local', { name: 'packed', cores: 1, executor: { memory: '128m' } })
const { double } = app.tasks(new URL('./tasks.js', import.meta.url))
const values = []
for await (const value of app.map(double, [1, 2, 3])) values.push(value)
await app.close()
console.log(JSON.stringify(values))
`

const typed = `
import { connect, isFiresteelError, type App } from 'firesteel'
import { type CustomRecovery, electionOverLock, monarchy, type PersistenceEngine, verdict } from 'firesteel/recovery'
import { context } from 'firesteel/task'
import { createTestCluster, waitUntil } from 'firesteel/testing'
export async function main(): Promise<number[]> {
  const app: App = await connect('local', { executor: { cores: 1, memory: '128m' } })
  const { double } = app.tasks<{ double(n: number): number }>(new URL('./tasks.js', import.meta.url))
  const values: number[] = []
  for await (const value of app.map(double, [1, 2])) values.push(value)
  // @ts-expect-error a task takes what its function takes
  await double('one')
  return values
}
export const others = [isFiresteelError, context, createTestCluster, waitUntil, electionOverLock, verdict]
export const custom = (engine: PersistenceEngine): CustomRecovery => ({
  createPersistenceEngine: () => engine,
  createLeaderElectionAgent: monarchy,
})
`

test('the packed package works, types included, when installed in an empty project', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-package-'))
  try {
    // Built already: its scripts would build again under the feet of the other tests.
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root })
    const [tarball] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'))
    const project = join(folder, 'project')
    await mkdir(project)
    await writeFile(join(project, 'package.json'), '{"name":"empty","type":"module","private":true}')
    await run('npm', ['install', '--no-audit', '--no-fund', join('..', tarball!)], { cwd: project })
    await writeFile(join(project, 'tasks.js'), 'export const double = (n) => 2 * n\n')
    await writeFile(join(project, 'main.js'), program)
    const { stdout } = await run(process.execPath, ['main.js'], { cwd: project })
    assert.deepEqual(JSON.parse(stdout), [2, 4, 6])
    const help = await run('npx', ['--no-install', 'firesteel', '--help'], { cwd: project })
    assert.match(help.stdout, /submit/)
    await writeFile(join(project, 'typed.ts'), typed)
    await mkdir(join(project, 'node_modules', '@types'), { recursive: true })
    await symlink(join(root, 'node_modules/@types/node'), join(project, 'node_modules/@types/node'))
    await symlink(join(root, 'node_modules/undici-types'), join(project, 'node_modules/undici-types'))
    const flags = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
      'typed.ts',
    ]
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...flags], { cwd: project })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
