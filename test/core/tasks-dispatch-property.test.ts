import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AttemptKey } from '../../actors/messages/task-entries.js'
import { DispatchCore } from '../../actors/tasks/dispatch-core.js'
import { type DispatchTimer, keyOfTimer } from '../../actors/tasks/dispatch-timer.js'
import type {
  AttemptResult,
  DispatchEffect,
  DispatchInput,
  ExecutorDescription,
  TaskEnd,
} from '../../actors/tasks/dispatch-types.js'
import { KeyLimit } from '../../actors/tasks/key-limit.js'
import { limits } from '../../runtime/limits.js'

/*
 * Random histories of one driver and its executors: deaths, broken links, messages lost with them, results
 * sent again, recalls, cancels, failures. S7: each task ends exactly once, a value only of an attempt that
 * ran; with retries: 0 no task runs twice. Then all heals, and nothing may be left over; not behind tasks
 * that never end either.
 */

const body = new Uint8Array(0)

interface ModelExecutor {
  readonly execId: number
  readonly cores: number
  alive: boolean
  linked: boolean
  told: boolean
  readonly queued: AttemptKey[]
  running: AttemptKey[]
  kept: AttemptResult[]
  /** In a call that nothing interrupts: it runs until this executor is gone. */
  stuck: number | undefined
  /** Its link takes no more. */
  blocked: boolean
  /** To the driver, lost when the link breaks. */
  outbound: DispatchInput[]
  /** From the driver, likewise. */
  inbound: DispatchEffect[]
}

