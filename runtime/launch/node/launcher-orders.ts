import type { LauncherOrderChanged, OrderLauncher } from '../../../actors/messages/launchers.js'
import { innerLimits } from '../../inner-limits.js'
import type { ErrorRecord } from './node-spec.js'

export type OrderStanding = Omit<LauncherOrderChanged, 'type' | 'launcher'>

/**
 * The newest orders of a launcher and how each stands. The same order may come again and again, from one
 * leader after another: it is begun once, and each time answered with how it stands.
 */
export class LauncherOrders {
  readonly #standings = new Map<string, OrderStanding>()

  /** True: it is new, and its caller begins it. */
  take({ id }: OrderLauncher): boolean {
    if (this.#standings.has(id)) return false
    this.#standings.set(id, { id, state: 'RUNNING', message: '' })
    this.#forgetOld()
    return true
  }

  standing(id: string): OrderStanding | undefined {
    return this.#standings.get(id)
  }

  says(id: string, message: string): void {
    const standing = this.#standings.get(id)
    if (standing?.state === 'RUNNING') this.#standings.set(id, { ...standing, message })
  }

  done(id: string, result: string | undefined): void {
    if (result !== undefined && result.length > innerLimits.orderResultChars)
      this.failed(id, { code: 'FIRESTEEL_MESSAGE_TOO_LARGE', message: 'The answer is too long.', help: '' })
    else {
      this.#standings.set(id, { id, state: 'DONE', message: '', ...(result !== undefined && { result }) })
      this.#forgetOldResults()
    }
  }

  failed(id: string, { code, message }: ErrorRecord): void {
    const text = message.slice(0, innerLimits.orderMessageChars)
    this.#standings.set(id, { id, state: 'FAILED', message: text, code })
  }

  /** An order with a result only asks for something, so it may be carried out again. */
  #forgetOldResults(): void {
    const withResult = [...this.#standings.values()].filter(({ result }) => result !== undefined)
    for (const { id } of withResult.slice(0, -innerLimits.orderResults)) this.#standings.delete(id)
  }

  /** What still runs is not forgotten. */
  #forgetOld(): void {
    for (const [id, { state }] of this.#standings) {
      if (this.#standings.size <= innerLimits.launcherOrders) return
      if (state !== 'RUNNING') this.#standings.delete(id)
    }
  }
}
