import { createHmac, timingSafeEqual } from 'node:crypto'
import { limits } from '../limits.js'
import { readTokenId } from '../transport/token.js'

/*
 * Who may see and change something. A session is a text that is signed with a key of the cluster, so every
 * Master and every Worker believes it, and none has to keep it. A ticket is signed too. It opens one session
 * on one node, once. Both say as whom they were opened: a session may do what that token may, and no more.
 */

export interface Session {
  /** The signed text, as the browser keeps it. */
  readonly token: string
  readonly endsAtMs: number
  /** Id of the token that it acts as; absent: it acts as who has the cluster's secret. */
  readonly subject?: string
}

/** What a session has at every node. */
export type SessionOf = Pick<Session, 'endsAtMs' | 'subject'>

export interface SessionsOptions {
  /** `derivePageKey` of the cluster's secret. */
  readonly key: Buffer
  readonly cluster: string
  /** Where this node's pages are, such as `http://10.0.0.1:8080`. */
  readonly origin: string
  readonly wallMs: () => number
  /** True: this token is not in force any more. Absent: all are. */
  readonly isOver?: (subject: string) => boolean
  /** A text that cannot be guessed. */
  readonly newId: () => string
}

/** Why a ticket opens no session. */
export type TicketRefusal = 'forged' | 'elsewhere' | 'late' | 'over' | 'used' | 'full'

type Fields = readonly (string | number)[]

const subjectOf = ({ subject }: SessionOf): string[] => (subject === undefined ? [] : [subject])

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
   * A text that opens this session at `origin` once. A session that goes on at another node lasts no longer
   * there, and may do no more.
   */
  ticket(origin: string, of: SessionOf = this.#begun()): string {
    const { wallMs, newId } = this.#options
    return this.#sign(['ticket', newId(), origin, wallMs(), of.endsAtMs, ...subjectOf(of)])
  }

  /** A ticket for this node, for somebody who has proved this token, or the key of commands. */
  ownTicket(subject?: string): { readonly token: string; readonly lateAtMs: number } {
    const { origin, wallMs } = this.#options
    return { token: this.ticket(origin, this.#begun(subject)), lateAtMs: wallMs() + limits.pageTicketMs }
  }

  /** A session that begins now. It ends with its token at the latest. */
  #begun(subject?: string): SessionOf {
    const endsAtMs = this.#options.wallMs() + limits.pageSessionMs
    if (subject === undefined) return { endsAtMs }
    const tokenEndsAtMs = readTokenId(subject)?.endsAtMs ?? endsAtMs
    return { endsAtMs: Math.min(endsAtMs, tokenEndsAtMs), subject }
  }

  /** The session that a ticket opens, or why it opens none. */
  redeem(ticket: string): Session | TicketRefusal {
    const fields = this.#read(ticket)
    if (fields?.[0] !== 'ticket' || fields.length < 5 || fields.length > 6) return 'forged'
    const [, id, origin, madeAtMs, endsAtMs] = fields as [string, string, string, number, number]
    const subject = fields[5] as string | undefined
    const nowMs = this.#options.wallMs()
    if (origin !== this.#options.origin) return 'elsewhere'
    // A node forgets used tickets with its process, so it takes none that is older than that.
    const isLate = Math.abs(nowMs - madeAtMs) > limits.pageTicketMs || madeAtMs < this.#startedAtMs
    if (isLate || endsAtMs <= nowMs) return 'late'
    if (this.#isOver(subject)) return 'over'
    this.#forgetLate(nowMs)
    if (this.#used.has(id)) return 'used'
    if (this.#used.size >= limits.pageTickets) return 'full'
    this.#used.set(id, madeAtMs + limits.pageTicketMs)
    return this.#session({ endsAtMs, ...(subject !== undefined && { subject }) })
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

  /** It, or its token, is over. Whoever has begun something for it asks again. */
  hasEnded({ endsAtMs, subject }: SessionOf): boolean {
    return endsAtMs <= this.#options.wallMs() || this.#isOver(subject)
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

  #session(of: SessionOf): Session {
    const { newId } = this.#options
    return { ...of, token: this.#sign(['session', newId(), of.endsAtMs, ...subjectOf(of)]) }
  }

  #isOver(subject: string | undefined): boolean {
    return subject !== undefined && this.#options.isOver?.(subject) === true
  }

  #valid(token: string): Session | undefined {
    const fields = this.#read(token)
    if (fields?.[0] !== 'session' || fields.length < 3 || fields.length > 4) return undefined
    const endsAtMs = Number(fields[2])
    const subject = fields[3] as string | undefined
    const session = { token, endsAtMs, ...(subject !== undefined && { subject }) }
    return this.hasEnded(session) ? undefined : session
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
