import { SharedRing, slotState } from '../../../actors/executor/shared-ring.js'
import { context } from '../../../actors/executor/task.js'
import { type ToThread, unpackTasks } from '../../../actors/executor/thread-messages.js'
import { ThreadPool, type Useless } from '../../../actors/executor/threads.js'
import type { AttemptKey, FunctionEntry, ResultStatus } from '../../../actors/messages/task-entries.js'
import { decodeError } from '../../../actors/messages/task-error.js'
import { limits } from '../../../runtime/limits.js'
import { Violation } from '../violation.js'
import type { Chooser } from './chooser.js'
import { hookAtomics } from './hooked-atomics.js'
import { EXITS_LOADING, functions, loadError, SampleTask, type TaskPlan } from './sample-task.js'
import { type Action, Promised, ScheduledThread, ThreadDeath, type ThreadWorld } from './scheduled-thread.js'

/** The orders of an executor, one after the other. */
export type Order =
  | { readonly kind: 'run'; readonly tasks: readonly TaskPlan[] }
  /** The task of this number. */
  | { readonly kind: 'cancel'; readonly task: number }
  | { readonly kind: 'recall'; readonly count: number }
  | { readonly kind: 'pause'; readonly paused: boolean }
  | { readonly kind: 'warm' }
  /** The next order comes only then, in ms from the beginning. */
  | { readonly kind: 'later'; readonly atMs: number }

export interface Plan {
  readonly threads: number
  readonly tasksPerThread: number
  readonly slots: number
  readonly ringBytes: number
  readonly maxResultBytes: number
  readonly orders: readonly Order[]
  /** Threads that die of nothing, anywhere, at most. */
  readonly kills: number
  /** So many threads, from this one on, end before they have read anything. */
  readonly stillborn: number
  readonly stillbornFrom: number
}

/**
 * If nothing has begun or ended for this long, it never will. It is longer than a time-out, its grace, the
 * silence of a thread, and its end.
 */
const HANGS_MS = 6000
const BEGIN_MS = 1000
const ACTIONS_MAX = 100_000
/** Of what breaks into what breaks into something. */
const DEPTH_MAX = 3

/**
 * One history of the threads of an executor: the shipped pool and thread side, with random choices in
 * between.
 */
export class ThreadHistory implements ThreadWorld {
  actions = 0
  readonly log: string[] = []
  readonly plan: Plan
  readonly #chooser: Chooser
  readonly #tells: boolean
  readonly #pool: ThreadPool
  readonly #threads: ScheduledThread[] = []
  /** What runs now, and what it interrupted. */
  readonly #stack: (ScheduledThread | 'main')[] = []
  readonly #tasks: SampleTask[] = []
  /** Which task was posted to which place of which thread. */
  readonly #places = new Map<ScheduledThread, Map<number, SampleTask>>()
  readonly #orders: Order[]
  #soon: (() => void)[] = []
  #timers: { readonly atMs: number; readonly run: () => void }[] = []
  /** Counts starts and ends of threads. */
  #turn = 0
  #nowMs = BEGIN_MS
  #progressMs = BEGIN_MS
  #kills: number
  #firstDeathMs = Number.POSITIVE_INFINITY
  readonly #toldToEnd = new Set<SampleTask>()
  readonly #doomedMs = new Map<ScheduledThread, number>()
  #paused = false
  /** The process has ended itself, and its threads with it. */
  #gone: Useless | undefined
  #isLooking = false
  #violation: Violation | undefined

