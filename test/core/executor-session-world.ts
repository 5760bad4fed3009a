import assert from 'node:assert/strict'
import type { Attempt } from '../../actors/executor/attempt.js'
import { ExecutorSession, type SessionLink } from '../../actors/executor/session.js'
import type { AttemptKey, FromExecutor, ResultStatus } from '../../actors/messages/task-entries.js'
import {
  readFromExecutor,
  writeAttempts,
  writeRecall,
  writeRun,
  writeWelcome,
} from '../../actors/messages/tasks.js'
import type { LinkReceiver } from '../../runtime/transport/link.js'
import { Random } from '../simulation/random.js'

const statuses: readonly ResultStatus[] = ['value', 'failure', 'timeout', 'permanent', 'unloaded']
const TASKS = 4

const nameOf = ({ taskId, n }: AttemptKey): string => `${taskId}/${n}`
const namesOf = (keys: Iterable<AttemptKey>): string[] => [...keys].map(nameOf).sort()

/**
 * A link that says what was sent over it, takes no more for a while now and then, and loses what is sent when
 * it has ended.
 */
class DriverLink implements SessionLink {
  readonly sent: FromExecutor[] = []
  isBlocked = false
  receiver: LinkReceiver | undefined

  setReceiver(receiver: LinkReceiver): void {
    this.receiver = receiver
  }

  sendPayload(parts: readonly Uint8Array[]): boolean {
    this.sent.push(readFromExecutor(Buffer.concat(parts)))
    return !this.isBlocked
  }

  close(): void {
    this.receiver?.closed({ kind: 'local', detail: 'closed' })
  }

  drain(): void {
    this.isBlocked = false
    this.receiver?.drain()
  }

  receive(write: (emit: (parts: readonly Uint8Array[]) => void) => void): void {
    write((parts) => this.receiver?.payload(Buffer.concat(parts)))
  }
}

interface Result extends AttemptKey {
  readonly status: ResultStatus
}

/**
 * The session of an executor between a driver and threads that do at any time what they may: a driver that
 * gives an attempt again while it is here, confirms an older attempt late, recalls and cancels whatever it
 * likes, over links that come and go. Beside it the plain model: what is here, and which results nobody has
 * confirmed.
 */
export class SessionWorld {
  readonly counts = { again: 0, older: 0, links: 0, results: 0, returned: 0 }
  readonly #random: Random
  readonly #session: ExecutorSession
  /** What the threads have, as the session gave it. */
  readonly #here = new Map<number, Attempt>()
  readonly #kept = new Map<number, Result>()
  /** Number of the newest attempt of each task. */
  readonly #newest = new Map<number, number>()
  /** Results that must have gone over this link when nothing holds them up. */
  readonly #owed = new Set<string>()
  readonly #ended = new Map<string, ResultStatus>()
  /** What the session may hand to the threads now. */
  readonly #mayBegin = new Set<string>()
  #link: DriverLink | undefined
  #welcomed = false
  #paused = false

