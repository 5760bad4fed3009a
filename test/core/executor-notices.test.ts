import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSharedMemory, SharedRing } from '../../actors/executor/shared-ring.js'
import type { TaskFunction } from '../../actors/executor/task-module.js'
import { packTasks } from '../../actors/executor/thread-messages.js'
import { ThreadSide, type Work } from '../../actors/executor/thread-side.js'
import { toBytes } from '../../actors/messages/cloneable.js'
import { innerLimits } from '../../runtime/inner-limits.js'

/* When a task thread wakes its main thread for results: a wake costs more than a short task. */

const NOTHING = toBytes([], {
  root: 'input',
  notCloneable: 'RESULT_NOT_CLONEABLE',
  tooLarge: 'RESULT_TOO_LARGE',
  maxBytes: 1000,
  task: 'none',
})
const BEHIND_MS = innerLimits.threadNoticeBehindMs
const executor = { id: 'a/1', host: 'h', cores: 1, resources: {} }

/** A thread whose tasks wait until the test settles them. `timers` are what it asked for, by their ms. */
function startThread(tasks: number) {
  const ring = new SharedRing(createSharedMemory({ slots: 16, bytes: 1 << 16 }))
  const settles: ((value: unknown) => void)[] = []
  const timers: { readonly ms: number; readonly run: () => void }[] = []
  const clock = { nowMs: 1000 }
  let notices = 0
  const call: TaskFunction = async () => undefined
  const side = new ThreadSide(
    {
      executor,
      functions: [{ functionId: 0, url: 'file:///t.js', name: 't' }],
      maxResultBytes: 1000,
      tasksAtOnce: 1,
    },
    ring,
    {
      nowMs: () => clock.nowMs,
      post: ({ kind }) => {
        if (kind === 'notice') notices++
      },
      postBody: () => assert.fail('no body is large'),
      soon: (run, ms) => {
        const timer = { ms, run }
        timers.push(timer)
        return () => void timers.splice(timers.indexOf(timer), 1)
      },
      load: () => Promise.resolve(call),
      watch: (_pending, settled) => void settles.push(settled as (value: unknown) => void),
      adopt: async (thenable) => thenable,
      traced: () => undefined,
      drive: (work: Work) => {
        while (work.next().value !== 'idle');
      },
      progress: { report: () => undefined, forget: () => undefined },
    },
  )
  const positions = Array.from({ length: tasks }, (_, position) => position)
  for (const position of positions) ring.post(position)
  const packed = positions.map((position) => {
    return { position, taskId: position, n: 1, functionId: 0, trace: undefined, input: NOTHING }
  })
  side.receive({ kind: 'run', tasks: packTasks(packed) })
  // The first of what it waits for is its module.
  settles.shift()?.(call)
  clock.nowMs += BEHIND_MS + 1
  return {
    clock,
    timers,
    notices: () => notices,
    read: () => ring.drain().map(({ position }) => position),
    /** The task that runs ends. */
    end: () => settles.shift()?.(undefined),
  }
}

test('results of short tasks leave together while more of them wait behind', () => {
  const thread = startThread(9)
  thread.end()
  // It comes alone, so its reader need not wait for others.
  assert.deepEqual([thread.notices(), thread.read()], [1, [0]])
  for (let ended = 0; ended < 4; ended++) {
    thread.clock.nowMs += 1
    thread.end()
  }
  assert.equal(thread.notices(), 1)
  const [timer] = thread.timers
  assert.deepEqual([thread.timers.length, timer?.ms], [1, BEHIND_MS])
  thread.clock.nowMs += 1
  timer?.run()
  assert.deepEqual([thread.notices(), thread.read()], [2, [1, 2, 3, 4]])
})

test('a result does not wait where nothing is behind the task that runs', () => {
  const thread = startThread(4)
  thread.end()
  thread.read()
  thread.end()
  assert.deepEqual([thread.notices(), thread.timers.map(({ ms }) => ms)], [1, [BEHIND_MS]])
  thread.end()
  const [timer, ...others] = thread.timers
  assert.deepEqual([timer?.ms, others], [0, []])
  timer?.run()
  assert.deepEqual([thread.notices(), thread.read()], [2, [1, 2]])
  thread.end()
  assert.deepEqual([thread.notices(), thread.read()], [3, [3]])
})

test('the next task may take long: after a while its predecessors are told', () => {
  const thread = startThread(9)
  thread.end()
  thread.read()
  thread.clock.nowMs += BEHIND_MS + 1
  thread.end()
  assert.deepEqual([thread.notices(), thread.read()], [2, [1]])
})
