import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { waitUntil } from '../harness/wait-until.js'
import { blocksOf, type CommandsBlock, missingLines } from './page-blocks.js'
import { PageShell } from './page-shell.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))
const npmEnvironment = {
  ...process.env,
  npm_config_prefer_offline: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
}

/** How every page begins. */
const installation = 'npm init -y\nnpm install ../firesteel-0.1.0.tgz\n'
const projects = await mkdtemp(join(tmpdir(), 'firesteel-package-'))
after(() => rm(projects, { recursive: true, force: true }))

/** An empty project with the packed package, made once: what follows are copies of it. */
async function installed(): Promise<string> {
  const project = join(projects, 'installed')
  await mkdir(project)
  // Built already: its scripts would build again under the feet of the other tests.
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', projects], { cwd: root })
  await run('bash', ['-e', '-c', installation], { cwd: project, env: npmEnvironment })
  return project
}
let first: Promise<string> | undefined

async function emptyProject(name: string): Promise<string> {
  first ??= installed()
  const project = join(projects, name)
  await cp(await first, project, { recursive: true, verbatimSymlinks: true })
  return project
}

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
import { type CustomRecovery, electionOverLock, singleMasterElection, type PersistenceEngine, verdict } from 'firesteel/recovery'
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
export const others = [isFiresteelError, context, createTestCluster, testCustomRecovery, waitUntil, electionOverLock, verdict]
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

/** Commands that read: what they print may take a moment to become so. */
const isQuestion = (text: string): boolean => /^(npx firesteel (status|logs)|curl)\b.*\n$/s.test(text)

/** Runs commands of a page, and holds what they print against it. */
async function runCommands(shell: PageShell, { line, text, output }: CommandsBlock): Promise<void> {
  const attempt = async (): Promise<true> => {
    const printed = await shell.run(text)
    assert.ok(!printed.failed, `line ${line}: ${text}failed:\n${printed.output}${printed.errors}`)
    const missing = output === undefined ? [] : missingLines(output, printed.output)
    assert.deepEqual(missing, [], `line ${line}: ${text}printed:\n${printed.output}${printed.errors}`)
    return true
  }
  if (isQuestion(text)) await waitUntil(`what line ${line} says`, attempt, { deadlineMs: 20_000 })
  else await attempt()
}

const refused = PageShell.refused()
for (const page of ['README.md', 'docs/tutorial.md', 'docs/library.md', 'docs/http.md']) {
  test(`every command and program of ${page} does in an empty project what the page says`, {
    skip: refused ?? false,
  }, async () => {
    const project = await emptyProject(basename(page, '.md'))
    const shell = new PageShell(project)
    try {
      for (const block of blocksOf(await readFile(join(root, page), 'utf8'))) {
        if (block.kind === 'file') await writeFile(join(project, block.name), block.text)
        else if (/^npm /.test(block.text)) assert.equal(block.text, installation, `line ${block.line}`)
        else await runCommands(shell, block)
      }
    } finally {
      await shell.end()
    }
  })
}
