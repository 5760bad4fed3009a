import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { CODE_SUBJECT } from './identity.js'

/*
 * A token is `fst_ID_SECRET`. Its id says what it may do and when it ends. Its secret is a key that every
 * node derives from the cluster's secret and that id, so nobody can alter the id, and the store need not know
 * the secret: whoever reads the store can do nothing with what is there. The proof of a handshake is made
 * with the secret, which therefore never travels.
 */

/** What a client with a token may do. Each may do what the ones before it may. */
export const tokenRoles = ['observe', 'submit', 'operate', 'admin'] as const
export type TokenRole = (typeof tokenRoles)[number]

/**
 * Whom a token lets in. `worker` is one Worker, which has no secret of the cluster, and no client: it is none
 * of the roles that may do more or less than another.
 */
export const tokenKinds = [...tokenRoles, 'worker'] as const
export type TokenKind = (typeof tokenKinds)[number]

interface AnyTokenId<R extends TokenKind = TokenKind> {
  readonly role: R
  /** Epoch milliseconds; undefined: it does not end by itself. */
  readonly endsAtMs: number | undefined
}

/** Of a client's token. */
export type TokenId = AnyTokenId<TokenRole>

const PREFIX = 'fst'
const ID = /^(observe|submit|operate|admin|worker)\.([0-9a-z]{1,7})\.[0-9a-f]{16}$/
/** The last character has two bits more than the key. They are 0, so that a token has one text. */
const TEXT = /^fst_([a-z]+\.[0-9a-z]+\.[0-9a-f]+)_([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/
const RANDOM_BYTES = 8
const RADIX = 36
const SECOND_MS = 1000

/** True: this role may do what needs that one. */
export const mayAs = (role: TokenRole, needed: TokenRole): boolean =>
  tokenRoles.indexOf(role) >= tokenRoles.indexOf(needed)

/** A new id, `ROLE.END.RANDOM`: the end in seconds, in base 36, or 0 for none. */
export function newTokenId(
  role: TokenKind,
  endsAtMs: number | undefined,
  random: Buffer = randomBytes(RANDOM_BYTES),
): string {
  const end = endsAtMs === undefined ? 0 : Math.ceil(endsAtMs / SECOND_MS)
  return `${role}.${end.toString(RADIX)}.${random.toString('hex')}`
}

/** Undefined: this is no id of a token. */
export function readAnyTokenId(id: string): AnyTokenId | undefined {
  const [, role, end = ''] = ID.exec(id) ?? []
  if (role === undefined) return undefined
  const seconds = Number.parseInt(end, RADIX)
  return { role: role as TokenKind, endsAtMs: seconds === 0 ? undefined : seconds * SECOND_MS }
}

/** Undefined: this is no id of a client's token. */
export function readTokenId(id: string): TokenId | undefined {
  const read = readAnyTokenId(id)
  return read && read.role !== 'worker' ? { ...read, role: read.role } : undefined
}

/** True: this is the id of a Worker's token. */
const isJoinId = (id: string): boolean => readAnyTokenId(id)?.role === 'worker'

export const tokenText = (id: string, key: Buffer): string => `${PREFIX}_${id}_${key.toString('base64url')}`

/** True: it is meant as a token, whole or not. */
export const looksLikeToken = (text: string): boolean => text.trimStart().startsWith(`${PREFIX}_`)

/** Undefined: this is no token. */
export function readToken(text: string): { readonly id: string; readonly key: Buffer } | undefined {
  const [, id, key] = TEXT.exec(text) ?? []
  if (id === undefined || key === undefined || !readAnyTokenId(id)) return undefined
  return { id, key: Buffer.from(key, 'base64url') }
}

const CODE_END = `/${CODE_SUBJECT}`

/** True: the link carries code to or from a node, and nothing else. */
export const isCodeSubject = (subject: string | undefined): boolean =>
  subject === CODE_SUBJECT || subject?.endsWith(CODE_END) === true

/** The subject of a link for code of who has this token, or none. */
export const codeSubjectWith = (token: string | undefined): string =>
  token === undefined ? CODE_SUBJECT : token + CODE_END

const withoutCodeEnd = (subject = ''): string =>
  subject.endsWith(CODE_END) ? subject.slice(0, -CODE_END.length) : subject

/** The id of a client's token, from the subject of its link; undefined: it has none. */
export function tokenIdOf(subject: string | undefined): string | undefined {
  const id = withoutCodeEnd(subject)
  return readTokenId(id) ? id : undefined
}

/** The id of a Worker's token, from the subject of its link; undefined: it has none. */
export function joinIdOf(subject: string | undefined): string | undefined {
  const id = withoutCodeEnd(subject)
  return isJoinId(id) ? id : undefined
}

/** Of a client or a Worker. */
export const anyTokenIdOf = (subject: string | undefined): string | undefined =>
  tokenIdOf(subject) ?? joinIdOf(subject)

/** What a client may do. Without a token it has proved the cluster's secret. */
export const roleOf = (subject: string | undefined): TokenRole =>
  readTokenId(withoutCodeEnd(subject))?.role ?? 'admin'

/** True: this token has ended by itself. */
export function hasEnded(id: string, wallMs: number): boolean {
  const endsAtMs = readAnyTokenId(id)?.endsAtMs
  return endsAtMs !== undefined && endsAtMs <= wallMs
}
