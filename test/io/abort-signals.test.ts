import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

/* What docs/recipes.md says of signals of Node itself: "Signals, and what Node 20 forgets". */

const script = (signal: string): string => `
  import { createServer } from 'node:http'
  const collect = () => { gc(); setImmediate(gc) }
  const server = createServer(() => setImmediate(collect)).listen(0, '127.0.0.1', async () => {
    const request = fetch('http://127.0.0.1:' + server.address().port, { signal: ${signal} })
    const late = new Promise((resolve) => setTimeout(resolve, 4000, 'it never ends'))
    console.log(await Promise.race([request.catch((error) => error.name), late]))
    process.exit()
  })`

async function endOf(signal: string): Promise<string> {
  const args = ['--expose-gc', '--input-type=module', '-e', script(signal)]
  return (await promisify(execFile)(process.execPath, args)).stdout.trim()
}

const forgets = Number(process.versions.node.split('.')[0]) < 22

test('Node 20 forgets a timeout that only AbortSignal.any() refers to; later ones do not', async () => {
  const end = await endOf('AbortSignal.any([new AbortController().signal, AbortSignal.timeout(2000)])')
  assert.equal(end, forgets ? 'it never ends' : 'TimeoutError')
})

test('a timeout alone ends a request on every Node', async () => {
  assert.equal(await endOf('AbortSignal.timeout(2000)'), 'TimeoutError')
})
