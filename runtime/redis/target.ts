import { readFileSync } from 'node:fs'
import { formatHostPort, type HostPort, parseHostPort } from '../addresses.js'
import { FiresteelError, reasonOf } from '../errors.js'
import { credentialProblem } from './url-credentials.js'

/** PEM texts. Absent: what Node trusts, and no client certificate. */
export interface RedisTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
}

/** Paths of the PEM files. */
export type RedisTlsFiles = { readonly [K in keyof RedisTls]?: string | undefined }

export interface RedisCredentials {
  readonly username?: string
  readonly password?: string
}

interface Common extends RedisCredentials {
  /** For logs and errors. It never holds a password. */
  readonly label: string
  readonly db: number
  readonly tls: RedisTls | undefined
}

export interface ServerTarget extends Common, HostPort {
  readonly kind: 'server'
}

export interface SentinelTarget extends Common {
  readonly kind: 'sentinel'
  /** Name of the primary in Sentinel. */
  readonly name: string
  readonly sentinels: readonly HostPort[]
  readonly sentinelCredentials: RedisCredentials
}

export type RedisTarget = ServerTarget | SentinelTarget

/** A primary that Sentinel finds. Settings that a deployment file leaves out have the defaults of Redis. */
export interface SentinelSettings {
  readonly name: string
  /** host:port. The port is optional. */
  readonly hosts: readonly string[]
  /** Of the data servers. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly db?: number | undefined
  /** For Sentinels and data servers. */
  readonly tls?: RedisTlsFiles | undefined
  readonly sentinelUsername?: string | undefined
  readonly sentinelPassword?: string | undefined
}

const portDefault = 6379
const sentinelPortDefault = 26_379
const tlsKeys: ReadonlySet<string> = new Set(['ca', 'cert', 'key', 'servername'])

/**
 * `redis://[user[:password]@]host[:port][/db]`; `rediss://` is TLS, with
 * `?ca=FILE&cert=FILE&key=FILE&servername=NAME` where needed. Throws CONFIG_INVALID; its message never holds
 * the password.
 */
export function serverTarget(text: string): ServerTarget {
  const unreadable = credentialProblem(text)
  if (unreadable !== undefined) throw invalid('', unreadable)
  if (!URL.canParse(text)) throw invalid('', 'is not a URL such as redis://host:6379/0')
  const url = new URL(text)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = url.port === '' ? portDefault : Number(url.port)
  const label = `${url.protocol}//${formatHostPort({ host, port })}${url.pathname === '/' ? '' : url.pathname}`
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw invalid(label, 'must begin with redis:// or rediss://')
  }
  if (host === '') throw invalid(label, 'has no host')
  const db = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1]
  if (db === undefined) throw invalid(label, 'must end with the number of a database, such as /0')
  return {
    kind: 'server',
    label,
    host,
    port,
    db: Number(db),
    tls: tlsOf(url, label),
    ...credentials(decoded(url.username, label), decoded(url.password, label)),
  }
}

export function sentinelTarget(settings: SentinelSettings): SentinelTarget {
  const { name, hosts, db = 0, tls, username, password, sentinelUsername, sentinelPassword } = settings
  const label = `sentinel ${name}`
  return {
    kind: 'sentinel',
    label,
    name,
    sentinels: hosts.map((host) => parseHostPort(host, sentinelPortDefault)),
    sentinelCredentials: credentials(sentinelUsername, sentinelPassword),
    db,
    tls: tls && readTls(tls, label),
    ...credentials(username, password),
  }
}

function credentials(username = '', password = ''): RedisCredentials {
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) }
}

function decoded(part: string, label: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid(label, 'has a user or password with a % that encodes nothing; write % as %25')
  }
}

function tlsOf(url: URL, label: string): RedisTls | undefined {
  const files: Record<string, string> = {}
  for (const [key, value] of url.searchParams) {
    if (url.protocol !== 'rediss:') throw invalid(label, `has "${key}", which only rediss:// knows`)
    if (!tlsKeys.has(key)) throw invalid(label, `has "${key}"; known are ${[...tlsKeys].join(', ')}`)
    files[key] = value
  }
  return url.protocol === 'rediss:' ? readTls(files, label) : undefined
}

function readTls({ ca, cert, key, servername }: RedisTlsFiles, label: string): RedisTls {
  return {
    ...(ca === undefined ? {} : { ca: readPem(ca, label) }),
    ...(cert === undefined ? {} : { cert: readPem(cert, label) }),
    ...(key === undefined ? {} : { key: readPem(key, label) }),
    ...(servername === undefined ? {} : { servername }),
  }
}

function readPem(path: string, label: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(label, `names a file that cannot be read: ${reasonOf(error)}`)
  }
}

function invalid(label: string, why: string): FiresteelError {
  return new FiresteelError('CONFIG_INVALID', `The address of a Redis${label && ` (${label})`} ${why}.`)
}
