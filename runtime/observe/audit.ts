import { AuditFile, type AuditFileOptions } from './audit-file.js'
import { type LogFields, silentLog } from './log.js'
import { ThrottledLog } from './log-throttle.js'

/**
 * What a node writes down about who did what. What is refused would be many lines where somebody tries, so it
 * is throttled.
 */
export class Audit {
  readonly #file: AuditFile
  readonly #node: string
  readonly #refusals: ThrottledLog

  constructor(node: string, options: AuditFileOptions) {
    this.#node = node
    this.#file = new AuditFile(options)
    this.#refusals = new ThrottledLog({
      ...silentLog,
      isEnabled: () => true,
      warn: (_, fields = {}) => this.done(fields),
    })
  }

  done(fields: LogFields): void {
    this.#file.write({ node: this.#node, ...fields })
  }

  /** The first of a kind at once, the others as a number. */
  refused(kind: string, fields: LogFields): void {
    this.#refusals.warn(kind, '', fields)
  }

  close(): Promise<void> {
    this.#refusals.close()
    return this.#file.close()
  }
}
