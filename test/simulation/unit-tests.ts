import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Mutation } from './mutations.js'

/** Which unit tests are about a folder, by the beginnings of their names. */
const aboutFolder: Readonly<Record<string, readonly string[]>> = {
  'actors/master': ['master', 'spark'],
  'actors/worker': ['worker', 'spark'],
  'actors/tasks': ['tasks'],
  'actors/executor': ['executor', 'tasks'],
  'actors/client': ['client'],
  'actors/election': ['election', 'redis-lock'],
  'runtime/persistence': ['persistence', 'redis-engine'],
  'runtime/transport': ['transport'],
  'runtime/process': ['process'],
  'runtime/launch': ['launch'],
  'runtime/system': ['system'],
}

/**
 * Name of the first test about the mutated file that fails in this build and not in the original one;
 * undefined if there is none.
 */
export async function firstFailedTest(
  folder: string,
  clean: string,
  { file }: Mutation,
): Promise<string | undefined> {
  const about = aboutFolder[file.split('/').slice(0, 2).join('/')] ?? ['']
  const names = await unitTests(folder)
  for (const beginning of about) {
    for (const name of names.filter((name) => basename(name).startsWith(beginning))) {
      const failed = await firstFailureOf(folder, name)
      if (failed !== undefined && (await firstFailureOf(clean, name)) === undefined) return failed.name
    }
  }
  return undefined
}

export interface TestFailure {
  readonly name: string
  /** What its runner says of it. */
  readonly text: string
}

/** How this file of unit tests fails there; undefined: it does not. */
export async function failureIn(folder: string, test: string): Promise<TestFailure | undefined> {
  return firstFailureOf(folder, await pathOf(folder, test))
}

/** Where a file of unit tests stands in a build. Throws where there is none. */
export async function pathOf(folder: string, test: string): Promise<string> {
  const path = (await unitTests(folder)).find((path) => basename(path) === `${test}.test.js`)
  if (path === undefined) throw new Error(`there is no unit test ${test}`)
  return path
}

/** Paths of all of them in a build, those without any I/O first. */
async function unitTests(folder: string): Promise<string[]> {
  const suites = ['test/core', 'test/io']
  const names = await Promise.all(
    suites.map(async (suite) => (await readdir(join(folder, suite))).map((name) => join(suite, name))),
  )
  return names.flat().filter((name) => name.endsWith('.test.js'))
}

/** A test that failed, and the block that says how. */
const FAILURE = /^ *not ok \d+ - (.*)\n *---\n([\s\S]*?)\n *\.\.\.$/m

function firstFailureOf(folder: string, name: string): Promise<TestFailure | undefined> {
  return new Promise((resolve, reject) => {
    const file = join(folder, name)
    const args = ['--test', '--test-timeout=120000', '--test-reporter=tap', file]
    // In the folder of `npm test`, because some tests read files of the project.
    const child = spawn(process.execPath, args, {
      cwd: join(folder, '..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    let failed: TestFailure | undefined
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const [, name, text] = FAILURE.exec(output) ?? []
      if (name !== undefined && text !== undefined) failed ??= { name, text }
      // The other tests add nothing.
      if (failed !== undefined) child.kill()
    })
    child.once('error', reject)
    child.once('close', () => resolve(failed))
  })
}
