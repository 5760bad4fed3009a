import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attempt } from '../../actors/executor/attempt.js'
import { ExecutorSession } from '../../actors/executor/session.js'
import { toBytes } from '../../actors/messages/cloneable.js'
import type { AttemptKey, FromExecutor, RunEntry, ToExecutor } from '../../actors/messages/task-entries.js'
import * as tasks from '../../actors/messages/tasks.js'
import type { TaskEnd } from '../../actors/tasks/dispatch-types.js'
import { createTaskPool } from '../../actors/tasks/task-pool.js'
import type { TaskPool } from '../../actors/tasks/task-pool-types.js'
import { limits } from '../../runtime/limits.js'
import type { LinkReceiver } from '../../runtime/transport/link.js'
import { VirtualTime } from '../tools/virtual-time.js'

/*
 * Who pays for what: what a peer sends and nobody can read costs its link, a defect of ours costs us; and a
 * peer that lies costs nobody anything but itself.
 */

const KIB = 1024
const MAX_BYTES = 256 * KIB
const FRAME_INVALID = { code: 'FIRESTEEL_FRAME_INVALID' }
const value = (of: unknown): Uint8Array => toBytes(of, cloning)
const cloning = {
  root: 'result',
  notCloneable: 'RESULT_NOT_CLONEABLE',
  tooLarge: 'RESULT_TOO_LARGE',
  maxBytes: MAX_BYTES,
  task: 'a task',
} as const

type Frame = ToExecutor | FromExecutor

/* Where a body is null, it should have come in chunks. */

/** A link whose other end is the test: it says what it likes. */
class Liar {
  readonly received: Frame[] = []
  readonly #read: (frame: Uint8Array) => Frame
  receiver: LinkReceiver | undefined
  closedFor: string | undefined

  constructor(read: (frame: Uint8Array) => Frame) {
    this.#read = read
  }

