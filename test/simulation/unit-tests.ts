import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
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

/** Name of the first test of those about the mutated file that fails; undefined where all pass. */
export async function firstFailedTest(folder: string, { file }: Mutation): Promise<string | undefined> {
  const about = aboutFolder[file.split('/').slice(0, 2).join('/')] ?? ['']
  const names = (await readdir(join(folder, 'test/unit'))).filter((name) => name.endsWith('.test.js'))
  for (const beginning of about) {
    const files = names.filter((name) => name.startsWith(beginning)).map((name) => join('test/unit', name))
    if (files.length === 0) continue
    const failed = await firstFailureOf(folder, files)
    if (failed !== undefined) return failed
  }
  return undefined
}

function firstFailureOf(folder: string, files: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const args = ['--test', '--test-timeout=120000', '--test-reporter=tap', ...files]
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    let failed: string | undefined
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      failed ??= /^ *not ok \d+ - (.*)$/m.exec(output)?.[1]
      // The others tell nothing more.
      if (failed !== undefined) child.kill()
    })
    child.once('error', reject)
    child.once('close', () => resolve(failed))
  })
}
