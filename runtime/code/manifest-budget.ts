/** A manifest that a peer brings. */
export interface BroughtManifest {
  /** Bytes of it that have come. */
  readonly broughtBytes: number
  /** It has been coming for longer than one that others may wait for. */
  readonly isLate: boolean
  /** Ends the link that brings it, because its bytes are needed for others. */
  cut(detail: string): void
}

/** What one peer makes this process hold. */
interface Held {
  coming: number
  whole: number
}

/**
 * Bounds the memory of manifests that peers bring. It counts what has come, and not what was announced. Over
 * the budget, one that is not whole is ended: the oldest of those that are late, or else the one that has
 * brought least. One that is whole stays, because its code is being made, which would have to begin anew.
 */
export class ManifestBudget {
  readonly #mostBytes: number
  /** In the order in which they began to come. */
  readonly #held = new Map<BroughtManifest, Held>()
  #bytes = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** What has come of it takes so many bytes of memory. It may be cut before this returns. */
  comes(manifest: BroughtManifest, bytes: number): void {
    const held = this.#held.get(manifest) ?? { coming: 0, whole: 0 }
    this.#held.set(manifest, held)
    this.#bytes += bytes - held.coming
    held.coming = bytes
    while (this.#bytes > this.#mostBytes) {
      const victim = this.#victim() ?? manifest
      this.release(victim)
      victim.cut(`manifests that peers bring have all of their ${this.#mostBytes} bytes`)
    }
  }

  /** All of it has come. A peer that brings another one has given up the one before. */
  isWhole(manifest: BroughtManifest): void {
    const held = this.#held.get(manifest)
    if (held === undefined) return
    this.#bytes -= held.whole
    held.whole = held.coming
    held.coming = 0
  }

  /** It is not used any more. */
  release(manifest: BroughtManifest): void {
    const held = this.#held.get(manifest)
    if (held === undefined) return
    this.#held.delete(manifest)
    this.#bytes -= held.coming + held.whole
  }

  #victim(): BroughtManifest | undefined {
    let least: BroughtManifest | undefined
    for (const [manifest, { whole }] of this.#held) {
      if (whole > 0) continue
      if (manifest.isLate) return manifest
      // Of several, the newest.
      if (least === undefined || manifest.broughtBytes <= least.broughtBytes) least = manifest
    }
    return least
  }
}
