import { limits } from '../limits.js'
import type { Log, LogFields } from './log.js'

interface Repeats {
  loggedAtMs: number
  suppressed: number
  message: string
  fields: LogFields
}

/** A repeated message that is due to be logged with its count. */
export interface DueRepeat {
  readonly key: string
  readonly suppressed: number
  /** Of its latest occurrence, like the fields. */
  readonly message: string
  readonly fields: LogFields
}

/**
 * A pure rule against floods: the first message of a key is logged at once, later ones as a count every
 * `everyMs`.
 */
export class LogThrottle {
  readonly #everyMs: number
  readonly #maxKeys: number
  readonly #keys = new Map<string, Repeats>()

  constructor(everyMs: number = limits.logRepeatMs, maxKeys: number = limits.logRepeatKeys) {
    this.#everyMs = everyMs
    this.#maxKeys = maxKeys
  }

  /** Nothing is due, now or later. */
  get isEmpty(): boolean {
    return this.#keys.size === 0
  }

  /**
   * True if this one is to be logged now. Peers choose keys, so their number is bounded: the oldest key is
   * dropped.
   */
  hit(key: string, message: string, fields: LogFields, nowMs: number): boolean {
    const known = this.#keys.get(key)
    if (known !== undefined) {
      known.suppressed++
      known.message = message
      known.fields = fields
      return false
    }
    if (this.#keys.size >= this.#maxKeys) this.#keys.delete(this.#keys.keys().next().value!)
    this.#keys.set(key, { loggedAtMs: nowMs, suppressed: 0, message, fields })
    return true
  }

  /**
   * The counts to log now. A key that was quiet for a whole interval is forgotten, and its next message is a
   * first one again.
   */
  due(nowMs: number): DueRepeat[] {
    const due: DueRepeat[] = []
    for (const [key, repeats] of this.#keys) {
      if (nowMs - repeats.loggedAtMs < this.#everyMs) continue
      if (repeats.suppressed === 0) {
        this.#keys.delete(key)
        continue
      }
      due.push({ key, suppressed: repeats.suppressed, message: repeats.message, fields: repeats.fields })
      repeats.loggedAtMs = nowMs
      repeats.suppressed = 0
    }
    return due
  }
}

type NotedLevel = 'error' | 'warn' | 'info'

/** Logs without flooding, for example malformed messages with their sender in the key. */
export class ThrottledLog {
  readonly #log: Log
  readonly #throttle: LogThrottle
  readonly #monotonicMs: () => number
  readonly #everyMs: number
  /** Set while there is something to log later. */
  #timer: NodeJS.Timeout | undefined

  constructor(
    log: Log,
    monotonicMs: () => number = () => performance.now(),
    everyMs: number = limits.logRepeatMs,
  ) {
    this.#log = log
    this.#monotonicMs = monotonicMs
    this.#everyMs = everyMs
    this.#throttle = new LogThrottle(everyMs)
  }

  warn(key: string, message: string, fields: LogFields = {}): void {
    this.note('warn', key, message, fields)
  }

  /** Not only for warnings. All messages of one key have one level. */
  note(level: NotedLevel, key: string, message: string, fields: LogFields = {}): void {
    if (!this.#log.isEnabled(level)) return
    const of = `${level}:${key}`
    if (this.#throttle.hit(of, message, fields, this.#monotonicMs())) this.#log[level](message, fields)
    this.#timer ??= setInterval(() => this.flush(), this.#everyMs).unref()
  }

  /** Logs the counts that are due. */
  flush(nowMs: number = this.#monotonicMs()): void {
    for (const { key, suppressed, message, fields } of this.#throttle.due(nowMs)) {
      const level = key.slice(0, key.indexOf(':')) as NotedLevel
      this.#log[level](`${message} (${suppressed} more)`, { ...fields, repeated: suppressed })
    }
    if (this.#throttle.isEmpty) this.#stop()
  }

  /** Logs every count that is left. */
  close(): void {
    this.flush(Number.POSITIVE_INFINITY)
    this.#stop()
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
