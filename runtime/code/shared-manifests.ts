import { FiresteelError } from '../errors.js'
import { HeldBytes, type Holder } from '../transport/held-bytes.js'
import type { Manifest } from './manifest.js'

/** A manifest that somebody uses until they give it back. */
export interface LentManifest {
  readonly manifest: Promise<Manifest>
  /** It may be called more than once. */
  giveBack(): void
}

/**
 * Manifests of codes that are here, for all who want them: each is read once while somebody uses it, and one
 * of them at a time. Above the budget, the users of the one that has been in use for longest are told to end.
 */
export class SharedManifests {
  readonly #read: (id: string) => Promise<Manifest>
  readonly #held: HeldBytes
  readonly #shared = new Map<string, Shared>()
  /** Resolves when no manifest is being read. */
  #reading: Promise<unknown> = Promise.resolve()

  constructor(read: (id: string) => Promise<Manifest>, mostBytes: number) {
    this.#read = read
    this.#held = new HeldBytes(mostBytes, 'manifests that are given to others')
  }

  /** For tests and metrics. */
  get bytes(): number {
    return this.#held.bytes
  }

  /** `cut` is called when its bytes are needed for others. */
  lend(id: string, cut: (detail: string) => void): LentManifest {
    const shared = this.#shared.get(id) ?? this.#begin(id)
    const user = { cut }
    shared.users.add(user)
    return {
      manifest: shared.manifest,
      giveBack: () => {
        if (!shared.users.delete(user) || shared.users.size > 0) return
        this.#held.holds(shared, 0)
        this.#forget(id, shared)
      },
    }
  }

  #begin(id: string): Shared {
    const shared: Shared = new Shared(this.#reading.then(() => this.#readFor(id, shared)))
    this.#shared.set(id, shared)
    // What it resolves with stays until the next one is read, so that is not the manifest.
    this.#reading = shared.manifest.then(
      () => undefined,
      () => this.#forget(id, shared),
    )
    return shared
  }

  async #readFor(id: string, shared: Shared): Promise<Manifest> {
    if (shared.users.size === 0) throw new FiresteelError('CODE_MISSING', 'Nobody wants it any more.')
    const manifest = await this.#read(id)
    if (shared.users.size > 0) this.#held.holds(shared, manifest.text.length)
    return manifest
  }

  #forget(id: string, shared: Shared): void {
    if (this.#shared.get(id) === shared) this.#shared.delete(id)
  }
}

/** One manifest, and those who use it. */
class Shared implements Holder {
  readonly manifest: Promise<Manifest>
  readonly users = new Set<{ readonly cut: (detail: string) => void }>()

  constructor(manifest: Promise<Manifest>) {
    this.manifest = manifest
  }

  cut(detail: string): void {
    for (const { cut } of [...this.users]) cut(detail)
  }
}
