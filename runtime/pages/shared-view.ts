import { setImmediate as nextTurn } from 'node:timers/promises'
import { inSlices } from '../http/in-slices.js'
import { pageAgeMs } from '../http/json-page.js'
import { limits } from '../limits.js'

/**
 * What all readers see for a moment: a view of the node, and all that is made from it. It is taken anew at
 * most once in `pageFreshMs`, and less often if it is costly, so that many readers cost as little as one.
 */
export class SharedView<V> {
  readonly #take: () => V
  readonly #nowMs: () => number
  #view: V | undefined
  #made = new Map<string, Promise<unknown>>()
  #takenAtMs = Number.NEGATIVE_INFINITY
  #costMs = 0

  constructor(take: () => V, nowMs: () => number = () => performance.now()) {
    this.#take = take
    this.#nowMs = nowMs
  }

  /** Throws as `take` does. */
  get view(): V {
    const nowMs = this.#nowMs()
    const ageMs = Math.max(limits.pageFreshMs, pageAgeMs(this.#costMs))
    if (this.#view !== undefined && nowMs - this.#takenAtMs < ageMs) return this.#view
    return this.#takeAnew(nowMs)
  }

  /**
   * Takes a new view even if the old one was costly: what a reader misses in it may have come since. It still
   * takes one at most once in `pageFreshMs`. False: the view stays, because it is that young.
   */
  renew(): boolean {
    const nowMs = this.#nowMs()
    if (nowMs - this.#takenAtMs < limits.pageFreshMs) return false
    this.#takeAnew(nowMs)
    return true
  }

  #takeAnew(nowMs: number): V {
    const view = this.#take()
    this.#view = view
    this.#made = new Map()
    this.#takenAtMs = nowMs
    this.#costMs = this.#nowMs() - nowMs
    return view
  }

  /**
   * What `make` makes of the present view, once for all who ask under this key. A view that is taken for it
   * has a turn of the event loop for itself, and the making has as many as it needs.
   */
  async made<T>(key: string, make: (view: V) => Generator<void, T, undefined>): Promise<T> {
    const before = this.#view
    const { view } = this
    const made = this.#made
    if (view !== before) await nextTurn()
    const known = made.get(key)
    if (known !== undefined) return known as Promise<T>
    const making = inSlices(make(view), this.#nowMs).then(({ result, costMs }) => {
      this.#costMs += costMs
      return result
    })
    if (made.size < limits.pageTexts) made.set(key, making)
    return making
  }
}
