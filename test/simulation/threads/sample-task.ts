import type { Attempt } from '../../../actors/executor/attempt.js'
import { context } from '../../../actors/executor/task.js'
import { fromBytes, toBytes } from '../../../actors/messages/cloneable.js'
import type { FunctionEntry, ResultStatus } from '../../../actors/messages/task-entries.js'
import { decodeError } from '../../../actors/messages/task-error.js'
import { FiresteelError } from '../../../runtime/errors.js'
import { Promised } from './scheduled-thread.js'

/** What a task does. `Later`: in a promise. */
export const taskKinds = [
  'text',
  'textLater',
  'bytes',
  'bytesLater',
  'fails',
  'failsLater',
  'failsOddly',
  'remembers',
  'uncloneable',
  'missing',
  'broken',
  'flaky',
  'exitsLoading',
  'heeds',
  'ignores',
  'spins',
  'blocks',
  'exits',
  'faults',
  'leaves',
] as const
export type TaskKind = (typeof taskKinds)[number]

/** Tasks that never end by themselves, or only with their thread. */
const endless: ReadonlySet<TaskKind> = new Set(['heeds', 'ignores', 'spins', 'blocks'])
const deadly: ReadonlySet<TaskKind> = new Set(['exits', 'faults'])

/** Of these modules some cannot be loaded anywhere, one in some threads. */
const urls = [
  'file:///sample.js',
  'file:///missing.js',
  'file:///broken.js',
  'file:///flaky.js',
  'file:///exits.js',
] as const
export const functions: readonly FunctionEntry[] = urls.map((url, functionId) => ({
  functionId,
  url,
  name: 'run',
}))

/** The function whose module ends its thread. */
export const EXITS_LOADING = 4

/** Why the module of a function does not load in a thread. */
export function loadError(functionId: number, thread: number): FiresteelError | undefined {
  if (functionId === 0 || functionId === EXITS_LOADING || (functionId === 3 && thread % 2 === 1))
    return undefined
  const code = functionId === 1 ? 'TASK_MODULE_NOT_FOUND' : 'TASK_MODULE_FAILED'
  return new FiresteelError(code, 'the module cannot be loaded')
}

/** What an import inside of a task fails with, again and again. */
const REMEMBERED = new Error('the same object')

/** Whoever asks what it is gets an exception. */
function unreadable(): object {
  const { proxy, revoke } = Proxy.revocable(new Error('it is not seen'), {})
  revoke()
  return proxy
}

export interface TaskPlan {
  readonly kind: TaskKind
  /** Size of its result, or of its error's message. */
  readonly size: number
  /** 0: none. */
  readonly timeoutMs: number
}

const cloning = {
  root: 'input',
  notCloneable: 'INPUT_NOT_CLONEABLE',
  tooLarge: 'INPUT_TOO_LARGE',
  maxBytes: 1024,
  list: true,
  task: 'a task',
} as const

/** One task of a history: what it is to do, and what is known of it. */
export class SampleTask {
  readonly id: number
  readonly plan: TaskPlan
  readonly attempt: Attempt
  /** Number of the thread that began it. */
  begunBy: number | undefined
  claimedAtMs: number | undefined
  cancelled = false
  /** When the word to end was sent to its thread, and to which. */
  abortedAtMs: number | undefined
  abortedIn: number | undefined
  /** How many others were in its thread when that ended. */
  company = 0
  /** The word to end has come to its thread. */
  told = false
  started = false
  /**
   * Threads that died after they had begun it and before they left its result. Their end may be its failure.
   */
  lostIn: number | undefined
  /** A thread left its result and died. */
  left = false
  end: ResultStatus | 'returned' | undefined

  constructor(id: number, plan: TaskPlan) {
    this.id = id
    this.plan = plan
    this.attempt = {
      taskId: id,
      n: 1,
      functionId: Math.max(0, ['text', 'missing', 'broken', 'flaky', 'exitsLoading'].indexOf(plan.kind)),
      timeoutMs: plan.timeoutMs,
      input: toBytes([id], cloning),
      state: 'queued',
      reported: false,
    }
  }

  /** It ends only when it is told to. Cancelled, it has no time that could be over. */
  get isEndless(): boolean {
    return endless.has(this.plan.kind) && (this.plan.timeoutMs === 0 || this.cancelled)
  }

  get isDeadly(): boolean {
    return deadly.has(this.plan.kind)
  }

  /** Given to a thread, maybe not for the first time. */
  posted(): void {
    this.left = false
    this.lostIn = undefined
    this.claimedAtMs = undefined
  }

  /** What its function does, in its thread. */
  call(): unknown {
    const { kind, size } = this.plan
    switch (kind) {
      case 'text':
      case 'flaky':
      case 'leaves':
        return this.#text(size)
      case 'textLater':
        return new Promised({ value: this.#text(size) })
      case 'bytes':
        return this.#bytes(size)
      case 'bytesLater':
        return new Promised({ value: this.#bytes(size) })
      case 'fails':
        throw new Error(this.#text(size))
      case 'failsLater':
        return new Promised({ error: new Error(this.#text(size)) })
      case 'failsOddly':
        return new Promised({ error: unreadable() })
      case 'remembers':
        throw REMEMBERED
      case 'uncloneable':
        return () => undefined
      case 'missing':
      case 'broken':
      case 'exitsLoading':
      case 'ignores':
        return new Promised()
      case 'heeds':
        return this.#heeds()
      case 'spins':
        return new Promised(undefined, 'stuck')
      case 'blocks':
        return new Promised(undefined, 'blocked')
      case 'exits':
        return new Promised(undefined, 'exits')
      case 'faults':
        return new Promised(undefined, 'faults')
    }
  }

  /** Undefined: this end is allowed. Otherwise why not, by what is in the plan. */
  wrongEnd(status: ResultStatus, body: Uint8Array, maxResultBytes: number): string | undefined {
    const { kind, size } = this.plan
    if (status === 'value') {
      // After it was told to end, it is cancelled or over its time, whatever it returns.
      if (kind === 'heeds') return 'ended though nobody had told it to'
      const value = fromBytes(body)
      const expected =
        kind.startsWith('text') || kind === 'flaky' || kind === 'leaves'
          ? this.#text(size)
          : this.#bytes(size)
      return sameValue(value, expected) && body.byteLength <= maxResultBytes ? undefined : 'has another value'
    }
    const { message } = decodeError(body)
    if (status === 'unloaded')
      return ['missing', 'broken', 'flaky', 'exitsLoading'].includes(kind)
        ? undefined
        : 'has a module, which loads'
    if (status === 'permanent') {
      if (kind === 'uncloneable') return undefined
      return /bytes; at most/.test(message) ? undefined : `cannot end for good with: ${message}`
    }
    const failed = kind.startsWith('fails') && message === this.#text(size)
    if (kind === 'failsOddly' && message === 'an error that cannot be read') return undefined
    if (kind === 'remembers' && message === REMEMBERED.message) return undefined
    return failed ? undefined : `failed with: ${message.slice(0, 200)}`
  }

  #heeds(): Promised {
    const promised = new Promised()
    context().signal.addEventListener('abort', () => {
      promised.outcome = { value: 'aborted' }
    })
    return promised
  }

  #text(length: number): string {
    return `${this.id}:`.padEnd(length, 'x')
  }

  #bytes(length: number): Uint8Array {
    return new Uint8Array(length).fill(this.id)
  }
}

function sameValue(value: unknown, expected: string | Uint8Array): boolean {
  if (typeof expected === 'string') return value === expected
  return value instanceof Uint8Array && Buffer.compare(value, expected) === 0
}
