import type { CommitRequest, ElectRequest, Fence } from '../../runtime/persistence/engine.js'
import { type FormatRange, formatOfEmpty } from '../../runtime/persistence/store-format.js'
import { describeRange, isWithin } from '../../runtime/version-range.js'
import type { StoreModel } from './store-model.js'
import type { Fail } from './violation.js'

/** What a process of a Master knows of formats. */
export interface KnownFormats {
  /** Those of its release. */
  readonly formats: FormatRange
  /** That of the store, as it has read or written it last, and could lead it. */
  stored: number | undefined
}

/**
 * Protocol 13.1: who is elected can go on writing the format of the store, which nobody lowers. It is raised
 * only to what each Master knows that its leader is linked to, and whoever hears that it is raised finds it
 * so.
 */
export class FormatWatch {
  readonly #model: StoreModel
  readonly #fail: Fail
  /** By incarnation. */
  readonly #known = new Map<string, KnownFormats>()
  /** That the store must have, by its answers. */
  #stored: number | undefined
  /** The highest that it ever had. */
  #highest = 0
  #falls = 0
  /** Falls of the store before the leader decided to say this. */
  readonly #fallsBefore = new WeakMap<object, number>()
  /** How often the store was raised. */
  raises = 0

  constructor(model: StoreModel, fail: Fail) {
    this.#model = model
    this.#fail = fail
  }

  /** A process of a Master has this incarnation now. */
  began(incarnation: string, known: KnownFormats): void {
    this.#known.set(incarnation, known)
  }

  /** A candidate asks to be elected. */
  asks({ me, seen, observedEpoch, format }: ElectRequest, { formats, stored }: KnownFormats): void {
    if (!isWithin(formats, format))
      this.#fail('format', `${me} asks to lead with format ${format}, and knows ${describeRange(formats)}`)
    if (seen) return
    const right = formatOfEmpty(formats, { before: stored, isLost: observedEpoch > 0 })
    if (format !== right)
      this.#fail('format', `${me} asks to lead an empty store with format ${format}, not ${right}`)
  }

  elected(owner: string): void {
    const stored = this.#model.leader()?.format
    const formats = this.#known.get(owner)?.formats
    if (formats && stored !== undefined && !isWithin(formats, stored))
      this.#fail(
        'format',
        `${owner} is elected, knows ${describeRange(formats)}, and the store has ${stored}`,
      )
    if (this.#stored !== undefined && stored !== this.#stored)
      this.#fail('format', `the election of ${owner} made format ${stored} of ${this.#stored}`)
    this.#holds(stored)
  }

  committed({ owner }: Fence, { format }: CommitRequest): void {
    const stored = this.#model.leader()?.format
    if (stored !== (format ?? this.#stored))
      this.#fail('format', `a commit of ${owner} made format ${stored} of ${this.#stored}`)
    if (format === undefined) return
    if (this.#stored !== undefined && format < this.#stored)
      this.#fail('format', `${owner} lowered the format from ${this.#stored} to ${format}`)
    this.#holds(stored)
    this.raises++
  }

  storeFell(): void {
    this.#falls++
    this.#stored = this.#model.leader()?.format
  }

  /** A leader begins, as its core is told. */
  begins(owner: string, format: number): void {
    const at = this.#model.leader()
    if (at?.owner === owner && at.format !== format)
      this.#fail('format', `${owner} begins with format ${format}, and the store has ${at.format}`)
  }

  /** Its core decides to raise the store, while it is linked to these Masters. */
  raising(owner: string, linked: readonly string[], format: number, atLeast: number): void {
    for (const one of [owner, ...linked]) {
      const formats = this.#known.get(one)?.formats
      if (formats && !isWithin(formats, format))
        this.#fail('format', `${owner} raises to ${format}, and ${one} knows ${describeRange(formats)}`)
    }
    if (1 + linked.length < atLeast)
      this.#fail('format', `${owner} raises to ${format} with ${1 + linked.length} of ${atLeast} Masters`)
  }

  /** A core has decided to give this answer. */
  answers(response: object): void {
    this.#fallsBefore.set(response, this.#falls)
  }

  /** The answer leaves. */
  told(owner: string, response: { readonly is: number }): void {
    const { format = 0 } = this.#model.leader() ?? {}
    if (this.#fallsBefore.get(response) === this.#falls && format < response.is)
      this.#fail('format', `${owner} says that the store has format ${response.is}, and it has ${format}`)
  }

  /** True: the store has had a format that this release does not know. */
  isTooOld({ max }: FormatRange): boolean {
    return this.#highest > max
  }

  #holds(stored: number | undefined): void {
    this.#stored = stored
    this.#highest = Math.max(this.#highest, stored ?? 0)
  }
}
