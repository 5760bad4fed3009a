import { limits } from '../../runtime/limits.js'
import type { CodeHeld } from '../messages/code.js'
import type { CodePlace } from '../messages/common.js'

/** The codes of this Worker, and how a leader is told of them (protocol 20). Pure. */
export class HeldCodes {
  readonly #workerId: string
  /** Undefined: this Worker keeps no code. */
  readonly #keeps: { readonly place: CodePlace | undefined } | undefined
  #codes: readonly string[] = []

  constructor(workerId: string, keeps: { readonly place: CodePlace | undefined } | undefined) {
    this.#workerId = workerId
    this.#keeps = keeps
  }

  /** These are here now. Returns what to tell a leader that knows the former ones. */
  changed(codes: readonly string[]): CodeHeld[] {
    const now = new Set(codes)
    const known = new Set(this.#codes)
    this.#codes = codes
    // What has gone is told by all that is left.
    if (![...known].every((id) => now.has(id))) return this.all()
    const fresh = codes.filter((id) => !known.has(id))
    return fresh.length > 0 ? this.#pages(false, fresh) : []
  }

  /** For a leader that knows nothing of it. */
  all(): CodeHeld[] {
    return this.#pages(true, this.#codes)
  }

  #pages(begins: boolean, codes: readonly string[]): CodeHeld[] {
    if (!this.#keeps) return []
    const { place } = this.#keeps
    const most = limits.codesPerMessage
    const pages: CodeHeld[] = []
    for (let at = 0; at === 0 || at < codes.length; at += most) {
      const more = at + most < codes.length
      pages.push({
        type: 'CodeHeld',
        workerId: this.#workerId,
        begins: begins && at === 0,
        // Without `begins`, only this tells the last page of all from news.
        ...((more || (begins && at > 0)) && { more }),
        codes: codes.slice(at, at + most),
        ...(place && { place }),
      })
    }
    return pages
  }
}
