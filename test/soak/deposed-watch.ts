import type { WorkerAudit } from '../tools/load/worker-audit.js'
import { type Violation, violation } from './violations.js'

/** Finds, look by look, what Workers did with orders of deposed leaders. */
export class DeposedWatch {
  readonly #audit: WorkerAudit
  #accepted = 0
  #missed = 0

  constructor(audit: WorkerAudit) {
    this.#audit = audit
  }

  /** What is new since the last look. */
  async look(): Promise<Violation[]> {
    const found: Violation[] = []
    await this.#audit.look()
    const orders = this.#audit.accepted - this.#accepted
    this.#accepted = this.#audit.accepted
    if (orders > 0)
      found.push(violation('deposedEffects', `Workers took ${orders} orders of deposed leaders`))
    const missed = this.#audit.missed - this.#missed
    this.#missed = this.#audit.missed
    if (missed > 0) {
      const text = `Workers had forgotten ${missed} messages before they were asked what they obeyed`
      found.push(violation('ordersUnseen', text))
    }
    return found
  }
}
