import { errorParts, FiresteelError, isFiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import type { Log } from '../observe/log.js'
import { OneAtATime } from '../one-at-a-time.js'
import { pause } from '../pause.js'
import { untilEnded } from '../until-ended.js'
import type { CodeCache } from './code-cache.js'
import type { CodeDraft } from './code-draft.js'
import type { CodeReceiver } from './code-receiver.js'
import { isCodeId, type Manifest } from './manifest.js'
import { checkNative } from './native-modules.js'

/** An open way to somebody who has code. */
export interface OpenSource {
  readonly receiver: CodeReceiver
  /** Tells it that the code is whole here, or why not, and closes the link if it is ours. */
  done(id: string, failure?: FiresteelError): void
}

/** Somebody who may have the code. */
export interface CodeSource {
  /** For people: where it is. */
  readonly name: string
  open(signal: AbortSignal): Promise<OpenSource>
}

export interface CodeNeed {
  /** Undefined: the first source says what the code is. */
  readonly id: string | undefined
  readonly sources: readonly CodeSource[]
  /** Makes a source of an address that another source named. */
  readonly sourceAt?: ((address: string) => CodeSource) | undefined
  /** Where the code lies on its first machine. Files with the same content there are not sent. */
  readonly root: string | undefined
  readonly signal: AbortSignal
}

export interface MadeCode {
  readonly id: string
  /** The folder of its files here. */
  readonly folder: string
  /** The folder of the code where it comes from. */
  readonly root: string | undefined
}

export interface CodeMakerOptions {
  readonly cache: CodeCache
  /** Name of this machine, for people. */
  readonly host: string
  readonly log: Log
}

/** Each source is tried so often: a link that was cut is dialled again, and what came stays. */
const ROUNDS = innerLimits.codeRounds
/** Folders that a new code is compared with. */
const COMPARED = innerLimits.codeCompared

/** What another source would not mend. */
const final: ReadonlySet<string> = new Set([
  'FIRESTEEL_CODE_NATIVE',
  'FIRESTEEL_CODE_TOO_LARGE',
  'FIRESTEEL_CODE_UNREADABLE',
  'FIRESTEEL_CODE_MODULE_MISSING',
  'FIRESTEEL_DISK_FULL',
  'FIRESTEEL_FILE_DENIED',
])

/** Brings code into the cache, each at most once at a time. */
export class CodeMaker {
  readonly #options: CodeMakerOptions
  readonly #making = new Map<string, Promise<void>>()
  /**
   * Begins the folders of new codes. The thread for files copies each manifest, so what waits for it waits
   * here, and leaves with the link that brought it.
   */
  readonly #beginnings = new OneAtATime()

  constructor(options: CodeMakerOptions) {
    this.#options = options
  }

  /** True: this code is on its way. */
  isMaking(id: string): boolean {
    return this.#making.has(id)
  }

  /** Rejects with CODE_MISSING and the reasons of all sources, or with an error that no source can mend. */
  async make(need: CodeNeed): Promise<MadeCode> {
    const { cache } = this.#options
    if (need.id !== undefined && !isCodeId(need.id))
      throw new FiresteelError('CODE_INVALID', 'The id of a code is none.')
    if (need.id !== undefined && (await cache.has(need.id))) return this.#made(need.id, need.root)
    const attempt = new Attempt(this.#options, this.#making, this.#beginnings, need)
    const { id, root } = await attempt.run()
    return this.#made(id, root)
  }

  #made(id: string, root: string | undefined): MadeCode {
    return { id, folder: this.#options.cache.filesOf(id), root }
  }
}

/** One need, over all its sources. */
class Attempt {
  readonly #options: CodeMakerOptions
  readonly #making: Map<string, Promise<void>>
  readonly #beginnings: OneAtATime
  readonly #need: CodeNeed
  readonly #sources: CodeSource[]
  readonly #known: Set<string>
  readonly #reasons = new Map<string, string>()
  #last: FiresteelError | undefined
  #root: string | undefined
  #draft: CodeDraft | undefined
  readonly #startedMs = performance.now()
  /** What came over links. */
  #received = { files: 0, bytes: 0 }
  #settle: ((error?: FiresteelError) => void) | undefined

  constructor(
    options: CodeMakerOptions,
    making: Map<string, Promise<void>>,
    beginnings: OneAtATime,
    need: CodeNeed,
  ) {
    this.#options = options
    this.#making = making
    this.#beginnings = beginnings
    this.#need = need
    this.#sources = [...need.sources]
    this.#known = new Set(need.sources.map(({ name }) => name))
    this.#root = need.root
  }

  async run(): Promise<{ id: string; root: string | undefined }> {
    try {
      for (let round = 0; round < ROUNDS; round++) {
        // A driver may not know yet that it is registered, and a Worker may be starting.
        if (round > 0) await pause(innerLimits.codeRetryMs * 4 ** (round - 1), this.#need.signal)
        // A source may name others, which are tried in the same round.
        for (let at = 0; at < this.#sources.length; at++) {
          const id = await this.#from(this.#sources[at] as CodeSource)
          if (id !== undefined) return { id, root: this.#root }
        }
      }
      throw this.#missing()
    } catch (error) {
      const failure = isFiresteelError(error) ? error : new FiresteelError('INTERNAL', reasonOf(error))
      this.#leave(failure)
      await this.#draft?.abandon().catch(() => undefined)
      throw failure
    }
  }

  /** The id if the code is whole now. Throws what no other source can mend. */
  async #from(source: CodeSource): Promise<string | undefined> {
    const { signal, id: wanted } = this.#need
    signal.throwIfAborted()
    let open: OpenSource | undefined
    let id = wanted ?? ''
    try {
      open = await source.open(signal)
      // Others bring it perhaps, and one manifest of a code is enough to hold.
      if (wanted !== undefined && (await this.#comes(wanted))) {
        open.done(wanted)
        return wanted
      }
      const { manifest, root, holders } = await open.receiver.manifest(this.#draft?.manifest.id ?? wanted)
      id = manifest.id
      this.#received.bytes += manifest.text.length
      if (this.#need.id === undefined) this.#root ??= root
      this.#alsoFrom(holders)
      if (await this.#comes(id)) {
        open.done(id)
        return id
      }
      const draft = this.#draft ?? (await this.#begin(manifest))
      await this.#receive(draft, open)
      if (draft.lacking.length > 0)
        throw open.receiver.refusal ?? new FiresteelError('CODE_MISSING', 'it lacks files')
      await this.#options.cache.finish(draft)
      this.#draft = undefined
      this.#tellMade(draft)
      this.#leave()
      open.done(id)
      return id
    } catch (error) {
      this.#failed(source, id, open, error)
      return undefined
    }
  }

  async #receive(draft: CodeDraft, { receiver }: OpenSource): Promise<void> {
    const wanted = draft.lacking
    if (wanted.length === 0) return
    try {
      await receiver.files(draft, wanted)
    } finally {
      const left = new Set(draft.lacking)
      for (const place of wanted) {
        if (left.has(place)) continue
        this.#received.files++
        this.#received.bytes += draft.manifest.files[place]?.bytes ?? 0
      }
    }
  }

  #tellMade({ manifest }: CodeDraft): void {
    const { files, bytes } = this.#received
    this.#options.log.info('code came', {
      id: manifest.id,
      files: manifest.files.length,
      bytes: manifest.bytes,
      receivedFiles: files,
      receivedBytes: bytes,
      ms: Math.round(performance.now() - this.#startedMs),
    })
  }

  #failed(source: CodeSource, id: string, open: OpenSource | undefined, error: unknown): void {
    const failure = isFiresteelError(error) ? error : new FiresteelError('INTERNAL', reasonOf(error))
    open?.done(id, failure)
    // Nothing of it is here, so whoever waits for it may ask their own source.
    if (this.#draft === undefined) this.#leave(failure)
    this.#need.signal.throwIfAborted()
    if (final.has(failure.code)) throw failure
    this.#last = failure
    this.#reasons.set(source.name, reasonOf(failure))
    this.#options.log.debug('code did not come from a source', {
      source: source.name,
      ...errorParts(failure),
    })
  }

  /**
   * True: it is here, perhaps because another need has brought it meanwhile. False: it is this one's to
   * bring, and others wait for it.
   */
  async #comes(id: string): Promise<boolean> {
    while (this.#settle === undefined) {
      // If the other one fails, this one tries by itself.
      await untilEnded(this.#making.get(id), this.#need.signal)
      if (await this.#options.cache.has(id)) return true
      if (!this.#making.has(id)) this.#reserve(id)
    }
    return false
  }

  /** Another one may make this code now, unless it is here. */
  #leave(failure?: FiresteelError): void {
    this.#settle?.(failure)
    this.#settle = undefined
  }

  #reserve(id: string): void {
    const made = new Promise<void>((resolve, reject) => {
      this.#settle = (error) => {
        this.#making.delete(id)
        if (error) reject(error)
        else resolve()
      }
    })
    made.catch(() => undefined)
    this.#making.set(id, made)
  }

  async #begin(manifest: Manifest): Promise<CodeDraft> {
    const { cache, host } = this.#options
    checkNative(manifest, host)
    return this.#beginnings.run(this.#need.signal, async () => {
      const draft = await cache.begin(manifest)
      this.#draft = draft
      await draft.fill(cache.recent(COMPARED), this.#root)
      return draft
    })
  }

  #alsoFrom(addresses: readonly string[]): void {
    const { sourceAt } = this.#need
    if (!sourceAt) return
    for (const address of addresses) {
      const source = sourceAt(address)
      if (this.#known.has(source.name)) continue
      this.#known.add(source.name)
      this.#sources.push(source)
    }
  }

  #missing(): FiresteelError {
    // What a source itself says of the code tells more than that nobody has it.
    if (this.#last?.code === 'FIRESTEEL_CODE_CHANGED' || this.#last?.code === 'FIRESTEEL_CODE_INVALID')
      return this.#last
    const reasons = [...this.#reasons]
      .map(([name, reason]) => `${name}: ${reason.replace(/\.$/, '')}`)
      .join('; ')
    const message = `The code ${this.#need.id ?? 'of its driver'} did not come to ${this.#options.host}: ${reasons || 'nobody was named who has it'}.`
    return new FiresteelError('CODE_MISSING', message, { place: this.#need.root ?? '' })
  }
}
