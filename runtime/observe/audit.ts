import { innerLimits } from '../inner-limits.js'
import { AuditFile, type AuditFileOptions } from './audit-file.js'
import { type Log, type LogFields, silentLog } from './log.js'
import { ThrottledLog } from './log-throttle.js'

/**
 * What a node writes down about who did what. What is refused would be many lines where somebody tries, and
 * what a page reads while it is open as well, so both are throttled.
 */
export class Audit {
  readonly #file: AuditFile
  readonly #node: string
  readonly #refusals: ThrottledLog
  readonly #reads: ThrottledLog

  constructor(node: string, options: AuditFileOptions) {
    this.#node = node
    this.#file = new AuditFile(options)
    const counted: Log = { ...silentLog, isEnabled: () => true, warn: (_, fields = {}) => this.done(fields) }
    this.#refusals = new ThrottledLog(counted)
    this.#reads = new ThrottledLog(counted, undefined, innerLimits.auditReadMs)
  }

  done(fields: LogFields): void {
    this.#file.write({ node: this.#node, ...fields })
  }

  /** The first of a kind at once, the others as a number. */
  refused(kind: string, fields: LogFields): void {
    this.#refusals.warn(kind, '', fields)
  }

  /** The same over a longer time: an open page asks again and again. */
  read(kind: string, fields: LogFields): void {
    this.#reads.warn(kind, '', fields)
  }

  close(): Promise<void> {
    this.#refusals.close()
    this.#reads.close()
    return this.#file.close()
  }
}