class World {
  readonly core: DispatchCore
  readonly executors = new Map<number, ModelExecutor>()
  readonly ends = new Map<number, TaskEnd['kind']>()
  readonly ran = new Map<number, number>()
  readonly retries = new Map<number, number>()
  readonly timers = new Map<string, DispatchTimer>()
  /** Tasks whose caller has not decided yet. */
  readonly asked: number[] = []
  /** The limit of group 2, the keys of its tasks, and those that have begun and not ended. */
  readonly limit = new KeyLimit<unknown>({ concurrency: 2, intervalMs: 4, concurrencyOfCall: 3 })
  readonly keys = new Map<number, number>()
  readonly begun = new Set<number>()
  limited = 0
  readonly lossCauses = new Map<number, number>()
  /** Tasks that go on for ever, as far as anybody can see. */
  readonly endless = new Set<number>()
  recalls = 0
  answers = 0
  waits = 0
  resigned = 0
  nowMs = 0
  nextExec = 0
  nextTask = 1
  lost = 0
  readonly tasksPerCore: number
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
    this.tasksPerCore = this.pick([1, 1, 2, 7, 64]) as number
    this.core = new DispatchCore(random)
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random() * items.length)]
  }

  step(input: DispatchInput): void {
    this.nowMs += this.#random() * 3
    for (const effect of this.core.step(input, { monotonicMs: this.nowMs })) this.#apply(effect)
  }

  #apply(effect: DispatchEffect): void {
    switch (effect.kind) {
      case 'settle': {
        const { taskId, end } = effect.outcome
        assert.ok(!this.ends.has(taskId), `task ${taskId} ended twice`)
        this.ends.set(taskId, end.kind)
        this.begun.delete(taskId)
        if (end.kind === 'value') assert.ok((this.ran.get(taskId) ?? 0) > 0, 'a value that nobody computed')
        return
      }
      case 'startTimer':
        this.timers.set(keyOfTimer(effect.timer), effect.timer)
        if (effect.timer.kind === 'retry') this.waits++
        return
      case 'cancelTimer':
        this.timers.delete(keyOfTimer(effect.timer))
        return
      case 'killExecutor': {
        const executor = this.executors.get(effect.execId)
        if (executor) this.#die(executor)
        return
      }
      case 'event':
        if (effect.event.name === 'taskRepeated' && effect.event.cause.startsWith('executor lost')) {
          const { taskId } = effect.event
          this.lossCauses.set(taskId, (this.lossCauses.get(taskId) ?? 0) + 1)
        }
        return
      case 'log':
      case 'progress':
      case 'output':
        return
      case 'ask':
        this.asked.push(effect.taskId)
        return
      default: {
        const executor = this.executors.get(effect.execId)
        if (effect.kind === 'recall') this.recalls++
        if (effect.kind === 'run') {
          for (const { taskId } of effect.attempts) {
            assert.ok(
              !this.timers.has(keyOfTimer({ kind: 'retry', taskId })),
              `task ${taskId} runs before its wait is over`,
            )
            assert.ok(!this.asked.includes(taskId), `task ${taskId} runs before its caller has decided`)
            this.#begin(taskId)
          }
        }
        if (executor?.linked) executor.inbound.push(effect)
      }
    }
  }

  /** Of one key two tasks may have begun and not ended, of the call three. */
  #begin(taskId: number): void {
    const key = this.keys.get(taskId)
    if (key === undefined) return
    this.begun.add(taskId)
    this.limited++
    const ofKey = [...this.begun].filter((begun) => this.keys.get(begun) === key)
    assert.ok(ofKey.length <= 2, `the tasks ${ofKey.join(', ')} of key ${key} run`)
    assert.ok(this.begun.size <= 3, `the tasks ${[...this.begun].join(', ')} run under one limit`)
  }

  start(cores = 1 + Math.floor(this.#random() * 3)): void {
    const execId = this.nextExec++
    this.executors.set(execId, {
      execId,
      cores,
      alive: true,
      linked: false,
      told: false,
      queued: [],
      running: [],
      kept: [],
      stuck: undefined,
      blocked: false,
      outbound: [],
      inbound: [],
    })
    const executor = this.executors.get(execId) as ModelExecutor
    if (this.#random() < 0.7) this.tell(executor)
    if (this.#random() < 0.7) this.link(executor)
  }

  submit(): void {
    const tasks = Array.from({ length: 1 + Math.floor(this.#random() * 8) }, () => {
      const taskId = this.nextTask++
      const retries = this.#random() < 0.2 ? 0 : 3
      this.retries.set(taskId, retries)
      // Some are large: what one executor may hold of them is bounded.
      const inputBytes = this.#random() < 0.2 ? limits.taskWindowBytes / 16 : 5
      const backoff = this.#random() < 0.5 ? { firstMs: 10, factor: 2, mostMs: 100, jitter: 0.5 } : undefined
      const asks = this.#random() < 0.3
      const group = Math.floor(this.#random() * 3)
      // A task that never ends keeps its place under a limit, so others of its key would wait for ever.
      const isLimited = group === 2 && this.endless.size === 0
      const key = Math.floor(this.#random() * 3)
      if (isLimited) this.keys.set(taskId, key)
      const limit = isLimited ? this.limit : undefined
      return { taskId, group, retries, inputBytes, backoff, asks, limit, key }
    })
    this.step({ kind: 'submit', tasks })
  }

  link(executor: ModelExecutor): void {
    if (!executor.alive || executor.linked) return
    executor.linked = true
    const { execId, cores } = executor
    this.step({ kind: 'hello', executor: this.#described(execId, cores) })
  }

  tell(executor: ModelExecutor): void {
    executor.told = true
    const { execId, cores } = executor
    this.step({ kind: 'executorAdded', executor: this.#described(execId, cores) })
  }

  #described(execId: number, cores: number): ExecutorDescription {
    return { execId, cores, tasksPerCore: this.tasksPerCore, workerId: 'w', host: 'h' }
  }

  cut(executor: ModelExecutor): void {
    if (!executor.linked) return
    executor.linked = false
    executor.blocked = false
    executor.outbound = []
    executor.inbound = []
    this.step({ kind: 'linkDown', execId: executor.execId, reason: 'cut' })
  }

  #die(executor: ModelExecutor): void {
    executor.alive = false
    executor.stuck = undefined
    executor.running = []
    executor.queued.length = 0
    executor.kept = []
  }

  kill(executor: ModelExecutor, workerLost: boolean): void {
    if (!executor.alive) return
    this.#die(executor)
    this.cut(executor)
    const update = workerLost ? { state: 'LOST' as const, workerHost: 'h' } : { state: 'EXITED' as const }
    this.step({ kind: 'executorUpdated', update: { execId: executor.execId, ...update } })
  }

  /** The executor reads one message. */
  receive(executor: ModelExecutor): void {
    const effect = executor.inbound.shift()
    if (effect === undefined || !executor.alive) return
    const { execId } = executor
    const holds = ({ taskId, n }: AttemptKey): boolean =>
      [...executor.queued, ...executor.running, ...executor.kept].some(
        (held) => held.taskId === taskId && held.n === n,
      )
    switch (effect.kind) {
      case 'welcome': {
        const all = [...executor.queued, ...executor.running, ...executor.kept]
        executor.outbound.push({
          kind: 'held',
          execId,
          attempts: all.map(({ taskId, n }) => ({ taskId, n })),
        })
        if (executor.stuck !== undefined)
          executor.outbound.push({ kind: 'ending', execId, reason: 'stuck', hasWorked: true })
        if (executor.kept.length > 0)
          executor.outbound.push({ kind: 'results', execId, results: [...executor.kept] })
        return
      }
      case 'run':
        for (const attempt of effect.attempts) if (!holds(attempt)) executor.queued.push(attempt)
        return
      case 'cancel':
        for (const attempt of effect.attempts) this.#cancel(executor, attempt)
        return
      case 'ack':
        executor.kept = executor.kept.filter(
          ({ taskId, n }) => !effect.attempts.some((acked) => acked.taskId === taskId && acked.n === n),
        )
        return
      case 'recall': {
        const attempts = executor.queued.splice(Math.max(0, executor.queued.length - effect.count))
        executor.outbound.push({ kind: 'returned', execId, attempts })
        return
      }
      case 'refuse':
        this.#die(executor)
        return
      case 'letGo':
        if (executor.stuck !== undefined) this.kill(executor, false)
        return
      default:
    }
  }

  #cancel(executor: ModelExecutor, { taskId, n }: AttemptKey): void {
    const same = (held: AttemptKey): boolean => held.taskId === taskId && held.n === n
    const index = executor.queued.findIndex(same)
    if (index >= 0) executor.queued.splice(index, 1)
    if (executor.running.some(same)) {
      executor.running = executor.running.filter((held) => !same(held))
      this.#keep(executor, { taskId, n, status: 'cancelled', body })
    } else if (!executor.kept.some(same)) {
      executor.outbound.push({ kind: 'returned', execId: executor.execId, attempts: [{ taskId, n }] })
    }
  }

  #keep(executor: ModelExecutor, result: AttemptResult): void {
    executor.kept.push(result)
    if (executor.linked)
      executor.outbound.push({ kind: 'results', execId: executor.execId, results: [result] })
  }

  resignOne(): void {
    const busy = [...this.executors.values()].filter(
      ({ linked, running, queued }) => linked && running.length + queued.length > 0,
    )
    const executor = this.pick(busy)
    if (executor !== undefined) this.resign(executor)
  }

  /** What it runs cannot be ended: it says so, reports it, and dies when it may. */
  resign(executor: ModelExecutor): void {
    if (!executor.alive || !executor.linked || executor.stuck !== undefined) return
    const attempt = executor.running.shift() ?? executor.queued.shift()
    if (attempt === undefined) return
    this.ran.set(attempt.taskId, (this.ran.get(attempt.taskId) ?? 0) + 1)
    this.resigned++
    executor.stuck = attempt.taskId
    const { execId } = executor
    executor.outbound.push({ kind: 'ending', execId, reason: 'stuck', hasWorked: true })
    executor.outbound.push({ kind: 'returned', execId, attempts: executor.queued.splice(0) })
    this.#keep(executor, { ...attempt, status: 'timeout', body })
    // What it says is heard while it still runs, and the others have time to begin what they get for it.
    for (let message = 0; message < 6; message++) this.send(executor, false)
    for (const other of this.executors.values()) {
      if (other === executor) continue
      for (let message = 0; message < 3; message++) this.receive(other)
      this.work(other, false)
    }
  }

  #assertAlone(taskId: number): void {
    for (const { execId, stuck } of this.executors.values()) {
      assert.notEqual(stuck, taskId, `task ${taskId} runs beside its copy on executor ${execId}`)
    }
  }

  work(executor: ModelExecutor, healed: boolean): void {
    if (!executor.alive || executor.stuck !== undefined) return
    const slots = executor.cores * this.tasksPerCore
    while (executor.running.length < slots && executor.queued.length > 0) {
      const attempt = executor.queued.shift() as AttemptKey
      if (!healed && this.#random() < 0.05) {
        this.#keep(executor, { ...attempt, status: 'unloaded', body })
        continue
      }
      executor.running.push(attempt)
      this.#assertAlone(attempt.taskId)
      const times = (this.ran.get(attempt.taskId) ?? 0) + 1
      this.ran.set(attempt.taskId, times)
      if (this.retries.get(attempt.taskId) === 0) assert.equal(times, 1, 'retries: 0 ran twice')
    }
    if (!healed && executor.running.length > 1 && this.#random() < 0.5) {
      this.#endThread(executor)
      return
    }
    const index = executor.running.findIndex(({ taskId }) => !this.endless.has(taskId))
    const [attempt] = index < 0 ? [] : executor.running.splice(index, 1)
    if (attempt === undefined) return
    const failing = this.#random() < (healed ? 0.05 : 0.15)
    this.#keep(executor, { ...attempt, status: failing ? 'failure' : 'value', body })
  }

  /** One of its tasks ends a thread, and others are lost with it. */
  #endThread(executor: ModelExecutor): void {
    const ended = executor.running.splice(0, 1 + Math.floor(this.#random() * executor.running.length))
    for (const [index, attempt] of ended.entries()) {
      this.#keep(executor, { ...attempt, status: index === 0 ? 'failure' : 'lost', body })
      if (index > 0) this.lost++
    }
  }

  send(executor: ModelExecutor, twice: boolean): void {
    const message = executor.outbound.shift()
    if (message === undefined || !executor.linked) return
    this.step(message)
    if (twice && message.kind === 'results') this.step(message)
  }

  fire(): void {
    const timer = this.pick([...this.timers.values()])
    if (timer !== undefined) this.fireTimer(timer)
  }

  /** Fires the timer if it runs. */
  fireTimer(timer: DispatchTimer): void {
    if (this.timers.delete(keyOfTimer(timer))) this.step({ kind: 'timer', timer })
  }

  /** The caller decides on a failure. */
  answer(): void {
    const taskId = this.asked.shift()
    if (taskId === undefined) return
    const isOpen = !this.ends.has(taskId)
    const retry = this.#random() < 0.8
    this.step({ kind: 'answer', taskId, retry })
    if (isOpen && !retry) assert.equal(this.ends.get(taskId), 'failed')
    this.answers++
  }

  /** Its link pushes back, or takes more again. */
  press(executor: ModelExecutor, blocked: boolean): void {
    if (!executor.linked || executor.blocked === blocked) return
    executor.blocked = blocked
    this.step({ kind: 'pressure', execId: executor.execId, blocked })
  }

  cancelOne(): void {
    const taskId = 1 + Math.floor(this.#random() * (this.nextTask - 1))
    if (this.nextTask > 1) this.step({ kind: 'cancel', taskIds: [taskId], reason: 'random' })
  }

  chaos(action: number): void {
    const executor = this.pick([...this.executors.values()])
    if (action < 8) this.submit()
    else if (action < 12 || executor === undefined) this.start()
    else if (action < 18) this.link(executor)
    else if (action < 24) this.tell(executor)
    else if (action < 44) this.receive(executor)
    else if (action < 64) this.work(executor, false)
    else if (action < 84) this.send(executor, action === 70)
    else if (action < 88) this.cut(executor)
    else if (action < 91) this.kill(executor, action === 90)
    else if (action < 93) this.fire()
    else if (action < 94) this.answer()
    else if (action < 96) this.resignOne()
    else if (action < 98) this.press(executor, !executor.blocked)
    else this.cancelOne()
  }

  /** No more faults: everything must end. */
  heal(): void {
    this.start()
    this.#run(() => this.core.live > 0)
  }

  /**
   * Tasks that never end come among those that do, more of them than some executor has cores; then somebody
   * else has room. Whatever has not begun behind them must be taken back, however often it takes.
   */
  endWhatCanEnd(): void {
    const count = 1 + Math.floor(this.#random() * 4)
    for (let n = 0; n < count; n++) this.endless.add(this.nextTask + Math.floor(this.#random() * 6))
    for (let n = 0; n < 6; n++) this.submit()
    this.#run(() => this.core.live > this.endless.size, 20)
    this.start(count + 1)
    // What is taken back may be lost with its link, too.
    for (let round = 0; round < 40; round++) {
      this.#run(() => false, 1)
      const executor = this.pick([...this.executors.values()])
      if (executor !== undefined && this.#random() < 0.3) this.cut(executor)
    }
    this.#run(() => this.core.live > this.endless.size)
  }

  /** With work for all cores, the executors on which some core has none. */
  idle(): number[] {
    for (let round = 0; round < 10; round++) this.#run(() => false)
    const all = [...this.executors.values()].filter(({ alive }) => alive)
    const cores = all.reduce((sum, executor) => sum + executor.cores, 0)
    const tasks = Array.from({ length: cores }, () => ({
      taskId: this.nextTask++,
      group: 0,
      retries: 3,
      inputBytes: 5,
    }))
    this.step({ kind: 'submit', tasks })
    for (const executor of all) while (executor.inbound.length > 0) this.receive(executor)
    const isIdle = ({ cores, queued, running }: ModelExecutor): boolean =>
      queued.length + running.length < cores
    return all.filter(isIdle).map(({ execId }) => execId)
  }

  /** As long as there is more. */
  #run(isMore: () => boolean, rounds = 5000): void {
    for (let round = 0; round === 0 || (round < rounds && isMore()); round++) {
      if (![...this.executors.values()].some(({ alive }) => alive)) this.start()
      for (const executor of this.executors.values()) {
        if (!executor.told && executor.alive) this.tell(executor)
        if (executor.alive && !executor.linked) this.link(executor)
        if (executor.stuck !== undefined) this.kill(executor, false)
        if (!executor.alive) this.cut(executor)
        this.press(executor, false)
        this.receive(executor)
        this.work(executor, true)
        this.send(executor, false)
      }
      while (this.asked.length > 0) this.answer()
      for (const timer of [...this.timers.values()]) {
        if (timer.kind !== 'silence' && timer.kind !== 'adopt') this.fireTimer(timer)
      }
      for (const { alive, execId } of this.executors.values()) {
        if (!alive) this.fireTimer({ kind: 'silence', execId })
      }
    }
  }
}

test('S7 over random histories: each task ends once, none is forgotten, retries: 0 runs at most once', () => {
  let values = 0
  let losses = 0
  let resigned = 0
  let recalls = 0
  let answers = 0
  let waits = 0
  let limited = 0
  let lost = 0
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.nat(99), { minLength: 50, maxLength: 400 }), (seed, actions) => {
      let state = seed >>> 0
      const world = new World(() => {
        // A small generator of its own, so that a failing case is replayed from what fast-check prints.
        state = (state + 0x6d2b79f5) >>> 0
        let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
      })
      for (const action of actions) world.chaos(action)
      world.heal()
      assert.equal(world.core.live, 0, 'tasks are left over')
      world.endWhatCanEnd()
      assert.equal(
        world.core.live,
        world.endless.size,
        'tasks wait behind those that never end, and a core is idle',
      )
      for (let taskId = 1; taskId < world.nextTask; taskId++) {
        assert.ok(world.ends.has(taskId) || world.endless.has(taskId), `task ${taskId} is forgotten`)
      }
      assert.deepEqual(world.idle(), [], 'there is work, and these executors are not given it')
      values += [...world.ends.values()].filter((kind) => kind === 'value').length
      losses += world.lossCauses.size
      resigned += world.resigned
      recalls += world.recalls
      answers += world.answers
      waits += world.waits
      limited += world.limited
      lost += world.lost
    }),
    { numRuns: 300 },
  )
  const counts = JSON.stringify({ values, losses, resigned, recalls, answers, waits, limited, lost })
  const isWild =
    values > 1000 &&
    losses > 100 &&
    resigned > 20 &&
    recalls > 200 &&
    answers > 100 &&
    waits > 100 &&
    limited > 1000 &&
    lost > 0
  assert.ok(isWild, `the histories are too tame: ${counts}`)
})
