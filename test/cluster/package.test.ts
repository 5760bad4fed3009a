import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { emptyProject, root, testPage } from './page-project.js'

const run = promisify(execFile)

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
import { type CustomRecovery, electionOverLock, singleMasterElection, type PersistenceEngine, compareFence } from 'firesteel/recovery'
import { context } from 'firesteel/task'
import { createTestCluster, testCustomRecovery, waitUntil } from 'firesteel/testing'
export async function main(): Promise<number[]> {
  const app: App = await connect('local', { executor: { cores: 1, memory: '128m' } })
  const { double } = app.tasks<{ double(n: number): number }>(new URL('./tasks.js', import.meta.url))
  const values: number[] = []
  for await (const value of app.map(double, [1, 2])) values.push(value)
  // @ts-expect-error a task takes what its function takes
  await double('one')
  return values
}
export const others = [isFiresteelError, context, createTestCluster, testCustomRecovery, waitUntil, electionOverLock, compareFence]
export const custom = (engine: PersistenceEngine): CustomRecovery => ({
  createPersistenceEngine: () => engine,
  createLeaderElectionAgent: singleMasterElection,
})
`

/** A module that says OK to whoever touches its leader record. */
const careless = `
import { testCustomRecovery } from 'firesteel/testing'
import * as recovery from './recovery/recovery.js'
testCustomRecovery('careless', {
  ...recovery,
  async createPersistenceEngine(context) {
    const engine = await recovery.createPersistenceEngine(context)
    engine.touch = async ({ epoch }) => ({ kind: 'ok', position: { epoch, seq: 0 } })
    return engine
  },
})
`

/** The example's module and its test, as files of this project; then one that breaks the rules. */
async function checkCustomRecovery(project: string): Promise<void> {
  const folder = join(project, 'recovery')
  await cp(join(project, 'node_modules/firesteel/dist/examples/custom-recovery'), folder, { recursive: true })
  const env = { ...process.env }
  // Else it would report to the runner of this test, and say nothing.
  delete env.NODE_TEST_CONTEXT
  const flags = ['--test', '--test-reporter=tap']
  const { stdout } = await run(process.execPath, [...flags, 'recovery/recovery.test.js'], {
    cwd: project,
    env,
  })
  assert.match(stdout, /# fail 0/)
  assert.ok(Number(/# pass (\d+)/.exec(stdout)?.[1]) >= 20, stdout)
  await writeFile(join(project, 'careless.test.js'), careless)
  await assert.rejects(
    run(process.execPath, [...flags, '--test-name-pattern=touch', 'careless.test.js'], { cwd: project, env }),
    (error: { stdout?: string }) => /# fail [1-9]/.test(error.stdout ?? ''),
  )
}

test('the packed package works, types included, when installed in an empty project', async () => {
  const project = await emptyProject('typed')
  await writeFile(join(project, 'package.json'), '{"name":"empty","type":"module","private":true}')
  await writeFile(join(project, 'tasks.js'), 'export const double = (n) => 2 * n\n')
  await writeFile(join(project, 'main.js'), program)
  const { stdout } = await run(process.execPath, ['main.js'], { cwd: project })
  assert.deepEqual(JSON.parse(stdout), [2, 4, 6])
  const help = await run('npx', ['--no-install', 'firesteel', '--help'], { cwd: project })
  assert.match(help.stdout, /submit/)
  await checkCustomRecovery(project)
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
})

testPage('README.md')
testPage('docs/http.md')
