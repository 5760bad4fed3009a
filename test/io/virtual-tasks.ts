import assert from 'node:assert/strict'
import type { ResultStatus } from '../../actors/messages/task-entries.js'
import { createTaskPool } from '../../actors/tasks/task-pool.js'
import type { TaskPool } from '../../actors/tasks/task-pool-types.js'
import { HandExecutor } from '../tools/hand-executor.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* Calls in virtual time, on an executor that runs nothing: what begins there, and when, is seen exactly. */

export interface Seen {
  /** Of each attempt, in ms from the first one. */
  readonly beginsMs: readonly number[]
  /** Attempts that ran at one time. */
  readonly most: number
}

interface Played {
  /** How each attempt ends. */
  readonly status: Extract<ResultStatus, 'value' | 'failure'>
  /** What the pool gets for random numbers. */
  readonly random?: number
}

/** Each attempt takes this long. */
export const TASK_MS = 1

/** The shipped pool, under the calls that `use` makes of it, until those have ended. */
export async function inVirtualTime(
  { status, random = 1 }: Played,
  use: (pool: TaskPool) => Promise<unknown>,
): Promise<Seen> {
  const time = new VirtualTime()
  const pool = createTaskPool({
    appId: 'app',
    clock: time,
    timers: time,
    log: { info: () => undefined, warn: () => undefined },
    killExecutor: () => undefined,
    onDefect: (error) => {
      throw error
    },
    random: () => random,
  })
  const executor = new HandExecutor(time, pool, 1, 100)
  let running = 0
  let most = 0
  executor.onRun = (taskId) => {
    most = Math.max(most, ++running)
    time.after(TASK_MS, () => {
      running--
      executor.end(taskId, status)
    })
  }
  let isOver = false
  const using = use(pool).finally(() => {
    isOver = true
  })
  using.catch(() => undefined)
  for (let turn = 0; !isOver; turn++) {
    assert.ok(turn < 10_000, 'the call does not end')
    await time.advanceSettling(1000)
  }
  await using
  const firstMs = executor.begun[0]?.atMs ?? Number.NaN
  return { beginsMs: executor.begun.map(({ atMs }) => atMs - firstMs), most }
}
