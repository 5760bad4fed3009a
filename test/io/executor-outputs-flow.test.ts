import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { ExecutorOutputs } from '../../actors/client/executor-outputs.js'
import type { OutputLine } from '../../actors/client/output-pieces.js'
import { FiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { Log } from '../../runtime/observe/log.js'

/* What executors print comes from their Workers, over links that break. */

/** Workers that keep outputs. Each read ends with the output, or breaks in the middle first. */
class Workers {
  readonly outputs = new Map([
    ['app-1/0 stdout', 'one\ntwo\nthree\n'],
    ['app-1/0 stderr', ''],
  ])
  readonly asked: string[] = []
  breaksAt: number | undefined
  isClosed = false

  async request({ id }: { readonly id: string }) {
    return { worker: `firesteel://${id}:1` }
  }

  async workerStream(_: string, { id, output, offset }: { id: string; output: string; offset: number }) {
    this.asked.push(`${id} ${output} from ${offset}`)
    const bytes = Buffer.from(this.outputs.get(`${id} ${output}`) ?? '').subarray(offset)
    const at = output === 'stdout' ? this.breaksAt : undefined
    this.breaksAt = output === 'stdout' ? undefined : this.breaksAt
    return (async function* () {
      yield at === undefined ? bytes : bytes.subarray(0, at)
      if (at !== undefined) throw new FiresteelError('LINK_CLOSED', 'the link ended')
    })()
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

function followed(show: (line: OutputLine) => void) {
  const workers = new Workers()
  const warnings: string[] = []
  const log = { warn: (text: string) => void warnings.push(text) } as unknown as Log
  const outputs = new ExecutorOutputs({ appId: 'app-1', client: workers as never, show, log })
  return { workers, warnings, outputs }
}

test('an output goes on after a link that broke, each line once, and the end waits for the last of them', async () => {
  const lines: OutputLine[] = []
  const { workers, outputs, warnings } = followed((line) => void lines.push(line))
  workers.breaksAt = 6
  outputs.follow(0)
  outputs.follow(0)
  await outputs.close()
  assert.deepEqual(
    lines.map(({ text }) => text),
    ['one', 'two', 'three'],
  )
  assert.deepEqual(workers.asked.sort(), [
    'app-1/0 stderr from 0',
    'app-1/0 stdout from 0',
    'app-1/0 stdout from 6',
  ])
  assert.deepEqual(warnings, [])
  assert.ok(workers.isClosed)
  outputs.follow(1)
  assert.equal(workers.asked.length, 3, 'nothing begins after the end')
})

test('a flood is not shown whole, and how much was left out is said; a reader that throws harms nobody', async () => {
  let shown = 0
  const { workers, outputs, warnings } = followed(() => {
    shown++
    throw new Error('mine')
  })
  workers.outputs.set('app-1/0 stdout', 'x\n'.repeat(50_000))
  outputs.follow(0)
  await outputs.close()
  assert.ok(shown >= innerLimits.outputLinesPerSecond && shown < 50_000, `${shown} were shown`)
  const left = warnings.find((text) => text.includes('lines of executors are not shown'))
  assert.ok(left && Number.parseInt(left, 10) > 0, left)
})
