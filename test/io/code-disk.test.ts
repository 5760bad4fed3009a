import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { CodeDisk } from '../../runtime/code/code-disk.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { tempFolder, writeFiles } from '../tools/code-folder.js'

/* The thread for files of code, when something is wrong with it. */

test('a thread that ends fails the orders that it had, and the next one has another thread', async (t) => {
  const folder = await tempFolder(t)
  const once = join(folder, 'once')
  await writeFiles(folder, {
    'package.json': '{"type":"module"}',
    // The first one reads an order and ends, the second one answers.
    'disk.js': `
import { existsSync, writeFileSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
parentPort.on('message', ({ number }) => {
  if (existsSync(${JSON.stringify(once)})) return parentPort.postMessage({ number })
  writeFileSync(${JSON.stringify(once)}, '')
  process.exit(3)
})`,
  })
  const disk = new CodeDisk(pathToFileURL(join(folder, 'disk.js')))
  const both = await Promise.allSettled([disk.run('clear', ['a']), disk.run('clear', ['b'])])
  for (const { status, reason } of both as PromiseRejectedResult[]) {
    assert.equal(status, 'rejected')
    assert.equal(reason.code, 'FIRESTEEL_INTERNAL')
  }
  await disk.run('clear', ['c'])
})

test('where the program of the thread is missing, the files are read and written all the same', async (t) => {
  const folder = await tempFolder(t)
  await writeFiles(folder, { 'a.js': 'a', 'b/c.js': 'c' })
  const disk = new CodeDisk(pathToFileURL(join(folder, 'missing.js')))
  const { manifest } = await disk.collect({ folder, modules: false })
  assert.deepEqual(
    manifest.files.map(({ path }) => path),
    ['a.js', 'b/c.js'],
  )
  await disk.run('clear', [join(folder, 'b')])
  assert.equal(existsSync(join(folder, 'b')), false)
})

/** Nice value of each thread of this process. */
const niceOfThreads = (): number[] =>
  readdirSync('/proc/self/task').map((thread) => {
    const text = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1')
    // After the name, which may hold spaces, the 17th field.
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[16])
  })

test('its thread goes after all others of this process', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const own = getPriority()
  if (own >= innerLimits.codeDiskNice) return t.skip('this process has a low priority itself')
  const others = niceOfThreads().filter((nice) => nice !== own)
  assert.deepEqual(others, [])
  await new CodeDisk().run('clear', [await tempFolder(t)])
  assert.deepEqual(
    niceOfThreads().filter((nice) => nice !== own),
    [innerLimits.codeDiskNice],
  )
})
