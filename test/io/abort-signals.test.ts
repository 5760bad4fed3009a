import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

/* What docs/recipes.md says of signals of Node itself: "Signals, and what Node 20 forgets". */

/** A stall of the machine is shorter than what comes before it, and than what comes after it. */
const TIMEOUT_MS = 2000
const LATE_MS = 4500

const script = (signal: string): string => `
  import { createServer } from 'node:http'
  // The request is under way: from now on nothing but it knows the signal.
  const server = createServer(() => { gc(); setTimeout(gc, 50) }).listen(0, '127.0.0.1', async () => {
    const request = fetch('http://127.0.0.1:' + server.address().port, { signal: ${signal} })
    const late = new Promise((resolve) => setTimeout(resolve, ${LATE_MS}, 'it never ends'))
    console.log(await Promise.race([request.catch((error) => error.name), late]))
    process.exit()
  })`

async function endOf(signal: string): Promise<string> {
  const args = ['--expose-gc', '--input-type=module', '-e', script(signal)]
  return (await promisify(execFile)(process.execPath, args)).stdout.trim()
}

const forgets = Number(process.versions.node.split('.')[0]) < 22

test('Node 20 forgets a timeout that only AbortSignal.any() refers to; later ones do not', async () => {
  const end = await endOf(
    `AbortSignal.any([new AbortController().signal, AbortSignal.timeout(${TIMEOUT_MS})])`,
  )
  assert.equal(end, forgets ? 'it never ends' : 'TimeoutError')
})

test('a timeout alone ends a request on every Node', async () => {
  assert.equal(await endOf(`AbortSignal.timeout(${TIMEOUT_MS})`), 'TimeoutError')
})