  setReceiver(receiver: LinkReceiver): void {
    this.receiver = receiver
  }
  sendPayload(parts: readonly Uint8Array[]): boolean {
    this.received.push(this.#read(Buffer.concat(parts)))
    return true
  }
  close(reason = 'closed'): void {
    if (this.closedFor !== undefined) return
    this.closedFor = reason
    this.receiver?.closed({ kind: 'local', detail: reason })
  }
  replace(reason: string): void {
    this.close(reason)
  }
  /** As a link does it: what cannot be read ends it. */
  say(write: (emit: tasks.Emit) => void): void {
    write((parts) => this.bytes(Buffer.concat(parts)))
  }
  bytes(frame: Buffer): void {
    try {
      this.receiver?.payload(frame)
    } catch (error) {
      assert.ok((error as { code?: string }).code === FRAME_INVALID.code, String(error))
      this.close((error as Error).message)
      throw error
    }
  }
  of<K extends Frame['kind']>(kind: K): Extract<Frame, { kind: K }>[] {
    return this.received.filter((frame): frame is Extract<Frame, { kind: K }> => frame.kind === kind)
  }
}

interface Bench {
  readonly pool: TaskPool
  readonly time: VirtualTime
  readonly defects: unknown[]
  readonly killed: number[]
  readonly ends: Map<number, TaskEnd['kind']>
  /** Linked; `held`: whether it says what it holds. */
  executor(execId: number, cores: number, held?: boolean): Liar
  submit(count: number, onEnd?: () => void): void
}

function bench(): Bench {
  const time = new VirtualTime()
  const defects: unknown[] = []
  const killed: number[] = []
  const ends: Bench['ends'] = new Map()
  const pool = createTaskPool({
    appId: 'app',
    clock: time,
    timers: time,
    log: { info: () => {}, warn: () => {} },
    killExecutor: (execId) => void killed.push(execId),
    onDefect: (error) => void defects.push(error),
    limits: { maxInputBytes: MAX_BYTES, maxResultBytes: MAX_BYTES },
  })
  const fn = { url: 'file:///t.js', name: 'f' }
  return {
    pool,
    time,
    defects,
    killed,
    ends,
    executor(execId, cores, held = true) {
      const liar = new Liar(tasks.readToExecutor)
      pool.link(liar)
      pool.executorAdded({ execId, workerId: 'w', host: 'h', cores })
      const hello = { execId, workerId: 'w', host: 'h', cores, pid: 1, resources: {} }
      liar.say((emit) => tasks.writeHello(hello, emit))
      if (held) liar.say((emit) => tasks.writeAttempts('held', [], emit))
      return liar
    },
    submit(count, onEnd) {
      for (; count > 0; count--) {
        pool.submit({
          fn,
          input: value([1]),
          retries: 3,
          timeoutMs: 0,
          group: 0,
          onEnd: ({ taskId, end }) => {
            ends.set(taskId, end.kind)
            onEnd?.()
          },
        })
      }
    },
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const runsOf = (liar: Liar): RunEntry[] => liar.of('run').flatMap(({ tasks: entries }) => [...entries])
const result = (liar: Liar, { taskId, n }: AttemptKey, body: Uint8Array | null = value(1)): void =>
  liar.say((emit) => tasks.writeResults([{ taskId, n, status: 'value', body: body ?? undefined }], emit))

test('a defect of the pool ends every task and every executor, is told once, and no link is cut for it', async () => {
  const { pool, defects, ends, executor, submit } = bench()
  const liars = [executor(0, 1), executor(1, 1)] as const
  submit(1, () => {
    throw new Error('planted')
  })
  submit(5)
  await settled()
  const run = runsOf(liars[0])[0]!
  assert.equal(run.taskId, 1)
  result(liars[0], run)
  assert.deepEqual(
    liars.map(({ closedFor }) => closedFor),
    [undefined, undefined],
  )
  for (const liar of liars)
    assert.match(liar.of('exit')[0]?.reason ?? '', /^a defect of the task pool: .*planted/)
  assert.deepEqual([...ends], [[1, 'value'], ...[2, 3, 4, 5, 6].map((taskId) => [taskId, 'closed'])])
  assert.equal(defects.length, 1)
  submit(1)
  await settled()
  assert.equal(ends.get(7), 'closed', 'what comes later ends at once')
  const late = new Liar(tasks.readToExecutor)
  pool.link(late)
  assert.match(late.closedFor ?? '', /planted/)
  pool.close({ reason: 'closed' })
  assert.equal(defects.length, 1)
})

test('what an executor sends and nobody can read costs its link, and no task', async () => {
  const { defects, ends, executor, submit } = bench()
  const liar = executor(0, 1)
  submit(1)
  await settled()
  const run = runsOf(liar)[0]!
  for (const lie of [
    (to: Liar) => to.bytes(Buffer.from([99])),
    (to: Liar) => to.bytes(Buffer.from([20, 0, 255, 255, 255, 255])),
    // A body that is not there, one larger than the limit, and one that is more than it announced.
    (to: Liar) => result(to, run, null),
    (to: Liar) => to.say((emit) => tasks.writeChunk(run, new Uint8Array(MAX_BYTES + 1), 0, emit)),
    (to: Liar) => {
      for (const offset of [0, 0])
        to.say((emit) => tasks.writeChunk(run, new Uint8Array(90 * KIB), offset, emit))
    },
    // A list of what it holds that never ends.
    (to: Liar) => {
      const attempts = Array.from({ length: 5000 }, (_, taskId) => ({ taskId, n: 1 }))
      for (let sent = 0; sent <= limits.heldAttempts; sent += attempts.length) {
        to.say((emit) =>
          tasks.writeAttempts('held', attempts, ([frame]) => {
            const notLast = Buffer.from(frame!)
            notLast[1] = 0
            emit([notLast])
          }),
        )
      }
    },
  ]) {
    const again = executor(0, 1)
    assert.throws(() => lie(again), FRAME_INVALID)
    assert.ok(again.closedFor)
  }
  const honest = executor(0, 1)
  result(honest, runsOf(honest).at(-1)!)
  assert.deepEqual([...ends.values()], ['value'])
  assert.deepEqual(defects, [])
})

test('wrong numbers, results that nobody asked for, and answers to nothing are dropped and counted', async () => {
  const { pool, ends, executor, submit, defects } = bench()
  const liar = executor(0, 2)
  submit(2)
  await settled()
  const [one, two] = runsOf(liar) as [RunEntry, RunEntry]
  result(liar, { taskId: one.taskId, n: one.n + 1 })
  result(liar, { taskId: one.taskId, n: 0 })
  result(liar, { taskId: 2 ** 53 - 1, n: 2 ** 32 - 1 })
  liar.say((emit) => tasks.writeAttempts('started', [{ taskId: 77, n: 1 }], emit))
  liar.say((emit) => tasks.writeAttempts('returned', [{ taskId: one.taskId, n: 9 }], emit))
  liar.say((emit) => tasks.writeAttempts('held', [{ taskId: 5, n: 5 }], emit))
  assert.deepEqual([...ends], [])
  result(liar, one, Buffer.from('this is no value'))
  result(liar, one)
  result(liar, two)
  assert.deepEqual([...ends.values()], ['value', 'value'])
  assert.equal(pool.stats().dropped, 4)
  assert.deepEqual(defects, [])
})

test('bodies that are begun and not ended take the room of one', async () => {
  const { executor, submit } = bench()
  const liar = executor(0, 2)
  submit(1)
  await settled()
  const body = new Uint8Array(MAX_BYTES)
  const before = process.memoryUsage().arrayBuffers
  for (let taskId = 0; taskId < 2000; taskId++)
    liar.say((emit) => tasks.writeChunk({ taskId, n: 1 }, body, 0, emit))
  assert.equal(liar.closedFor, undefined)
  globalThis.gc?.()
  const grown = process.memoryUsage().arrayBuffers - before
  // Two thousand of them would be 500 MiB; what is not collected yet is far from that.
  assert.ok(grown < 250 * 1024 * KIB, `${Math.round(grown / KIB)} KiB`)
  const key = runsOf(liar)[0]!
  for (let offset = 0; offset < body.length; offset += tasks.CHUNK_BYTES)
    liar.say((emit) => tasks.writeChunk(key, body, offset, emit))
  result(liar, key, null)
  assert.equal(liar.closedFor, undefined, 'a whole one arrives all the same')
})

test('one that says again and again that it ends, and does not, is given up; its results count once', async () => {
  const { pool, time, ends, killed, executor, submit } = bench()
  const liar = executor(0, 2)
  submit(2)
  await settled()
  const [one, two] = runsOf(liar) as [RunEntry, RunEntry]
  const honest = executor(1, 2)
  for (let said = 0; said < 40; said++) {
    liar.say((emit) => tasks.writeEnding('soon', true, emit))
    for (let sent = 0; sent < 10; sent++) result(liar, one)
    result(liar, { taskId: 99, n: 1 })
    await time.advanceSettling(limits.executorTimeoutMs / 20)
  }
  assert.deepEqual([...ends.keys()], [one.taskId])
  assert.deepEqual(killed, [0])
  assert.equal(runsOf(honest)[0]?.taskId, two.taskId, 'what it had goes elsewhere')
  result(honest, runsOf(honest)[0]!)
  assert.equal(ends.size, 2)
  assert.equal(pool.stats().accepted, 2)
})

test('one that does not say what it holds is given up, and its tasks go elsewhere', async () => {
  const { time, ends, killed, executor, submit } = bench()
  const liar = executor(0, 1)
  submit(1)
  await settled()
  assert.equal(runsOf(liar).length, 1)
  executor(0, 1, false)
  await time.advanceSettling(limits.driverLinkDeadMs - 1)
  assert.deepEqual(killed, [])
  await time.advanceSettling(1)
  assert.deepEqual(killed, [0])
  const honest = executor(1, 1)
  result(honest, runsOf(honest)[0]!)
  assert.deepEqual([...ends.values()], ['value'])
})

interface ExecutorBench {
  readonly session: ExecutorSession
  readonly begun: Attempt[]
  readonly defects: unknown[]
  driver(): Liar
}

function executorBench(planted?: Error): ExecutorBench {
  const begun: Attempt[] = []
  const defects: unknown[] = []
  const session = new ExecutorSession({
    hello: { execId: 0, workerId: 'w', host: 'h', cores: 1, pid: 1, resources: {} },
    runner: {
      addFunctions: () => {},
      setMaxResultBytes: () => {},
      outputTaken: () => {},
      run: (attempts) => {
        if (planted) throw planted
        begun.push(...attempts)
      },
      cancel: (attempt) => session.returned([attempt]),
      recall: () => {},
      pause: () => {},
    },
    onExit: (reason) => assert.fail(reason),
    onDefect: (error) => void defects.push(error),
  })
  return {
    session,
    begun,
    defects,
    driver() {
      const liar = new Liar(tasks.readFromExecutor)
      session.link(liar)
      liar.say((emit) => tasks.writeWelcome(MAX_BYTES, MAX_BYTES, emit))
      return liar
    },
  }
}

const give = (driver: Liar, keys: readonly AttemptKey[], input: Uint8Array | null = value([1])) =>
  driver.say((emit) =>
    tasks.writeRun(
      keys.map((key) => ({ ...key, functionId: 0, timeoutMs: 0, input: input ?? undefined })),
      emit,
    ),
  )

test('a defect of the executor is told as that, and its link is not cut; what cannot be read costs the link', () => {
  const planted = new Error('planted')
  const broken = executorBench(planted)
  const driver = broken.driver()
  give(driver, [{ taskId: 1, n: 1 }])
  assert.deepEqual(broken.defects, [planted])
  assert.equal(driver.closedFor, undefined)

  const { begun, defects, driver: link } = executorBench()
  for (const lie of [
    (to: Liar) => to.bytes(Buffer.from([0])),
    (to: Liar) => to.bytes(Buffer.alloc(0)),
    (to: Liar) => give(to, [{ taskId: 1, n: 1 }], null),
    (to: Liar) =>
      to.say((emit) => tasks.writeChunk({ taskId: 1, n: 1 }, new Uint8Array(MAX_BYTES + 1), 0, emit)),
    // More than any memory has, allowed by the driver itself.
    (to: Liar) => {
      to.say((emit) => tasks.writeWelcome(2 ** 53 - 1, 2 ** 53 - 1, emit))
      to.say((emit) =>
        tasks.writeChunk({ taskId: 1, n: 1 }, new Uint8Array(1), 0, ([head]) => {
          const huge = Buffer.from(head!)
          huge.writeDoubleLE(2 ** 53 - 1, 13)
          emit([huge])
        }),
      )
    },
  ]) {
    const liar = link()
    assert.throws(() => lie(liar), FRAME_INVALID)
    assert.ok(liar.closedFor)
  }
  const honest = link()
  give(honest, [{ taskId: 1, n: 1 }])
  assert.deepEqual([begun.length, defects.length], [1, 0])
})

test('a driver that acknowledges and cancels what never was, and gives a task twice, confuses nothing', async () => {
  const { session, begun, driver } = executorBench()
  const link = driver()
  const strange = [
    { taskId: 1, n: 2 },
    { taskId: 2 ** 53 - 1, n: 2 ** 32 - 1 },
  ]
  give(link, [{ taskId: 1, n: 1 }])
  link.say((emit) => tasks.writeAttempts('ack', [{ taskId: 1, n: 1 }, ...strange], emit))
  link.say((emit) => tasks.writeAttempts('cancel', strange, emit))
  link.say((emit) => tasks.writeRecall(2 ** 32 - 1, emit))
  // While the first attempt runs.
  give(link, [{ taskId: 1, n: 2 }])
  session.result(begun[0]!, 'value', value('old'))
  await settled()
  link.say((emit) => tasks.writeAttempts('cancel', [{ taskId: 1, n: 2 }], emit))
  const returned = link.of('returned').flatMap(({ attempts }) => attempts)
  assert.deepEqual(returned, [...strange, { taskId: 1, n: 2 }])
  const results = link.of('results').flatMap(({ results: entries }) => entries)
  assert.deepEqual(
    results.map(({ taskId, n }) => ({ taskId, n })),
    [{ taskId: 1, n: 1 }],
  )
  const again = driver()
  assert.deepEqual(again.of('held')[0]?.attempts, [{ taskId: 1, n: 1 }], 'it keeps what nobody confirmed')
})
