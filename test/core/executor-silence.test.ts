import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attempt } from '../../actors/executor/attempt.js'
import { SharedRing } from '../../actors/executor/shared-ring.js'
import type { ThreadData } from '../../actors/executor/thread-messages.js'
import { ThreadSilence } from '../../actors/executor/thread-silence.js'
import { ThreadPool } from '../../actors/executor/threads.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'

const { threadQuietMs: QUIET, threadSilentMs: SILENT } = innerLimits
const LOOK = limits.threadLookMs

/** Looks each `stepMs` up to `untilMs` at a thread that was given something and reaches nothing. */
function looked(silence: ThreadSilence, fromMs: number, untilMs: number, stepMs: number = LOOK): void {
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += stepMs) silence.look({ reached: 7, isDue: true }, nowMs)
}

test('a thread is quiet from the first look at what it was given, and then silent', () => {
  const silence = new ThreadSilence()
  silence.look({ reached: 7, isDue: false }, 0)
  looked(silence, 5000, 5000 + QUIET - LOOK)
  assert.deepEqual([silence.isQuiet, silence.isOver], [false, false])
  looked(silence, 5000 + QUIET, 5000 + SILENT - LOOK)
  assert.deepEqual([silence.isQuiet, silence.isOver], [true, false])
  looked(silence, 5000 + SILENT, 5000 + SILENT)
  assert.deepEqual([silence.isQuiet, silence.isOver], [true, true])
})

test('whatever it reaches ends its silence', () => {
  const silence = new ThreadSilence()
  looked(silence, 0, SILENT - LOOK)
  silence.look({ reached: 8, isDue: true }, SILENT)
  assert.deepEqual([silence.isQuiet, silence.isOver], [false, false])
  looked(silence, SILENT + LOOK, SILENT + QUIET)
  assert.equal(silence.isQuiet, false, 'it begins anew')
})

test('a main thread that stood still, or is late itself, does not take its threads for silent', () => {
  const silence = new ThreadSilence()
  looked(silence, 0, 0)
  looked(silence, 3_600_000, 3_600_000)
  assert.equal(silence.isOver, false)
  const late = new ThreadSilence()
  looked(late, 0, 10 * SILENT, SILENT)
  assert.equal(late.isOver, false)
})

/** A pool whose threads are this test: they claim what it likes, and time passes as the test says. */
class Pool {
  nowMs = 1000
  readonly logged: string[] = []
  readonly useless: string[] = []
  readonly threads: { readonly ring: SharedRing; readonly data: ThreadData; isTold: boolean }[] = []
  readonly #timers: { readonly atMs: number; readonly run: () => void }[] = []
  readonly #exits: ((reason: string) => void)[] = []
  readonly pool: ThreadPool

  constructor(threads = 1) {
    this.pool = new ThreadPool({
      threads,
      heapMib: 16,
      executor: { id: 'app/0', host: 'host-a', cores: 1, resources: {} },
      maxResultBytes: 1024,
      onResult: () => {},
      onStarted: () => {},
      onProgress: () => {},
      onOutput: () => {},
      onReturned: () => {},
      onLog: (text) => void this.logged.push(text),
      onUseless: (_why, reason) => void this.useless.push(reason),
      dependencies: {
        nowMs: () => this.nowMs,
        after: (ms, run) => {
          this.#timers.push({ atMs: this.nowMs + ms, run })
          return () => {}
        },
        soon: (run) => run(),
      },
      spawn: (data, _heapMib, { exited }) => {
        const thread = { ring: new SharedRing(data.memory), data, isTold: false }
        this.threads.push(thread)
        this.#exits.push(exited)
        return {
          post: () => {},
          takeBody: () => undefined,
          terminate: () => {
            thread.isTold = true
          },
        }
      },
    })
  }

  run(...taskIds: readonly number[]): void {
    this.pool.addFunctions([{ functionId: 0, url: 'file:///a.js', name: 'leave' }])
    this.pool.run(
      taskIds.map((taskId): Attempt => {
        const input = new Uint8Array()
        return { taskId, n: 1, functionId: 0, timeoutMs: 0, input, state: 'queued', reported: false }
      }),
    )
  }

  pass(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; ) {
      this.nowMs += LOOK
      for (const { run } of this.#timers.splice(0)) run()
    }
  }

  /** The first task of the first thread ends, and leaves something behind. */
  endFirst(): void {
    const { ring } = this.threads[0]!
    assert.ok(ring.claim(0, this.nowMs))
    ring.write(0, 'value', new Uint8Array())
    this.pass(LOOK)
  }

  exit(number: number): void {
    this.#exits[number]?.('it was told to')
  }
}

test('what was posted to a thread that does not answer goes to a fresh one, and the log says what may be the reason', () => {
  const world = new Pool()
  world.run(1)
  world.endFirst()
  world.run(2)
  world.pass(SILENT - LOOK)
  assert.equal(world.threads.length, 1)
  world.pass(3 * LOOK)
  assert.equal(world.threads.length, 2)
  assert.equal(world.threads[0]?.isTold, true)
  assert.equal(world.threads[1]?.ring.state(0), 0, 'the task waits in the fresh thread')
  world.exit(0)
  assert.deepEqual(world.logged, [
    'A task thread ended: for 2 s it began nothing, though no task ran there; the last one that ended there, ' +
      'task 1 (leave of file:///a.js), may have left code that keeps it busy.',
  ])
})

test('what waits in a thread that does not answer goes to another as soon as one more has a place', () => {
  const world = new Pool(2)
  world.run(1)
  world.endFirst()
  world.run(2)
  world.pass(QUIET)
  assert.equal(world.threads.length, 1)
  world.pass(2 * LOOK)
  assert.equal(world.threads.length, 2)
  assert.ok(world.threads[1]?.ring.claim(0, world.nowMs), 'the task was posted there')
})

test('a thread in a long task, and one that is starting, are waited for', () => {
  const world = new Pool()
  world.run(1, 2)
  world.pass(5 * SILENT)
  assert.equal(world.threads.length, 1, 'it is starting')
  const { ring } = world.threads[0]!
  assert.ok(ring.claim(0, world.nowMs))
  world.pass(60_000)
  assert.equal(world.threads.length, 1)
})

test('if the thread does not end, its executor does, and says of which task it may be', () => {
  const world = new Pool()
  world.run(1)
  world.endFirst()
  world.run(2)
  world.pass(SILENT + limits.threadEndMs + 5 * LOOK)
  assert.deepEqual(world.useless, [
    'a thread is in a call that nothing interrupts: for 2 s it began nothing, though no task ran there; the last ' +
      'one that ended there, task 1 (leave of file:///a.js), may have left code that keeps it busy',
  ])
})