  constructor(plan: Plan, chooser: Chooser, tells = false) {
    this.plan = plan
    this.#tells = tells
    this.#chooser = chooser
    this.#kills = plan.kills
    this.#orders = [...plan.orders]
    this.#pool = new ThreadPool({
      threads: plan.threads,
      tasksPerThread: plan.tasksPerThread,
      heapMib: 32,
      executor: { id: 'app/0', host: 'host', cores: plan.threads, resources: {} },
      maxResultBytes: plan.maxResultBytes,
      ring: { slots: plan.slots, bytes: plan.ringBytes },
      spawn: (data, _heapMib, listener) => {
        const alive = this.#threads.filter(({ hasExited }) => !hasExited)
        const replaced = alive.filter(({ isReplaced }) => isReplaced).length
        // Beside those that take tasks there is one per core at most that only runs its last ones.
        if (alive.length >= plan.threads + Math.min(replaced, plan.threads))
          this.#fail('threads', `${alive.length} threads, and one more`)
        const thread = new ScheduledThread(this.#threads.length, this, data, listener)
        thread.isStillborn = this.#isStillborn(thread.number)
        thread.bornAt = ++this.#turn
        this.#threads.push(thread)
        this.#expectNoStorm()
        this.#places.set(thread, new Map())
        return thread
      },
      dependencies: {
        nowMs: () => this.#nowMs,
        after: (ms, run) => this.#after(ms, run),
        soon: (run) => this.#soon.push(run),
      },
      onResult: (attempt, status, body) => this.#ended(attempt, status, body),
      onStarted: (attempts) => this.#started(attempts),
      onProgress: () => {},
      onOutput: () => {},
      onReturned: (attempts) => this.#returned(attempts),
      onLog: (text) => this.#tell(text),
      onUseless: (why, reason) => this.#givenUp(why, reason),
    })
  }

  /** Undefined: every promise held. */
  run(): Violation | undefined {
    const undo = hookAtomics(() => this.#touched())
    try {
      while (this.#violation === undefined && this.#goesOn());
      this.#expectGivenBack()
    } catch (error) {
      this.#fail('defect', error instanceof Error ? (error.stack ?? error.message) : String(error))
    } finally {
      undo()
    }
    return this.#violation
  }

  #goesOn(): boolean {
    if (this.#gone !== undefined) return false
    const actions = this.#actionsNow()
    if (!actions.some(({ kind }) => kind !== 'time' && kind !== 'kill')) {
      this.#expectNothingUnread()
      if (this.#unended().length === 0 && this.#orders.length === 0) return false
      if (this.#nowMs - this.#progressMs > HANGS_MS || actions.length === 0) this.#failHanging()
    }
    if (++this.actions > ACTIONS_MAX) this.#fail('hang', 'it does not come to an end')
    if (this.#violation === undefined) this.#do(actions[this.#chooser.next(kindsOf(actions))]!)
    return true
  }

  // What the threads stand on

  nowMs(): number {
    return this.#nowMs
  }

  load(thread: ScheduledThread, { functionId }: FunctionEntry): Promised {
    const error = loadError(functionId, thread.number)
    if (error?.code === 'FIRESTEEL_TASK_MODULE_FAILED') thread.failedToLoad()
    if (error !== undefined) return new Promised({ error })
    if (functionId === EXITS_LOADING) return new Promised(undefined, 'exits')
    return new Promised({ value: (id: number) => this.#called(thread, id) })
  }

  asThread(thread: ScheduledThread, run: () => void): void {
    this.#stack.push(thread)
    try {
      run()
    } catch (error) {
      if (!(error instanceof ThreadDeath)) throw error
    } finally {
      this.#stack.pop()
    }
  }

  readonly asMain = (run: () => void): void => {
    this.#stack.push('main')
    try {
      run()
      for (let next = this.#soon.shift(); next !== undefined; next = this.#soon.shift()) next()
    } finally {
      this.#stack.pop()
    }
  }

  posted(thread: ScheduledThread, message: ToThread): void {
    const places = this.#places.get(thread)!
    if (message.kind === 'abort') {
      const task = places.get(message.position)
      if (task === undefined) return
      task.abortedAtMs ??= this.#nowMs
      task.abortedIn = thread.number
    }
    if (message.kind === 'run') this.#tasksPosted(thread, places, message.tasks)
  }

  #tasksPosted(thread: ScheduledThread, places: Map<number, SampleTask>, tasks: Uint8Array): void {
    if (this.#paused) this.#fail('paused', `tasks are posted to t${thread.number}`)
    const overdue = this.#inside(thread).find((task) => this.#graceOver(task) > 2 * limits.threadLookMs)
    if (overdue)
      this.#fail('retired', `t${thread.number} gets tasks, and task ${overdue.id} there does not end`)
    for (const { position, taskId } of unpackTasks(tasks)) {
      const task = this.#tasks[taskId]!
      places.delete(position - this.plan.slots)
      places.set(position, task)
      task.posted()
      this.#tell(`  task ${taskId} is posted to t${thread.number} as ${position}`)
    }
  }

  /** How long the time is over in which this task could heed its abort. */
  #graceOver({ abortedAtMs }: SampleTask): number {
    return abortedAtMs === undefined ? -1 : this.#nowMs - abortedAtMs - limits.taskAbortGraceMs
  }

  /**
   * Others have a grace to end, after that of the one for which their thread ends. Nothing else ends a thread
   * that they are in: they survive an import that fails beside them.
   */
  doomed(thread: ScheduledThread): void {
    const inside = this.#inside(thread)
    const innocent = inside.find(({ abortedAtMs }) => abortedAtMs === undefined)
    const graceMs = Math.max(
      ...this.#tasks
        .filter(({ abortedIn }) => abortedIn === thread.number)
        .map((task) => this.#graceOver(task)),
    )
    if (innocent !== undefined && graceMs < limits.taskAbortGraceMs)
      this.#fail('grace', `task ${innocent.id} in t${thread.number} had ${graceMs} ms to end`)
  }

  /** The tasks that the thread is in, and that have left no result. */
  #inside(thread: ScheduledThread): SampleTask[] {
    this.#isLooking = true
    const ring = new SharedRing(thread.memory.slice())
    const records = new Set(ring.drain().map(({ position }) => position))
    const inside = [...this.#places.get(thread)!].filter(
      ([position, task]) =>
        task.end === undefined && !records.has(position) && ring.state(position) === slotState.claimed,
    )
    this.#isLooking = false
    return inside.map(([, task]) => task)
  }

  received(thread: ScheduledThread, message: ToThread): void {
    if (message.kind !== 'abort') return
    const task = this.#places.get(thread)!.get(message.position)
    if (task !== undefined) task.told = true
  }

  // What happens next

  /** In the middle of a step: others may have their turn, and its thread may die here. */
  #touched(): void {
    const top = this.#stack.at(-1)
    if (this.#isLooking || top === undefined) return
    while (this.#stack.length < DEPTH_MAX && this.#violation === undefined && this.#chooser.breaksIn()) {
      const actions = this.#actionsNow()
      if (actions.length === 0) break
      const index = this.#chooser.instead(kindsOf(actions))
      if (index === undefined) break
      this.actions++
      this.#do(actions[index]!)
      if (top !== 'main' && top.isDead) break
    }
    if (top !== 'main' && top.isDead) throw new ThreadDeath()
  }

  #do({ kind, run }: Action): void {
    if (this.#tells) {
      const within = this.#stack.map((who) => (who === 'main' ? who : `t${who.number}`)).join('>')
      this.#tell(`${kind}${within ? ` within ${within}` : ''}`)
    }
    run()
  }

  #actionsNow(): Action[] {
    const actions: Action[] = []
    const mainIsFree = !this.#stack.includes('main')
    // Nothing happens to the others any more. There may be many.
    const threads = this.#threads.filter(({ hasExited }) => !hasExited)
    for (const thread of threads) {
      const isFree = !this.#stack.includes(thread)
      for (const action of thread.threadActions()) {
        if (isFree || action.kind === 'die') actions.push(this.#told(thread, action))
      }
    }
    if (mainIsFree) {
      for (const thread of threads)
        for (const action of thread.mainActions()) actions.push(this.#told(thread, action))
      const order = this.#nextOrder()
      if (order !== undefined) actions.push(order)
      if (this.#timers.length > 0 && !this.#endsSoon())
        actions.push({ kind: 'time', run: () => this.#passTime() })
    }
    if (this.#kills > 0) {
      for (const thread of threads)
        if (!thread.isDead && !thread.isBlocked)
          actions.push(this.#told(thread, { kind: 'kill', run: () => this.#kill(thread) }))
    }
    return actions
  }

  #told(thread: ScheduledThread, { kind, run }: Action): Action {
    return {
      kind,
      run: () => {
        this.#tell(`  t${thread.number}`)
        if (kind === 'exit') {
          thread.exitedAt = ++this.#turn
          const inside = this.#inside(thread)
          for (const task of inside) task.company = inside.length - 1
        }
        const wasDead = thread.isDead
        run()
        if (thread.isDead && !wasDead) this.#died(thread)
      },
    }
  }

  #kill(thread: ScheduledThread): void {
    this.#kills--
    thread.die('it was killed')
  }

  /** A thread that is told to end, and can, does so in the time that it has for it. */
  #endsSoon(): boolean {
    return this.#threads.some((thread) => {
      if (!thread.isDoomed || thread.isDead || thread.isBlocked) return false
      const sinceMs = this.#doomedMs.get(thread) ?? this.#nowMs
      this.#doomedMs.set(thread, sinceMs)
      return this.#nowMs - sinceMs >= limits.threadEndMs / 2
    })
  }

  #passTime(): void {
    const [next] = this.#timers.sort((one, other) => one.atMs - other.atMs).splice(0, 1)
    this.#noteClaims()
    this.#nowMs = Math.max(this.#nowMs, next!.atMs)
    this.asMain(next!.run)
  }

  #after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  #nextOrder(): Action | undefined {
    while (this.#isDue(this.#orders[0])) this.#orders.shift()
    const order = this.#orders[0]
    if (order?.kind === 'later') {
      if (this.#timers.length > 0) return undefined
      return {
        kind: 'time',
        run: () => {
          this.#nowMs = BEGIN_MS + order.atMs
          this.#progressMs = this.#nowMs
        },
      }
    }
    if (order !== undefined) {
      return {
        kind: 'order',
        run: () => {
          this.#orders.shift()
          this.asMain(() => this.#obey(order))
        },
      }
    }
    const unended = this.#unended()
    const endless = unended.filter((task) => task.isEndless && !this.#toldToEnd.has(task))
    const anyBlocked = this.#threads.some(({ isBlocked }) => isBlocked)
    if (unended.length === 0 || (endless.length === 0 && !anyBlocked)) return undefined
    if (!this.#onlyEndlessLeft(unended)) return undefined
    return { kind: 'order', run: () => this.asMain(() => this.#tellToEnd(endless)) }
  }

  #isDue(order: Order | undefined): boolean {
    return order?.kind === 'later' && this.#nowMs >= BEGIN_MS + order.atMs
  }

  /** A task that never ends by itself must not keep others waiting as long as there are more threads. */
  #onlyEndlessLeft(unended: readonly SampleTask[]): boolean {
    const stuck = this.#threads.filter(({ isStuck, hasExited }) => isStuck && !hasExited)
    const behind = new Set(stuck.flatMap((thread) => this.#inside(thread)))
    if (unended.every((task) => task.isEndless || behind.has(task))) return true
    const { threads } = this.plan
    const alive = this.#threads.filter(({ hasExited, isStillborn }) => !hasExited && !isStillborn)
    const inPlace = alive.filter((thread) => !thread.isReplaced || this.#isStillInPlace(thread)).length
    // So many threads with their last tasks leave no place for another.
    if (alive.length - inPlace > threads) return true
    // Those of a thread and of the one in whose place it is fill one core.
    const ofCore = Math.min(this.plan.tasksPerThread, this.plan.slots)
    let taken = 0
    for (const thread of alive) {
      const endless = unended.filter(({ isEndless, begunBy }) => isEndless && begunBy === thread.number)
      taken += stuck.includes(thread) ? ofCore : Math.min(ofCore, endless.length)
    }
    if (inPlace >= threads || !this.#isStillborn(this.#threads.length)) return taken >= threads * ofCore
    // What works must outlast all that is tried beside it.
    const tried = this.#threads.filter(({ hasExited, isStillborn }) => hasExited && isStillborn)
    return taken >= inPlace * ofCore && tried.length >= limits.threadStartFailures
  }

  /**
   * Nobody knows yet that it is to be replaced: it has told nothing since, or what it had not begun would
   * have been taken away.
   */
  #isStillInPlace(thread: ScheduledThread): boolean {
    if (thread.hasToldNothing) return true
    this.#isLooking = true
    const ring = new SharedRing(thread.memory)
    const holds = [...this.#places.get(thread)!].some(
      ([position, task]) => task.end === undefined && ring.state(position) === slotState.posted,
    )
    this.#isLooking = false
    return holds
  }

  #isStillborn(number: number): boolean {
    const nth = number - this.plan.stillbornFrom
    return nth >= 0 && nth < this.plan.stillborn
  }

  #tellToEnd(endless: readonly SampleTask[]): void {
    for (const thread of this.#threads) thread.isBlocked = false
    for (const task of endless) {
      this.#toldToEnd.add(task)
      this.#cancel(task)
    }
  }

  #obey(order: Order): void {
    switch (order.kind) {
      case 'run': {
        const tasks = order.tasks.map((plan, index) => new SampleTask(this.#tasks.length + index, plan))
        // Told once; a thread may be there already.
        if (this.#tasks.length === 0) this.#pool.addFunctions(functions)
        this.#tasks.push(...tasks)
        this.#pool.run(tasks.map(({ attempt }) => attempt))
        return
      }
      case 'cancel': {
        const task = this.#tasks[order.task]
        if (task !== undefined) this.#cancel(task)
        return
      }
      case 'recall':
        this.#pool.recall(order.count)
        return
      case 'pause':
        this.#paused = order.paused
        this.#pool.pause(order.paused)
        return
      case 'warm':
        this.#pool.warm()
        return
      // It only keeps the next one waiting.
      case 'later':
    }
  }

  #cancel(task: SampleTask): void {
    if (task.end !== undefined) return
    task.cancelled = true
    this.#pool.cancel(task.attempt)
  }

  /**
   * A task has its time from when it is claimed. Before time moves: what was claimed since then was claimed
   * now.
   */
  #noteClaims(): void {
    this.#isLooking = true
    for (const [thread, places] of this.#places) {
      const ring = new SharedRing(thread.memory)
      for (const [position, task] of places) {
        if (task.claimedAtMs === undefined && ring.state(position) === slotState.claimed)
          task.claimedAtMs = this.#nowMs
      }
    }
    this.#isLooking = false
  }

  // What must hold

  #givenUp(why: Useless, reason: string): void {
    this.#tell(`the executor ends itself: ${reason}`)
    this.#gone = why
    const isRight =
      why === 'stuck'
        ? this.#threads.some(({ isBlocked }) => isBlocked)
        : this.#inVain() && !this.#threads.some((thread) => this.#works(thread))
    if (!isRight) this.#fail('given up', reason)
  }

  /** The newest have all ended before they had begun a task, enough of them one after the other. */
  #inVain(): boolean {
    let rounds = 0
    let endedAt = Number.POSITIVE_INFINITY
    const vain = this.#threads.filter((thread) => !this.#hasBegun(thread))
    for (const thread of [...this.#threads].reverse()) {
      if (!vain.includes(thread)) {
        // One that was started before another ended in vain proves nothing of those after it.
        if (vain.some(({ bornAt, exitedAt }) => bornAt < thread.bornAt && exitedAt > thread.bornAt)) continue
        break
      }
      // Those that were started together count as one.
      if (rounds > 0 && thread.exitedAt > endedAt) continue
      rounds++
      endedAt = thread.bornAt
    }
    return rounds >= limits.threadStartFailures
  }

  #works(thread: ScheduledThread): boolean {
    return !thread.hasExited && this.#hasBegun(thread)
  }

  #hasBegun(thread: ScheduledThread): boolean {
    this.#isLooking = true
    const ring = new SharedRing(thread.memory)
    const hasBegun =
      ring.hasBegun ||
      [...this.#places.get(thread)!.keys()].some((position) => ring.state(position) === slotState.claimed)
    this.#isLooking = false
    return hasBegun
  }

  /** Threads that cannot start are not started again at once, nor without end. */
  #expectNoStorm(): void {
    const { threads, stillborn, stillbornFrom, kills } = this.plan
    if (this.#threads.length > stillborn || stillbornFrom > 0 || kills > 0) return
    if (this.#threads.length > threads + limits.threadStartFailures)
      this.#fail('storm', `${this.#threads.length} threads were started, and none could`)
    if (this.#threads.length > threads && this.#nowMs < this.#firstDeathMs + limits.threadRestartFirstMs)
      this.#fail('storm', 'a thread that cannot start is started again at once')
  }

  /** The sender of tasks gets all of them back: none has begun. */
  #expectGivenBack(): void {
    if (this.#gone !== 'startless' || this.#violation !== undefined) return
    this.#obey({ kind: 'run', tasks: [{ kind: 'text', size: 1, timeoutMs: 0 }] })
    const kept = this.#unended().map(({ id }) => id)
    if (kept.length > 0) this.#fail('lost', `tasks ${kept.join(', ')} are not given back`)
  }

  #called(thread: ScheduledThread, id: number): unknown {
    const task = this.#tasks[id]!
    this.#tell(`  task ${id} (${task.plan.kind}) begins`)
    if (task.end === 'returned') this.#fail('given back', `task ${id} begins though it was given back`)
    if (task.begunBy !== undefined) this.#fail('once', `task ${id} begins again`)
    if (task.told) this.#fail('abort', `task ${id} begins, and was told to end`)
    if (context().taskId !== id) this.#fail('context', `task ${id} has the context of ${context().taskId}`)
    task.begunBy = thread.number
    if (thread.waiting >= this.plan.tasksPerThread)
      this.#fail(
        'crowd',
        `${thread.waiting} tasks wait in t${thread.number}, and task ${id} begins beside them`,
      )
    const alive = this.#threads.filter(({ isDead }) => !isDead)
    const waiting = alive.reduce((sum, { waiting }) => sum + waiting, 0)
    if (waiting >= this.plan.threads * this.plan.tasksPerThread)
      this.#fail('crowd', `${waiting} tasks wait in all threads, and task ${id} begins beside them`)
    this.#progressMs = this.#nowMs
    if (task.plan.kind === 'remembers' && ++thread.remembered > 1) thread.isReplaced = true
    if (task.plan.kind === 'leaves') thread.hasLeftover = true
    return task.call()
  }

  #ended({ taskId }: AttemptKey, status: ResultStatus, body: Uint8Array): void {
    const task = this.#tasks[taskId]!
    this.#tell(`  task ${taskId} ends: ${status}`)
    this.#endsOnce(task, status)
    if (status === 'cancelled') {
      if (!task.cancelled) this.#fail('result', `task ${taskId} is cancelled, and nobody asked for it`)
      this.#expectOver(task)
      return
    }
    if (status === 'timeout') {
      const { timeoutMs } = task.plan
      const sinceMs = task.claimedAtMs ?? this.#nowMs
      if (timeoutMs === 0 || this.#nowMs - sinceMs < timeoutMs)
        this.#fail('result', `task ${taskId} had more time`)
      this.#expectOver(task)
      return
    }
    if (status === 'lost') {
      this.#lostWithThread(task)
      this.#expectOver(task)
      return
    }
    if (status === 'failure' && /^The thread of this task ended/.test(decodeError(body).message)) {
      this.#endedWithThread(task)
      this.#expectOver(task)
      return
    }
    const wrong = task.wrongEnd(status, body, this.plan.maxResultBytes)
    if (wrong !== undefined) this.#fail('result', `task ${taskId} (${JSON.stringify(task.plan)}) ${wrong}`)
  }

  /** Another task was the reason, or nobody knows it. */
  #lostWithThread({ id, left, lostIn, company, cancelled, abortedAtMs }: SampleTask): void {
    if (left) this.#fail('lost', `the result of task ${id} was left by its thread, and was lost`)
    const thread = this.#threads.find(({ number }) => number === lostIn)
    if (thread === undefined) this.#fail('result', `task ${id} is lost with a thread that it was not in`)
    else if (this.#places.get(thread)!.get(thread.endedBy ?? -1)?.id === id)
      this.#fail('culprit', `task ${id} has ended its thread, and is not charged for it`)
    else if (company === 0 && thread.endedBy === undefined && !thread.isDoomed)
      this.#fail('culprit', `task ${id} was alone in its thread, which ended, and is not charged for it`)
    if (cancelled || abortedAtMs !== undefined)
      this.#fail('result', `task ${id} was told to end, and is lost`)
  }

  /** A neighbour of the one that ended the thread is not charged for it. */
  #endedWithThread({ id, plan, left, lostIn, company, isDeadly }: SampleTask): void {
    const { endedLoading } = this.#threads.find(({ number }) => number === lostIn) ?? {}
    if (plan.kind === 'exitsLoading' && endedLoading)
      this.#fail('charged', `task ${id} is charged for its module, and has not begun`)
    if (company > 0 && !isDeadly) this.#fail('charged', `task ${id} is charged for what ended its thread`)
    if (left) this.#fail('lost', `the result of task ${id} was left by its thread, and was lost`)
    if (lostIn === undefined) this.#fail('result', `task ${id} fails with a thread that it was not in`)
  }

  /** No thread runs it any more. */
  #expectOver(task: SampleTask): void {
    const thread = this.#threads.find(({ number }) => number === task.begunBy)
    // In the middle of a step it may just have left its result.
    if (thread === undefined || thread.isDead || this.#gone !== undefined || this.#stack.includes(thread))
      return
    const [position] = [...this.#places.get(thread)!].find(([, other]) => other === task) ?? []
    this.#isLooking = true
    const isIn = position !== undefined && new SharedRing(thread.memory).state(position) === slotState.claimed
    this.#isLooking = false
    if (isIn) this.#fail('over', `task ${task.id} is told to be over, and its thread is in it`)
  }

  #started(attempts: readonly AttemptKey[]): void {
    for (const { taskId } of attempts) {
      const task = this.#tasks[taskId]!
      if (task.started) this.#fail('started', `task ${taskId} was told to have started before`)
      task.started = true
    }
  }

  #returned(attempts: readonly AttemptKey[]): void {
    for (const { taskId } of attempts) {
      const task = this.#tasks[taskId]!
      this.#tell(`  task ${taskId} is given back`)
      if (task.begunBy !== undefined) this.#fail('given back', `task ${taskId} is given back, and has begun`)
      this.#endsOnce(task, 'returned')
    }
  }

  #endsOnce(task: SampleTask, end: ResultStatus | 'returned'): void {
    if (task.end !== undefined) this.#fail('once', `task ${task.id} ends ${end} after ${task.end}`)
    task.end = end
    this.#progressMs = this.#nowMs
  }

  /** What its memory holds now is what will be read of it. */
  #died(thread: ScheduledThread): void {
    this.#tell(`  t${thread.number} is dead`)
    this.#firstDeathMs = Math.min(this.#firstDeathMs, this.#nowMs)
    this.#isLooking = true
    const ring = new SharedRing(thread.memory.slice())
    const records = new Set(ring.drain().map(({ position }) => position))
    for (const [position, task] of this.#places.get(thread)!) {
      if (task.end !== undefined) continue
      const state = ring.state(position)
      if (records.has(position)) task.left = true
      else if (state === slotState.claimed) task.lostIn = thread.number
    }
    this.#isLooking = false
  }

  /** Everything waits: then no result may wait for the next look. */
  #expectNothingUnread(): void {
    for (const thread of this.#threads) {
      if (thread.isStuck || thread.hasExited || !thread.hasUnread) continue
      this.#fail('notice', `t${thread.number} has left results, and nobody knows`)
    }
  }

  #unended(): SampleTask[] {
    return this.#tasks.filter(({ end }) => end === undefined)
  }

  #failHanging(): void {
    const tasks = this.#unended().map(({ id, plan, begunBy }) => `${id} (${plan.kind}, thread ${begunBy})`)
    this.#fail('hang', `these never end: ${tasks.join(', ')}`)
  }

  #fail(invariant: string, text: string): void {
    this.#violation ??= new Violation(invariant, text)
    this.#tell(`VIOLATION ${this.#violation.message}`)
  }

  #tell(text: string): void {
    if (this.#tells) this.log.push(`${this.#nowMs} ${text}`)
  }
}

const kindsOf = (actions: readonly Action[]): Action['kind'][] => actions.map(({ kind }) => kind)
