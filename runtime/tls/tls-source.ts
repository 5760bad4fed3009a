import { constants, type X509Certificate } from 'node:crypto'
import { readFileSync, type Stats, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { type Clock, systemClock } from '../clock.js'
import { FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import {
  examineTls,
  type TlsField,
  type TlsFiles,
  type TlsMaterial,
  type TlsProblem,
  type TlsTexts,
  type TlsUse,
  whyNotTrusted,
} from './material.js'

export const reloadResults = ['changed', 'refused'] as const
export type ReloadResult = (typeof reloadResults)[number]

export interface TlsSourceOptions {
  readonly files: TlsFiles
  readonly use: TlsUse
  /** Used while `files.ca` cannot be read, by a process that may not look into the folder of its node. */
  readonly caText?: string | undefined
  /** True: the files are looked at even while nothing is linked. */
  readonly isWatched?: boolean
  /** Default: `limits.tlsLookMs`. */
  readonly lookMs?: number
  readonly clock?: Pick<Clock, 'wallMs'>
}

/** A connection that a certificate opened. */
interface Guarded {
  readonly chain: readonly X509Certificate[]
  readonly close: (reason: string) => void
}

/** Which files there are, and which content they had: it changes whenever one of them does. */
type Seen = string

/**
 * The certificates of one process, as files that may be replaced at any time. New ones are checked as a whole
 * before they are used; if they do not fit, the old ones stay. The connections that they opened are known
 * here, and those that would not be opened any more are ended.
 */
export class TlsSource {
  readonly files: TlsFiles
  readonly #options: TlsSourceOptions
  readonly #clock: Pick<Clock, 'wallMs'>
  readonly #guarded = new Set<Guarded>()
  readonly #changeListeners: (() => void)[] = []
  readonly #reloadListeners: ((result: ReloadResult, detail: string) => void)[] = []
  #material: TlsMaterial
  #context: SecureContext | undefined
  #seen: Seen
  /** What a look found that differs from what was read; it is read when the next look finds the same. */
  #differs: Seen | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()

  /** Reads the files. Throws CERTIFICATE_INVALID with everything that is wrong. */
  constructor(options: TlsSourceOptions) {
    this.files = options.files
    this.#options = options
    this.#clock = options.clock ?? systemClock
    // Before they are read: what comes later is found by the first look.
    this.#seen = seenOf(paths(options.files).map((path) => (path === undefined ? undefined : statNow(path))))
    this.#material = this.#examined(readTexts(options.files, options.caText))
    if (options.isWatched) this.#watch()
  }

  get material(): TlsMaterial {
    return this.#material
  }

  /** Certificates, revocation lists and what else TLS needs, of one side. */
  get contextOptions(): SecureContextOptions {
    const { texts, crls } = this.#material
    const { ca, cert, key } = texts
    return {
      ca,
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(crls.length > 0 && { crl: [...crls] }),
      ...protocolOptions,
    }
  }

  /** Of a side that dials. It is made once, because reading certificates takes longer than a handshake. */
  get context(): SecureContext {
    this.#context ??= createSecureContext(this.contextOptions)
    return this.#context
  }

  /** Called after each change of what is used. */
  onChange(listener: () => void): () => void {
    this.#changeListeners.push(listener)
    return () => {
      const at = this.#changeListeners.indexOf(listener)
      if (at >= 0) this.#changeListeners.splice(at, 1)
    }
  }

  /** Called after each attempt to use other files. */
  onReload(listener: (result: ReloadResult, detail: string) => void): void {
    this.#reloadListeners.push(listener)
  }

  /** Ends the connection when its certificates count no more. Returns what ends this watch. */
  guard(chain: readonly X509Certificate[], close: (reason: string) => void): () => void {
    const guarded = { chain, close }
    this.#guarded.add(guarded)
    this.#watch()
    return () => {
      this.#guarded.delete(guarded)
      if (this.#guarded.size > 0 || this.#options.isWatched) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  /** Reads the files again, whether or not they look different. */
  reload(): Promise<void> {
    return this.#inTurn(async () => this.#use(await this.#look()))
  }

  /** Before a dial: nobody looks at the files of a process that has no connection. */
  async fresh(): Promise<void> {
    if (this.#timer !== undefined) return
    await this.#inTurn(async () => {
      const seen = await this.#look()
      if (seen !== this.#seen) await this.#use(seen)
    })
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #watch(): void {
    this.#timer ??= setInterval(
      () => void this.#inTurn(() => this.#regular()),
      this.#options.lookMs ?? limits.tlsLookMs,
    ).unref()
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#looking = this.#looking.then(work).catch(() => undefined)
    return this.#looking
  }

  /** Files that are replaced one after the other are read when two looks have found the same. */
  async #regular(): Promise<void> {
    const seen = await this.#look()
    if (seen === this.#seen) this.#differs = undefined
    else if (seen === this.#differs) await this.#use(seen)
    else this.#differs = seen
    this.#endDistrusted()
  }

  async #look(): Promise<Seen> {
    const of = async (path: string | undefined): Promise<FileLook | undefined> =>
      path === undefined ? undefined : stat(path).catch(() => undefined)
    return seenOf(await Promise.all(paths(this.files).map(of)))
  }

  async #use(seen: Seen): Promise<void> {
    this.#seen = seen
    this.#differs = undefined
    let material: TlsMaterial
    try {
      material = this.#examined(await readTextsLater(this.files, this.#options.caText))
    } catch (error) {
      for (const listener of this.#reloadListeners) listener('refused', reasonOf(error))
      return
    }
    this.#material = material
    this.#context = undefined
    for (const listener of [...this.#changeListeners]) listener()
    for (const listener of this.#reloadListeners) listener('changed', '')
    this.#endDistrusted()
  }

  #endDistrusted(): void {
    const nowMs = this.#clock.wallMs()
    for (const guarded of [...this.#guarded]) {
      const reason = whyNotTrusted(guarded.chain, this.#material, nowMs)
      if (reason === undefined) continue
      this.#guarded.delete(guarded)
      guarded.close(`the certificate of the other side ${reason}`)
    }
  }

  #examined(texts: TlsTexts): TlsMaterial {
    const found = examineTls(texts, this.#options.use, this.#clock.wallMs())
    if (found.problems) throw tlsInvalid(found.problems, this.files)
    return found.material
  }
}

type FileLook = Pick<Stats, 'mtimeMs' | 'size' | 'ino'>

const paths = ({ ca, cert, key, crl }: TlsFiles) => [ca, cert, key, crl]

function statNow(path: string): FileLook | undefined {
  try {
    return statSync(path)
  } catch {
    // Its reader says why.
    return undefined
  }
}

const seenOf = (looks: readonly (FileLook | undefined)[]): Seen =>
  looks.map((look) => (look ? `${look.mtimeMs}/${look.size}/${look.ino}` : '-')).join(' ')

/**
 * TLS 1.3 alone. No session is resumed: a client that resumes is not asked for its certificate again, so one
 * whose CA is gone would still get in.
 */
export const protocolOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const satisfies SecureContextOptions

export const problemText = ({ field, rule }: TlsProblem, files: TlsFiles): string =>
  `${field} (${files[field]}) ${rule}`

function tlsInvalid(problems: readonly TlsProblem[], files: TlsFiles): FiresteelError {
  const text = problems.map((problem) => problemText(problem, files)).join('; ')
  const [first] = problems
  return new FiresteelError('CERTIFICATE_INVALID', `TLS: ${text}.`, {
    ...(first && { place: files[first.field] ?? first.field }),
  })
}

const fields: readonly TlsField[] = ['ca', 'cert', 'key', 'crl']

const unreadable = (field: TlsField, files: TlsFiles, cause: unknown): FiresteelError =>
  new FiresteelError('CERTIFICATE_INVALID', `TLS: ${field} cannot be read: ${reasonOf(cause)}.`, {
    place: files[field] ?? field,
    cause,
  })

/** Nothing stands in for a file that cannot be read. */
const NOTHING = Symbol('nothing')

/**
 * What stands in for a file that a process may not read because it is another user than its node: the text of
 * the CA at its start, and no revocation list.
 */
function insteadOf(field: TlsField, caText: string | undefined): string | undefined | typeof NOTHING {
  if (caText === undefined) return NOTHING
  if (field === 'ca') return caText
  return field === 'crl' ? undefined : NOTHING
}

function readTexts(files: TlsFiles, caText: string | undefined): TlsTexts {
  return textsOf(
    fields.map((field) => {
      const path = files[field]
      if (path === undefined) return undefined
      try {
        return readFileSync(path, 'utf8')
      } catch (cause) {
        const text = insteadOf(field, caText)
        if (text === NOTHING) throw unreadable(field, files, cause)
        return text
      }
    }),
  )
}

async function readTextsLater(files: TlsFiles, caText: string | undefined): Promise<TlsTexts> {
  return textsOf(
    await Promise.all(
      fields.map(async (field) => {
        const path = files[field]
        if (path === undefined) return undefined
        return readFile(path, 'utf8').catch((cause) => {
          const text = insteadOf(field, caText)
          if (text === NOTHING) throw unreadable(field, files, cause)
          return text
        })
      }),
    ),
  )
}

const textsOf = ([ca = '', cert, key, crl]: readonly (string | undefined)[]): TlsTexts => ({
  ca,
  cert,
  key,
  crl,
})

/** The certificates of a peer, its own first, as its handshake gave them. */
export function chainOf(first: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = []
  for (let next = first; next && chain.length < innerLimits.certificateChain; next = next.issuerCertificate) {
    if (chain.some(({ fingerprint256 }) => fingerprint256 === next?.fingerprint256)) break
    chain.push(next)
  }
  return chain
}

/** What is wrong with these files, one by one. Nothing is thrown. */
export async function tlsProblems(files: TlsFiles, use: TlsUse, nowMs: number): Promise<TlsProblem[]> {
  const problems: TlsProblem[] = []
  const texts = await Promise.all(
    fields.map(async (field) => {
      const path = files[field]
      if (path === undefined) return undefined
      try {
        return await readFile(path, 'utf8')
      } catch (error) {
        problems.push({ field, rule: `cannot be read: ${reasonOf(error)}` })
        return undefined
      }
    }),
  )
  if (problems.length > 0) return problems
  return [...(examineTls(textsOf(texts), use, nowMs).problems ?? [])]
}