  constructor(seed: number) {
    this.#random = new Random(seed)
    this.#session = new ExecutorSession({
      hello: { execId: 1, workerId: 'w', host: 'h', cores: 2, pid: 1, resources: {} },
      runner: {
        addFunctions: () => {},
        setMaxResultBytes: () => {},
        outputTaken: () => {},
        run: (attempts) => this.#begin(attempts),
        cancel: (attempt) => this.#cancelled(attempt),
        recall: (count) => this.#recalled(count),
        pause: (paused) => {
          this.#paused = paused
        },
      },
      onExit: (reason) => assert.fail(`it was told to exit: ${reason}`),
      onDefect: (error) => assert.fail(String(error)),
    })
  }

  async step(action: number): Promise<void> {
    if (action < 6) this.#linkAnew()
    else if (action < 9) this.#breakLink()
    else if (action < 20) this.#welcome()
    else if (action < 45) this.#give()
    else if (action < 65) this.#endOne()
    else if (action < 80) this.#confirm()
    else if (action < 85) this.#receive((emit) => writeRecall(this.#random.int(3), emit))
    else if (action < 92) this.#cancelOne()
    else if (action < 95 && this.#link) this.#link.isBlocked = true
    else this.#link?.drain()
    if (this.#random.chance(0.7)) await this.#settle()
  }

  /** A link that lasts: all that is not confirmed comes, and then nothing is left. */
  async heal(): Promise<void> {
    this.#linkAnew()
    this.#welcome()
    while (this.#here.size > 0) this.#endOne()
    await this.#settle()
    this.#receive((emit) => writeAttempts('ack', [...this.#kept.values()], emit))
    this.#kept.clear()
    this.#linkAnew()
    this.#welcome()
    await this.#settle()
  }

  #linkAnew(): void {
    this.counts.links++
    // As often as not the one before has not been heard to end.
    if (this.#random.chance(0.5)) this.#breakLink()
    this.#link = new DriverLink()
    this.#welcomed = false
    this.#owed.clear()
    this.#session.link(this.#link)
    assert.deepEqual(
      this.#take().map(({ kind }) => kind),
      ['hello'],
    )
  }

  #breakLink(): void {
    const link = this.#link
    this.#link = undefined
    this.#welcomed = false
    this.#owed.clear()
    link?.close()
    if (link) assert.equal(this.#paused, false, 'without a link nobody waits for the driver')
  }

  #welcome(): void {
    if (this.#link === undefined) return
    const isFirst = !this.#welcomed
    this.#welcomed = true
    if (isFirst) for (const result of this.#kept.values()) this.#owed.add(nameOf(result))
    this.#receive((emit) => writeWelcome(1000, 1000, emit))
    if (!isFirst) return
    const held = this.#link.sent.flatMap((frame) => (frame.kind === 'held' ? frame.attempts : []))
    assert.deepEqual(namesOf(held), namesOf([...this.#here.values(), ...this.#kept.values()]))
    this.#take()
  }

  /** New tasks, next attempts of those that failed, and what it has been given before. */
  #give(): void {
    if (!this.#welcomed) return
    const keys = new Map<number, AttemptKey>()
    for (let count = 1 + this.#random.int(3); count > 0; count--) {
      const taskId = this.#random.int(TASKS)
      const n = this.#newest.get(taskId) ?? 0
      if (keys.has(taskId)) continue
      const isHere = this.#here.has(taskId) || (this.#kept.get(taskId)?.n === n && this.#random.chance(0.5))
      if (isHere) this.counts.again++
      keys.set(taskId, { taskId, n: isHere ? n : n + 1 })
      if (isHere) continue
      this.#newest.set(taskId, n + 1)
      this.#mayBegin.add(nameOf({ taskId, n: n + 1 }))
    }
    const input = new Uint8Array(1)
    const tasks = [...keys.values()].map((key) => ({ ...key, functionId: 1, timeoutMs: 0, input }))
    this.#receive((emit) => writeRun(tasks, emit))
    assert.deepEqual([...this.#mayBegin], [], 'these were given and have not begun')
  }

  #begin(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) {
      assert.ok(this.#mayBegin.delete(nameOf(attempt)), `${nameOf(attempt)} was here, and begins again`)
      this.#here.set(attempt.taskId, attempt)
    }
  }

  #endOne(): void {
    if (this.#here.size === 0) return
    this.#end(this.#random.pick([...this.#here.values()]), this.#random.pick(statuses))
  }

  #end(attempt: Attempt, status: ResultStatus): void {
    const { taskId, n } = attempt
    this.counts.results++
    this.#here.delete(taskId)
    this.#kept.set(taskId, { taskId, n, status })
    this.#ended.set(nameOf(attempt), status)
    if (this.#welcomed) this.#owed.add(nameOf(attempt))
    this.#session.result(attempt, status, new Uint8Array(2))
  }

  #return(attempts: readonly Attempt[]): void {
    for (const { taskId } of attempts) {
      this.counts.returned++
      this.#here.delete(taskId)
      // Nobody will report this number: the next attempt may have it.
      this.#newest.set(taskId, (this.#newest.get(taskId) as number) - 1)
    }
    this.#session.returned(attempts.map(({ taskId, n }) => ({ taskId, n })))
  }

  #recalled(count: number): void {
    this.#return([...this.#here.values()].slice(0, count))
  }

  #cancelled(attempt: Attempt): void {
    if (this.#random.chance(0.5)) this.#return([attempt])
    else this.#end(attempt, 'cancelled')
  }

  /** Results that came, late or twice: of the attempt that is kept, or of one before it. */
  #confirm(): void {
    if (!this.#welcomed) return
    const keys: AttemptKey[] = []
    for (const { taskId, n } of this.#kept.values()) {
      if (this.#random.chance(0.4)) continue
      const isOlder = n > 1 && this.#random.chance(0.5)
      if (isOlder) this.counts.older++
      keys.push({ taskId, n: isOlder ? n - 1 : n })
    }
    for (const { taskId, n } of keys) if (this.#kept.get(taskId)?.n === n) this.#kept.delete(taskId)
    if (keys.length > 0) this.#receive((emit) => writeAttempts('ack', keys, emit))
  }

  /** What is here, has ended, or never came: of that it says at once that it will not run. */
  #cancelOne(): void {
    if (!this.#welcomed) return
    const taskId = this.#random.int(TASKS)
    const key = { taskId, n: this.#newest.get(taskId) ?? 1 }
    const isUnknown = !this.#here.has(taskId) && this.#kept.get(taskId)?.n !== key.n
    this.#receive((emit) => writeAttempts('cancel', [key], emit))
    if (!isUnknown) return
    const returned = this.#take().flatMap((frame) => (frame.kind === 'returned' ? frame.attempts : []))
    assert.ok(namesOf(returned).includes(nameOf(key)), `${nameOf(key)} is not here, and nobody says so`)
  }

  #receive(write: (emit: (parts: readonly Uint8Array[]) => void) => void): void {
    this.#link?.receive(write)
  }

  #take(): FromExecutor[] {
    const frames = this.#link?.sent.splice(0) ?? []
    for (const frame of frames) if (frame.kind === 'results') this.#came(frame.results)
    return frames
  }

  #came(results: readonly Result[]): void {
    for (const result of results) {
      assert.equal(result.status, this.#ended.get(nameOf(result)), `the result of ${nameOf(result)}`)
      this.#owed.delete(nameOf(result))
    }
  }

  /** Results that are read together leave in the next microtask. */
  async #settle(): Promise<void> {
    await Promise.resolve()
    await Promise.resolve()
    this.#take()
    if (!this.#welcomed || this.#link?.isBlocked !== false) return
    assert.deepEqual([...this.#owed], [], 'these results were not sent')
    assert.equal(this.#paused, false, 'the link takes more, and nothing is begun')
  }
}
