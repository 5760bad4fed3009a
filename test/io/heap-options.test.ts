import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heapOptions } from '../../runtime/process/node-command.js'
import { runCommand } from '../harness/run-command.js'

const PRINT_LIMITS = `
  const print = () => console.log(require('node:v8').getHeapStatistics().heap_size_limit / 2 ** 20)
  print()
  new (require('node:worker_threads').Worker)('(' + print + ')()', { eval: true })
`

test('each thread of a process has the heap that its options say, for old and for young objects', async () => {
  const { stdout } = await runCommand({
    command: process.execPath,
    args: [...heapOptions(256, 2), '-e', PRINT_LIMITS],
    cwd: process.cwd(),
    env: {},
  })
  const limits = stdout.trim().split('\n').map(Number)
  assert.equal(limits.length, 2)
  for (const limitMib of limits) assert.ok(limitMib >= 192 && limitMib <= 192 + 3 * 4, `${limitMib} MiB`)
})
