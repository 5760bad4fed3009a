import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Attempt } from '../../actors/executor/attempt.js'
import type { ExecutorSession } from '../../actors/executor/session.js'
import type { AttemptKey } from '../../actors/messages/task-entries.js'
import type { AttemptResult } from '../../actors/tasks/dispatch-types.js'
import type { ExecutorChannel } from '../../actors/tasks/executor-channel.js'
import { limits } from '../../runtime/limits.js'
import type { FrameDecoder } from '../../runtime/transport/frame.js'
import type { LinkReceiver } from '../../runtime/transport/link.js'
import type { LinkEnd } from '../../runtime/transport/link-end.js'
import type { PayloadQueue } from '../../runtime/transport/payload-queue.js'
import { Random } from '../simulation/random.js'

/** The shipped code of one build: of this one, or of a copy with a mistake in it. */
export interface PayloadCode {
  readonly Session: typeof ExecutorSession
  readonly Channel: typeof ExecutorChannel
  readonly Decoder: typeof FrameDecoder
  readonly Queue: typeof PayloadQueue
}

export async function payloadCode(build: string): Promise<PayloadCode> {
  const load = async <T>(file: string): Promise<T> =>
    (await import(pathToFileURL(join(build, file)).href)) as T
  const { ExecutorSession: Session } = await load<typeof import('../../actors/executor/session.js')>(
    'actors/executor/session.js',
  )
  const { ExecutorChannel: Channel } = await load<typeof import('../../actors/tasks/executor-channel.js')>(
    'actors/tasks/executor-channel.js',
  )
  const { FrameDecoder: Decoder } = await load<typeof import('../../runtime/transport/frame.js')>(
    'runtime/transport/frame.js',
  )
  const { PayloadQueue: Queue } = await load<typeof import('../../runtime/transport/payload-queue.js')>(
    'runtime/transport/payload-queue.js',
  )
  return { Session, Channel, Decoder, Queue }
}

const KIB = 1024
/**
 * The size at which a send queue of these links pushes back. It is low, so that this happens all the time.
 */
const HIGH_WATER_BYTES = 96 * KIB
export const MOST_BYTES = 300 * KIB
const CHUNK = limits.payloadChunkBytes - 21
/** Around every threshold: inline bodies, one chunk, two, the most that is allowed. */
export const sizes = [
  0,
  1,
  1000,
  16 * KIB - 1,
  16 * KIB,
  16 * KIB + 1,
  CHUNK - 1,
  CHUNK,
  CHUNK + 1,
  64 * KIB,
  2 * CHUNK,
  2 * CHUNK + 1,
  MOST_BYTES - 1,
  MOST_BYTES,
] as const

/** One way of a link: the shipped queue, bytes under way, the shipped decoder, a receiver. */
class End {
  readonly #queue: PayloadQueue
  readonly #decoder: FrameDecoder
  #underWay: Buffer[] = []
  #blocked = false
  receiver: LinkReceiver | undefined
  other!: End
  isOpen = true

  constructor({ Queue, Decoder }: PayloadCode) {
    this.#queue = new Queue()
    this.#decoder = new Decoder()
    this.#decoder.open()
  }

  setReceiver(receiver: LinkReceiver): void {
    this.receiver = receiver
  }

  sendPayload(parts: readonly Uint8Array[]): boolean {
    if (!this.isOpen) return false
    this.#queue.push(parts)
    this.#blocked = this.#queue.bytes > HIGH_WATER_BYTES
    return !this.#blocked
  }

  /** Moves what waits to the wire. A send queue that pushed back is told when it has capacity. */
  flush(): boolean {
    const item = this.#queue.take()
    if (item === undefined) return false
    this.#underWay.push(...item.buffers.map((part) => Buffer.from(part)))
    if (this.#blocked && this.#queue.bytes <= HIGH_WATER_BYTES / 2) {
      this.#blocked = false
      this.receiver?.drain()
    }
    return true
  }

  /** The first so many bytes under way arrive at the other end; the rest stays, or is lost with the link. */
  arrive(bytes: number): boolean {
    if (this.#underWay.length === 0) return false
    const all = Buffer.concat(this.#underWay)
    this.#underWay = all.length > bytes ? [all.subarray(bytes)] : []
    this.other.#read(Buffer.from(all.subarray(0, bytes)))
    return true
  }

  #read(chunk: Buffer): void {
    this.#decoder.feed(chunk)
    for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
      if (!this.isOpen) return
      this.receiver?.payload(frame.body)
    }
  }

