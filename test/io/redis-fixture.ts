import { systemClock } from '../../runtime/clock.js'
import type { Log, LogFields } from '../../runtime/observe/log.js'
import {
  openRedis,
  type RedisRecovery,
  type RedisRecoveryOptions,
} from '../../runtime/persistence/redis/redis-recovery.js'
import { suiteSchemas } from '../conformance/persistence-suite.js'
import { SECRET } from '../tools/transport-support.js'

/**
 * A command may take a quarter of the lease. It is so long that no stall of the machine passes for a silent
 * Redis. A test of silence gives its own.
 */
export const LEASE_MS = 60_000

/** Keeps what is logged. */
export class LogCollector implements Log {
  readonly lines: { level: string; message: string; fields: LogFields }[] = []
  readonly #add =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      this.lines.push({ level, message, fields })
    }
  readonly error = this.#add('error')
  readonly warn = this.#add('warn')
  readonly info = this.#add('info')
  readonly debug = this.#add('debug')
  isEnabled(): boolean {
    return true
  }
  child(): Log {
    return this
  }
  /** Messages that match, warnings and errors only. */
  complaints(pattern: RegExp): string[] {
    const loud = this.lines.filter(({ level }) => level === 'warn' || level === 'error')
    return loud.map(({ message }) => message).filter((message) => pattern.test(message))
  }
}

/** Opens connections that `closeAll` closes again. */
export class RedisOpener {
  readonly log = new LogCollector()
  readonly #leaseMs: number
  readonly #opened: RedisRecovery[] = []

  constructor(leaseMs = LEASE_MS) {
    this.#leaseMs = leaseMs
  }

  async open(options: Partial<RedisRecoveryOptions>): Promise<RedisRecovery> {
    const recovery = await openRedis({
      cluster: 'c',
      election: [],
      replicas: 0,
      leaseMs: this.#leaseMs,
      schemas: suiteSchemas,
      secret: SECRET,
      clock: systemClock,
      log: this.log,
      ...options,
    })
    this.#opened.push(recovery)
    return recovery
  }

  async closeAll(): Promise<void> {
    for (const one of this.#opened.splice(0)) await one.close()
  }
}
