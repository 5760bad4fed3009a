import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { builtFile } from '../../runtime/built-file.js'
import { mainCommand, thisNode } from '../../runtime/process/node-command.js'
import { stripsTypes } from '../../runtime/type-script/type-script.js'
import { runCommand } from '../harness/run-command.js'
import { commandEnvironment } from '../harness/up-process.js'
import { tempFolder, writeFiles } from '../tools/code-folder.js'

/* TypeScript without a build step, on a Node that does not strip types. */

const FILES = {
  'main.ts': `
import { double } from './lib/double.ts'
import type { Missing } from './not-there.ts'
enum Color { Red = 20 }
const value: number = double(Color.Red as number)
console.log(JSON.stringify({ value, args: process.argv.slice(2), url: import.meta.url }))`,
  'lib/double.ts':
    'export const double = (n: number): number => n * 2 + two\nimport { two } from "./two.cts"',
  'lib/two.cts': 'const two: number = 2\nexport = { two }',
  'throws.mts': 'type A = 1\n\n\nconst boom = (): never => { throw new Error("boom") }\nboom()',
}

test('a program in TypeScript runs by esbuild, with enums and CommonJS, and errors name its lines', async (t) => {
  const cwd = await tempFolder(t)
  await writeFiles(cwd, FILES)
  const run = (main: string) => {
    const line = mainCommand({ main: join(cwd, main), args: ['x'] }, { ...thisNode, stripsTypes: false })
    return runCommand({ ...line, cwd, env: { ...commandEnvironment(), ...line.env } })
  }
  const { code, stdout, stderr } = await run('main.ts')
  assert.equal(code, 0, stderr)
  const { value, args, url } = JSON.parse(stdout) as { value: number; args: string[]; url: string }
  assert.deepEqual([value, args, url], [42, ['x'], pathToFileURL(join(cwd, 'main.ts')).href])
  const thrown = await run('throws.mts')
  assert.equal(thrown.code, 1)
  assert.match(thrown.stderr, /throws\.mts:4:\d+/)
})

/** Nobody finds esbuild any more. */
const HIDE = `data:text/javascript,${encodeURIComponent(`
import module from 'node:module'
const resolve = module._resolveFilename
module._resolveFilename = function (name, ...rest) {
  if (name === 'esbuild') throw new Error('it is not installed')
  return resolve.call(this, name, ...rest)
}`)}`

test('where neither Node nor esbuild takes it, the error says so', {
  skip: stripsTypes && 'Node strips types',
}, async (t) => {
  const cwd = await tempFolder(t)
  await writeFiles(cwd, { 'tasks.ts': 'export const run = (): number => 1' })
  const script = `
import { loadTaskFunction } from ${JSON.stringify(builtFile('actors/executor/task-module.js').href)}
await loadTaskFunction(${JSON.stringify(pathToFileURL(join(cwd, 'tasks.ts')).href)}, 'run', 'w1').catch((error) =>
  console.log(error.code + ' ' + error.message))`
  const args = ['--import', HIDE, '--input-type=module', '--eval', script]
  const { stdout, stderr } = await runCommand({
    command: process.execPath,
    args,
    cwd,
    env: commandEnvironment(),
  })
  assert.match(
    stdout,
    /^FIRESTEEL_TASK_MODULE_TYPESCRIPT w1:.*tasks\.ts is TypeScript.* esbuild is not installed/,
    stderr,
  )
})