  close(detail = 'closed'): void {
    this.#end({ kind: 'local', detail })
    this.other.#end({ kind: 'closed-by-peer', detail })
  }

  replace(detail: string): void {
    this.close(detail)
  }

  #end(end: LinkEnd): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#underWay = []
    this.receiver?.closed(end)
  }
}

/** A body of so many bytes that belongs to this task and no other. */
export function bodyOf(taskId: number, size: number): Uint8Array {
  const body = new Uint8Array(size)
  for (let at = 0; at < size; at++) body[at] = (at * 31 + taskId * 7 + (at >> 8)) & 0xff
  return body
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(b)

interface Task {
  readonly taskId: number
  readonly inputBytes: number
  readonly resultBytes: number
  given: boolean
  ran: number
  result: AttemptResult | undefined
  duplicates: number
}

/**
 * A driver with one executor, over links that break anywhere; the driver gives again what the executor does
 * not hold.
 */
export class PayloadWorld {
  readonly tasks: Task[] = []
  readonly faults: string[] = []
  breaks = 0
  readonly #code: PayloadCode
  readonly #random: Random
  readonly #session: ExecutorSession
  readonly #running: Attempt[] = []
  #ends: [End, End] | undefined
  readonly #older: End[] = []
  #channel: ExecutorChannel | undefined
  /** Tasks may go out: the list of what the executor holds may still cross them. */
  #isReady = false
  readonly #givenSince = new Set<number>()

  constructor(code: PayloadCode, seed: number, tasks = 8) {
    this.#code = code
    this.#random = new Random(seed)
    this.#session = new code.Session({
      hello: { execId: 1, workerId: 'w', host: 'h', cores: 1, pid: 1, resources: {} },
      runner: {
        addFunctions: () => {},
        setMaxResultBytes: () => {},
        outputTaken: () => {},
        run: (attempts) => this.#run(attempts),
        cancel: () => {},
        recall: () => {},
        pause: () => {},
      },
      onExit: (reason) => this.faults.push(`the executor was told to exit: ${reason}`),
      onDefect: (error) => this.faults.push(`a defect of the executor: ${String(error)}`),
    })
    for (let taskId = 0; taskId < tasks; taskId++) {
      const [inputBytes, resultBytes] = [this.#random.pick(sizes), this.#random.pick(sizes)]
      this.tasks.push({
        taskId,
        inputBytes,
        resultBytes,
        given: false,
        ran: 0,
        result: undefined,
        duplicates: 0,
      })
    }
  }

  /** So many steps of chance, then all that is left without a fault. */
  async explore(steps: number): Promise<readonly string[]> {
    for (let step = 0; step < steps; step++) {
      this.#guard(() => this.#step())
      await settle()
    }
    for (let quiet = 0; quiet < 4 && this.faults.length === 0; quiet++) {
      if (this.#ends === undefined) this.#link()
      for (let more = true; more && this.faults.length === 0; ) {
        this.#guard(() => {
          more = this.#giveAll()
          more = this.#endOne() || more
          more = this.#moveAll() || more
        })
        await settle()
      }
    }
    this.#judge()
    return this.faults
  }

  #step(): void {
    const { chance, int } = {
      chance: (p: number) => this.#random.chance(p),
      int: (n: number) => this.#random.int(n),
    }
    if (this.#ends === undefined) {
      if (chance(0.5)) this.#link()
      return
    }
    if (chance(0.04)) {
      this.breaks++
      // The driver hears of it before the executor, or the other way round, or only by the next link.
      if (chance(0.3)) this.#link()
      else this.#ends[int(2)]?.close('broken')
      return
    }
    const end = this.#random.pick([...this.#ends, ...this.#older])
    const kind = int(10)
    if (kind < 3) end.flush()
    else if (kind < 7) end.arrive(this.#random.pick([1, 5, 100, 16 * KIB, 64 * KIB, CHUNK + 26, 200 * KIB]))
    else if (kind < 9) this.#endOne()
    else this.#giveAll()
  }

  #link(): void {
    const [driver, executor] = [new End(this.#code), new End(this.#code)]
    driver.other = executor
    executor.other = driver
    if (this.#ends !== undefined) this.#older.push(...this.#ends)
    this.#ends = [driver, executor]
    this.#isReady = false
    this.#givenSince.clear()
    this.#channel = this.#newChannel(driver)
    this.#session.link(executor)
  }

  /** The older links end when the newer one has said who it is: until then nothing of them may count. */
  #linked(channel: ExecutorChannel): void {
    channel.welcome()
    for (const end of this.#older.splice(0)) end.close('replaced')
    this.#isReady = true
  }

  #newChannel(link: End): ExecutorChannel {
    const ifCurrent = (channel: ExecutorChannel, run: () => void): void => {
      if (channel === this.#channel) run()
    }
    const channel: ExecutorChannel = new this.#code.Channel({
      link,
      timers: { after: () => () => {} },
      maxInputBytes: MOST_BYTES,
      maxResultBytes: MOST_BYTES,
      events: {
        hello: (from) => ifCurrent(from, () => this.#linked(from)),
        held: (from, attempts) => ifCurrent(from, () => this.#held(attempts)),
        started: () => {},
        ending: () => {},
        returned: (_from, attempts) => {
          for (const { taskId } of attempts)
            this.faults.push(`task ${taskId} was returned, and nobody recalled it`)
        },
        results: (from, results) => ifCurrent(from, () => this.#results(from, results)),
        progress: () => {},
        output: () => {},
        pressure: () => {},
        log: () => {},
        defect: (error) => this.faults.push(`a defect of the driver: ${String(error)}`),
        closed: (from, reason) =>
          ifCurrent(from, () => {
            if (!/broken|replaced/.test(reason)) this.faults.push(`the driver cut the link: ${reason}`)
            this.#channel = undefined
            this.#ends = undefined
          }),
      },
    })
    return channel
  }

  #held(attempts: readonly AttemptKey[]): void {
    const held = new Set(attempts.map(({ taskId }) => taskId))
    for (const task of this.tasks) {
      if (!task.given || held.has(task.taskId)) continue
      if (task.ran > 0 && task.result === undefined && !this.#givenSince.has(task.taskId)) {
        this.faults.push(`the executor does not say that it holds task ${task.taskId}`)
      }
      task.given = false
    }
  }

  #giveAll(): boolean {
    const channel = this.#channel
    if (channel === undefined || !this.#isReady || channel.isBlocked) return false
    const due = this.tasks.filter(({ given, result }) => !given && result === undefined)
    for (const task of due) {
      task.given = true
      this.#givenSince.add(task.taskId)
    }
    const runs = due.map(({ taskId, inputBytes }) => ({
      taskId,
      n: 1,
      functionId: 1,
      timeoutMs: 0,
      input: bodyOf(taskId, inputBytes),
    }))
    if (runs.length > 0) {
      const isWanted = ({ taskId }: AttemptKey): boolean => this.tasks[taskId]?.result === undefined
      channel.run(runs, () => ({ functionId: 1, url: 'file:///t.js', name: 'f' }), isWanted)
    }
    return runs.length > 0
  }

  #run(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) {
      const task = this.tasks[attempt.taskId] as Task
      task.ran++
      const isWhole = sameBytes(attempt.input as Uint8Array, bodyOf(task.taskId, task.inputBytes))
      if (!isWhole) this.faults.push(`the input of task ${task.taskId} is not what was sent`)
      if (task.ran > 1) this.faults.push(`task ${task.taskId} ran ${task.ran} times as one attempt`)
      this.#running.push(attempt)
    }
  }

  /** One of the running tasks ends, not always the oldest. */
  #endOne(): boolean {
    const [attempt] = this.#running.splice(this.#random.int(Math.max(1, this.#running.length)), 1)
    if (attempt === undefined) return false
    const { taskId } = attempt
    this.#session.result(attempt, 'value', bodyOf(taskId, (this.tasks[taskId] as Task).resultBytes))
    return true
  }

  #results(channel: ExecutorChannel, results: readonly AttemptResult[]): void {
    for (const result of results) {
      const task = this.tasks[result.taskId] as Task
      const isWhole = sameBytes(result.body, bodyOf(task.taskId, task.resultBytes))
      if (!isWhole) this.faults.push(`the result of task ${task.taskId} is not what was sent`)
      if (task.result === undefined) task.result = result
      else task.duplicates++
    }
    channel.acknowledge(results)
  }

  #moveAll(): boolean {
    let moved = false
    for (const end of this.#ends ?? []) {
      while (end.flush()) moved = true
      while (end.arrive(64 * KIB)) moved = true
    }
    return moved
  }

  #judge(): void {
    if (this.faults.length > 0) return
    for (const { taskId, result, ran } of this.tasks) {
      if (result === undefined) this.faults.push(`task ${taskId} has no result; it ran ${ran} times`)
    }
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.faults.push(`thrown: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** Results that are read together leave in the next microtask. */
async function settle(): Promise<void> {
  for (let n = 0; n < 3; n++) await Promise.resolve()
}
