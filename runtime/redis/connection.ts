import { backoffMs, jittered } from '../backoff.js'
import { type ErrorName, type FiresteelError, isFiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import type { Log } from '../observe/log.js'
import { throwUncaught } from '../system/uncaught.js'
import { clientOptions } from './client-options.js'
import { codedError } from './coded-error.js'
import { hearAllErrors } from './heard-errors.js'
import { Redis } from './ioredis.js'
import { failureOf, type RedisArgument, RedisFailure, type RedisScript } from './reply.js'
import { checkServer, type ServerDemands } from './server-check.js'
import type { RedisTarget } from './target.js'

export interface ConnectionOptions {
  readonly target: RedisTarget
  /** Shown by CLIENT LIST and in logs. */
  readonly name: string
  readonly leaseMs: number
  readonly demands: ServerDemands
  readonly random: () => number
  readonly log: Log
}

/** Codes that no later try mends. */
const lasting: readonly ErrorName[] = [
  'STORE_DENIED',
  'STORE_UNSUITABLE',
  'STORE_UNREADABLE',
  'VERSION_UNSUPPORTED',
]

/**
 * One connection to one Redis, dialled again for ever until `close`. It is ready only after the server was
 * checked; commands before that fail at once and are not sent. Nothing is queued, and nothing is sent twice.
 */
export class RedisConnection {
  readonly #client: Redis
  readonly #options: ConnectionOptions
  readonly #readyListeners = new Set<(again: boolean) => void>()
  readonly #messages: { error?: string; warnings?: string } = {}
  #settle: () => void = () => undefined
  /** Resolves when the first dial has succeeded or failed. */
  readonly settled: Promise<void>
  #ready = false
  #wasReady = false
  #silent = false
  #closed = false
  #dials = 0
  #degradation: FiresteelError | undefined
  /**
   * A command that was refused since the link is open, such as SELECT: ioredis calls itself ready all the
   * same.
   */
  #handshakeError: FiresteelError | undefined
  #failures = 0
  #redial: NodeJS.Timeout | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    const { target, name, leaseMs } = options
    this.#client = new Redis(
      clientOptions({
        target,
        connectionName: name,
        commandTimeoutMs: Math.round(leaseMs / 4),
        silenceMs: Math.round(leaseMs),
        retryMs: () => this.#retryMs(),
      }),
    )
    hearAllErrors(this.#client)
    this.#client
      .on('error', (error: unknown) => this.#failed(error))
      .on('sentinelError', (error: unknown) => this.#failed(error))
      .on('connect', () => {
        this.#handshakeError = undefined
      })
      .on('ready', () => void this.#check())
      .on('close', () => this.#lost())
      .on('end', () => this.#ended())
  }

  /** Begins to dial. Never throws. */
  start(): void {
    this.#dial()
  }

  /** Ready, and the last command was answered. */
  get isAnswering(): boolean {
    return this.#ready && !this.#silent
  }

  /** Why it is not ready; undefined while it is, or while nothing is known yet. */
  get degradation(): FiresteelError | undefined {
    return this.#degradation
  }

  get label(): string {
    return this.#options.target.label
  }

  /** The ioredis client, for redlock only: its calls bypass our checks. */
  get client(): unknown {
    return this.#client
  }

  /**
   * Calls the listener whenever the server is ready; `again` is true except for the first time. Returns the
   * function that removes the listener.
   */
  onReady(listener: (again: boolean) => void): () => void {
    this.#readyListeners.add(listener)
    return () => {
      this.#readyListeners.delete(listener)
    }
  }

  onMessage(listener: (channel: string) => void): void {
    this.#client.on('message', listener)
  }

  /** Texts come back as strings. Rejects with RedisFailure within lease/4. */
  call(command: string, ...args: RedisArgument[]): Promise<unknown> {
    return this.#sent(() => this.#client.call(command, args))
  }

  /**
   * Runs a script by its hash, or by its text if the server does not know it. Texts come back as strings, or
   * as bytes.
   */
  evaluate(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    reply: 'text' | 'bytes' = 'text',
  ): Promise<unknown> {
    const send = (command: string, first: string): Promise<unknown> => {
      const all = [first, keys.length, ...keys, ...args]
      return reply === 'text' ? this.#client.call(command, all) : this.#client.callBuffer(command, all)
    }
    return this.#sent(async () => {
      try {
        return await send('EVALSHA', script.sha1)
      } catch (error) {
        // The script did not run, so this is no second copy.
        if (failureOf(error).prefix !== 'NOSCRIPT') throw error
        return send('EVAL', script.lua)
      }
    })
  }

  /** Dials anew, because the server has changed, such as a primary that became a replica. */
  refresh(error: FiresteelError): void {
    if (this.#closed || !this.#ready) return
    this.#refuse(error)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#ready = false
    clearTimeout(this.#redial)
    this.#readyListeners.clear()
    this.#settle()
    const { status } = this.#client
    if (status === 'end') return
    const ended = new Promise<void>((resolve) => this.#client.once('end', resolve))
    this.#client.disconnect()
    // A running dial to Sentinel ends when its next step notices.
    if (status === 'ready' || status === 'connect') await ended
  }

  async #sent<T>(send: () => Promise<T>): Promise<T> {
    if (!this.#ready) {
      throw new RedisFailure(
        'notSent',
        this.#degradation?.message ?? `there is no connection to ${this.label}`,
      )
    }
    try {
      const reply = await send()
      this.#silent = false
      return reply
    } catch (error) {
      const failure = failureOf(error)
      this.#silent = failure.kind === 'unknown'
      throw failure
    }
  }

  #dial(): void {
    // The error also comes as an event.
    this.#client.connect().catch(() => undefined)
  }

  async #check(): Promise<void> {
    const dial = ++this.#dials
    const { target, demands, log } = this.#options
    try {
      if (this.#handshakeError !== undefined) throw this.#handshakeError
      const ask = (command: string, ...args: string[]) => this.#client.call(command, args)
      const { problem: degradation, warnings } = await checkServer(ask, target.label, demands)
      if (dial !== this.#dials || this.#closed || this.#client.status !== 'ready') return
      if (degradation !== undefined) throw degradation
      this.#warn(warnings)
    } catch (error) {
      if (dial === this.#dials && !this.#closed) this.#refuse(codedError(error, this.label))
      return
    }
    const again = this.#wasReady
    this.#degradation = undefined
    this.#ready = true
    this.#silent = false
    this.#wasReady = true
    this.#failures = 0
    if (this.#messages.error !== undefined) log.info('Redis answers again', { redis: target.label })
    delete this.#messages.error
    this.#settle()
    for (const listener of [...this.#readyListeners]) this.#tell(listener, again)
  }

  #tell(listener: (again: boolean) => void, again: boolean): void {
    try {
      listener(again)
    } catch (error) {
      this.#options.log.error('a listener of a Redis connection threw', { error })
      throwUncaught(error)
    }
  }

  #refuse(error: FiresteelError): void {
    this.#ready = false
    this.#degradation = error
    this.#report(error)
    this.#client.disconnect(true)
  }

  /** Comes before `close`, also for a dial that failed. */
  #failed(error: unknown): void {
    if (this.#closed) return
    const { status } = this.#client
    // If the client was ready, the link broke; `close` follows.
    if (status === 'ready' && this.#ready) return
    this.#degradation = codedError(error, this.label)
    this.#handshakeError = this.#degradation
    this.#report(this.#degradation)
  }

  #lost(): void {
    this.#dials++
    this.#ready = false
    if (this.#closed) return
    // An earlier error, or that of `#refuse`, is the better reason.
    if (this.#degradation === undefined) {
      this.#degradation = codedError(new Error('the connection closed'), this.label)
      this.#report(this.#degradation)
    }
  }

  /** ioredis gives up if a dial is cut short. This connection does not. */
  #ended(): void {
    if (this.#closed) return
    clearTimeout(this.#redial)
    this.#redial = setTimeout(() => this.#dial(), this.#retryMs())
  }

  /**
   * 20 ms, doubling to 250 ms; 1 s for what waiting does not mend. Half of it is random, so that nodes do not
   * dial at the same moment.
   */
  #retryMs(): number {
    const { storeBackoffFirstMs, storeBackoffMaxMs, redisIdleBackoffMaxMs } = limits
    const isLasting = lasting.some((code) => isFiresteelError(this.#degradation, code))
    const doublingMs = backoffMs(this.#failures++, storeBackoffFirstMs, storeBackoffMaxMs)
    return Math.round(jittered(isLasting ? redisIdleBackoffMaxMs : doublingMs, this.#options.random()))
  }

  /** Once per change: an outage is one line, not one per dial. */
  #report(error: FiresteelError): void {
    this.#settle()
    const text = `${error.code}: ${error.message}`
    if (this.#messages.error === text) return
    this.#messages.error = text
    const { code, message, help } = error
    this.#options.log.warn(message, { code, redis: this.label, help })
  }

  #warn(warnings: readonly string[]): void {
    const text = warnings.join('\n')
    if (this.#messages.warnings === text) return
    this.#messages.warnings = text
    for (const warning of warnings) this.#options.log.warn(warning, { redis: this.label })
  }
}
