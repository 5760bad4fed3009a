import { createHmac, timingSafeEqual } from 'node:crypto'
import { limits } from '../limits.js'

/*
 * Who may see and change something. A session is a text that is signed with a key of the cluster, so every
 * Master and every Worker believes it, and none has to keep it. A ticket is signed too. It opens one session
 * on one node, once.
 */

export interface Session {
  /** The signed text, as the browser keeps it. */
  readonly token: string
  readonly endsAtMs: number
}

export interface SessionsOptions {
  /** `derivePageKey` of the cluster's secret. */
  readonly key: Buffer
  readonly cluster: string
  /** Where this node's pages are, such as `http://10.0.0.1:8080`. */
  readonly origin: string
  readonly wallMs: () => number
  /** A text that cannot be guessed. */
  readonly newId: () => string
}

/** Why a ticket opens no session. */
export type TicketRefusal = 'forged' | 'elsewhere' | 'late' | 'used' | 'full'

type Fields = readonly (string | number)[]

/**
 * The sessions of one node. Pure but for its options: it remembers only which tickets were used, until they
 * would be too late anyway.
 */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #startedAtMs: number
  /** Ids of used tickets, with the time after which they are late, oldest first. */
  readonly #used = new Map<string, number>()

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#startedAtMs = options.wallMs()
  }

  /** Cookies ignore ports, so clusters on one host need names of their own. */
  get cookieName(): string {
    return `firesteel-${this.#options.cluster}`
  }

  /**
   * A text that opens a session at `origin` once. `endsAtMs` is when that session ends; absent: after
   * `pageSessionMs`. So a session that goes on at another node does not last longer.
   */
  ticket(origin: string, endsAtMs?: number): string {
    const { wallMs, newId } = this.#options
    const nowMs = wallMs()
    return this.#sign(['ticket', newId(), origin, nowMs, endsAtMs ?? nowMs + limits.pageSessionMs])
  }

  /** A ticket for this node, for somebody who has proved the key of commands. */
  ownTicket(): { readonly token: string; readonly lateAtMs: number } {
    const { origin, wallMs } = this.#options
    return { token: this.ticket(origin), lateAtMs: wallMs() + limits.pageTicketMs }
  }

  /** The session that a ticket opens, or why it opens none. */
  redeem(ticket: string): Session | TicketRefusal {
    const fields = this.#read(ticket)
    if (fields?.length !== 5 || fields[0] !== 'ticket') return 'forged'
    const [, id, origin, madeAtMs, endsAtMs] = fields as [string, string, string, number, number]
    const nowMs = this.#options.wallMs()
    if (origin !== this.#options.origin) return 'elsewhere'
    // A node forgets used tickets with its process, so it takes none that is older than that.
    const isLate = Math.abs(nowMs - madeAtMs) > limits.pageTicketMs || madeAtMs < this.#startedAtMs
    if (isLate || endsAtMs <= nowMs) return 'late'
    this.#forgetLate(nowMs)
    if (this.#used.has(id)) return 'used'
    if (this.#used.size >= limits.pageTickets) return 'full'
    this.#used.set(id, madeAtMs + limits.pageTicketMs)
    return this.#session(endsAtMs)
  }

  /** The session of a request; undefined: it has none, or it has ended. */
  of(cookies: string | undefined): Session | undefined {
    const name = this.cookieName
    for (const pair of (cookies ?? '').split(';')) {
      const at = pair.indexOf('=')
      if (at < 0 || pair.slice(0, at).trim() !== name) continue
      const session = this.#valid(pair.slice(at + 1).trim())
      if (session) return session
    }
    return undefined
  }

  /** Stands in each form of this session, and in no other. */
  formToken({ token }: Session): string {
    return this.#mac(`form\0${token}`)
  }

  isFormToken(session: Session, given: string): boolean {
    return isEqual(this.formToken(session), given)
  }

  /** The cookie that keeps a session; undefined: the one that ends it. */
  cookie(session: Session | undefined): string {
    const { wallMs, origin } = this.#options
    // A session that began over TLS never goes over a connection without it.
    const secure = origin.startsWith('https:') ? '; Secure' : ''
    const seconds = session ? Math.max(0, Math.floor((session.endsAtMs - wallMs()) / 1000)) : 0
    return `${this.cookieName}=${session?.token ?? ''}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`
  }

  #session(endsAtMs: number): Session {
    return { token: this.#sign(['session', this.#options.newId(), endsAtMs]), endsAtMs }
  }

  #valid(token: string): Session | undefined {
    const fields = this.#read(token)
    if (fields?.length !== 3 || fields[0] !== 'session') return undefined
    const endsAtMs = Number(fields[2])
    return endsAtMs > this.#options.wallMs() ? { token, endsAtMs } : undefined
  }

  #sign(fields: Fields): string {
    const text = Buffer.from(JSON.stringify([this.#options.cluster, ...fields])).toString('base64url')
    return `${text}.${this.#mac(text)}`
  }

  /** The fields of a text that this cluster signed. */
  #read(token: string): Fields | undefined {
    if (token.length > limits.pageTokenChars) return undefined
    const [text = '', mac = ''] = token.split('.')
    if (!isEqual(this.#mac(text), mac)) return undefined
    const [cluster, ...fields] = JSON.parse(Buffer.from(text, 'base64url').toString()) as Fields
    return cluster === this.#options.cluster ? fields : undefined
  }

  #mac(text: string): string {
    return createHmac('sha256', this.#options.key).update(text, 'utf8').digest('base64url')
  }

  #forgetLate(nowMs: number): void {
    for (const [id, lateAtMs] of this.#used) {
      if (lateAtMs >= nowMs) return
      this.#used.delete(id)
    }
  }
}

/** Compares in a time that says nothing about where two texts differ. */
function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
