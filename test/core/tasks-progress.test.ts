import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PositionProgress, ProgressThrottle } from '../../actors/executor/progress-throttle.js'
import { RunningTask } from '../../actors/executor/running-task.js'
import { ExecutorSession } from '../../actors/executor/session.js'
import type { AttemptProgress, FromExecutor } from '../../actors/messages/task-entries.js'
import * as tasks from '../../actors/messages/tasks.js'
import { each } from '../../actors/tasks/each.js'
import type { TaskProgress } from '../../actors/tasks/task-options.js'
import { createTaskPool } from '../../actors/tasks/task-pool.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'
import { limits } from '../../runtime/limits.js'
import type { LinkReceiver } from '../../runtime/transport/link.js'
import { HandExecutor } from '../tools/hand-executor.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* What a task says of itself, on its way from the task to the caller's onProgress. */

interface Functions {
  page(input: string): null
}

function bench() {
  const time = new VirtualTime()
  const pool = createTaskPool({
    appId: 'app',
    clock: time,
    timers: time,
    log: { info: () => {}, warn: () => {} },
    killExecutor: () => {},
    onDefect: (error) => {
      throw error
    },
    random: () => 1,
  })
  const executor = new HandExecutor(time, pool, 1, 8)
  const { page } = tasksOf<Functions>(pool, 'file:///t.js')
  const told: TaskProgress[] = []
  const onProgress = (progress: TaskProgress): void => void told.push(progress)
  return { time, pool, executor, page, told, onProgress }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const step = (taskId: number, fraction: number, text = '', n = 1): AttemptProgress => ({
  taskId,
  n,
  fraction,
  text,
})

test('onProgress is told of each task, the newest of what came together, with the counts of the call', async () => {
  const { pool, executor, page, told, onProgress } = bench()
  const first = each(pool, page, ['a', 'b'], { onProgress }).next()
  await turn()
  executor.progress(step(1, 0.1), step(2, 0.5, 'half'), step(1, 0.25, 'a quarter'))
  await turn()
  const counts = { done: 0, failed: 0, retried: 0, running: 2, atExecutors: 0, waiting: 0, total: 2 }
  assert.deepEqual(told, [
    { ...counts, task: { index: 0, fraction: 0.25, text: 'a quarter' } },
    { ...counts, task: { index: 1, fraction: 0.5, text: 'half' } },
  ])
  executor.progress(step(2, 0.75))
  await turn()
  assert.deepEqual(told.at(-1)?.task, { index: 1, fraction: 0.75 })
  executor.end(1, 'value')
  await first
  assert.equal(told.at(-1)?.task, undefined, 'an end is told as before')
  assert.equal(told.at(-1)?.done, 1)
})

test('what belongs to an attempt or a task that has ended is not told', async () => {
  const { time, pool, executor, page, told, onProgress } = bench()
  const results = each(pool, page, ['a', 'b'], { onProgress, backoff: 10 })
  const first = results.next()
  await turn()
  executor.progress(step(1, 0.5))
  executor.end(1, 'value')
  executor.end(2, 'failure')
  executor.progress(step(1, 0.9), step(2, 0.9))
  await time.advanceSettling(20)
  assert.equal(executor.begun.at(-1)?.n, 2)
  executor.progress(step(2, 0.8, '', 1), step(77, 0.1))
  await turn()
  assert.deepEqual(
    told.filter(({ task }) => task !== undefined),
    [],
  )
  executor.progress(step(2, 0.2, '', 2))
  await turn()
  assert.deepEqual(told.at(-1)?.task, { index: 1, fraction: 0.2 })
  await first
  await results.return?.()
  executor.progress(step(2, 0.3, '', 2))
  await turn()
  assert.deepEqual(told.at(-1)?.task, { index: 1, fraction: 0.2 })
})

for (const how of ['throws', 'rejects'])
  test(`an onProgress that ${how} ends the call, as it does for ends`, async () => {
    const { pool, executor, page } = bench()
    const fail = (): never => {
      throw new RangeError('no screen')
    }
    const onProgress = how === 'throws' ? fail : async () => fail()
    const first = each(pool, page, ['a'], { onProgress }).next()
    await turn()
    executor.progress(step(1, 0.5))
    await assert.rejects(first, {
      code: 'FIRESTEEL_CALLBACK_FAILED',
      message: 'onProgress threw: no screen',
      place: 'onProgress',
    })
  })

test('a frame with a fraction above 1 is not read', () => {
  const frames: Buffer[] = []
  tasks.writeProgress([step(1, 1)], (parts) => void frames.push(Buffer.concat(parts)))
  const [frame] = frames as [Buffer]
  assert.deepEqual(tasks.readFromExecutor(frame), { kind: 'progress', progress: [step(1, 1)] })
  tasks.writeProgress([{ ...step(1, 1), fraction: 1.1 }], (parts) => void frames.push(Buffer.concat(parts)))
  assert.throws(() => tasks.readFromExecutor(frames[1] as Buffer), { code: 'FIRESTEEL_FRAME_INVALID' })
})

test('a thread tells the newest of each task, ten times a second at most', () => {
  const time = new VirtualTime()
  const sent: { readonly atMs: number; readonly progress: readonly PositionProgress[] }[] = []
  const throttle = new ProgressThrottle({
    nowMs: () => time.monotonicMs(),
    after: (ms, run) => void time.after(ms, run),
    send: (progress) => void sent.push({ atMs: time.monotonicMs(), progress }),
  })
  for (let count = 0; count < 1000; count++) {
    throttle.report(1, { fraction: count / 1000, text: '' })
    throttle.report(2, { fraction: count / 2000, text: '' })
    time.advance(1)
  }
  assert.ok(sent.length <= 11, `${sent.length} in a second`)
  for (const { progress } of sent.slice(1)) assert.equal(progress.length, 2)
  time.advance(limits.taskProgressMs)
  assert.equal(sent.at(-1)?.progress[0]?.fraction, 0.999, 'the last one is told')
  assert.equal(time.pending, 0)
  // Nothing fires while a task keeps its thread to itself.
  const before = sent.length
  throttle.report(3, { fraction: 0.1, text: '' })
  time.spend(limits.taskProgressMs)
  throttle.report(3, { fraction: 0.2, text: '' })
  assert.equal(sent.length, before + 2)
  throttle.report(4, { fraction: 0.3, text: '' })
  throttle.forget(4)
  time.advance(1000)
  assert.equal(sent.length, before + 2, 'a task that has ended says nothing more')
})

test('progress() takes what is nearly right, and refuses what is not', () => {
  const said: unknown[] = []
  const executor = { id: 'app/0', host: 'h', cores: 1, resources: {} }
  const task = new RunningTask(7, 1, 1, executor, {
    progress: (position, progress) => void said.push([position, progress]),
    output: () => {},
  })
  task.progress(0.5, 'half')
  task.progress(1.0000001)
  task.progress(-0.1)
  task.progress(0.1, 'x'.repeat(10_000))
  assert.deepEqual(said.slice(0, 3), [
    [7, { fraction: 0.5, text: 'half' }],
    [7, { fraction: 1, text: '' }],
    [7, { fraction: 0, text: '' }],
  ])
  assert.equal((said[3] as [number, { text: string }])[1].text.length, limits.taskProgressTextLength)
  for (const wrong of [Number.NaN, '0.5', undefined, null]) {
    assert.throws(() => task.progress(wrong as number), { code: 'FIRESTEEL_USAGE', place: 'fraction' })
  }
  assert.throws(() => task.progress(0.5, 5 as unknown as string), { code: 'FIRESTEEL_USAGE', place: 'text' })
  task.ended()
  task.progress(0.9)
  assert.equal(said.length, 4)
})

test('progress waits for a link that is full, keeps only the newest, and never stands for a task that has ended', () => {
  const sent: FromExecutor[] = []
  let takes = true
  let receiver: LinkReceiver | undefined
  const runner = {
    addFunctions: () => {},
    setMaxResultBytes: () => {},
    outputTaken: () => {},
    run: (attempts: readonly { taskId: number }[]) => void all.push(...attempts),
    cancel: () => {},
    recall: () => {},
    pause: () => {},
  }
  const all: { taskId: number }[] = []
  const hello = { execId: 1, workerId: 'w', host: 'h', cores: 1, pid: 1, resources: {} }
  const session = new ExecutorSession({
    hello,
    runner,
    onExit: () => {},
    onDefect: (error) => {
      throw error
    },
  })
  session.link({
    setReceiver: (given) => {
      receiver = given
    },
    close: () => {},
    sendPayload: (parts) => {
      sent.push(tasks.readFromExecutor(Buffer.concat(parts)))
      return takes
    },
  })
  const receive = (write: (emit: tasks.Emit) => void): void =>
    write((parts) => receiver?.payload(Buffer.concat(parts)))
  receive((emit) => tasks.writeWelcome(1000, 1000, emit))
  const run = (taskId: number) => ({ taskId, n: 1, functionId: 0, timeoutMs: 0, input: new Uint8Array(1) })
  receive((emit) => tasks.writeRun([run(1), run(2)], emit))
  const told = () => sent.flatMap((message) => (message.kind === 'progress' ? message.progress : []))
  takes = false
  session.progress([step(1, 0.1)])
  assert.deepEqual(told(), [step(1, 0.1)])
  session.progress([step(1, 0.2), step(2, 0.5)])
  session.progress([step(1, 0.3), step(9, 0.5)])
  assert.equal(told().length, 1, 'the link is full')
  session.result(all[1] as Parameters<typeof session.result>[0], 'value', new Uint8Array(1))
  takes = true
  receiver?.drain()
  assert.deepEqual(told(), [step(1, 0.1), step(1, 0.3)])
})
