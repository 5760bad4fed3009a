import { formatMasterAddress, isHostPort, parseMasterAddresses } from '../../addresses.js'
import { credentialProblem } from '../../redis/url-credentials.js'
import { parseDurationMs, parseMemoryMib } from '../../units.js'
import * as z from '../../zod.js'

/* The scalars of a deployment file. Messages are read after `KEY`: "port must be ...". */

/** Text that `parse` accepts. The message is the rule, not the exception of the parser. */
function parsed<T>(rule: string, parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text)
    } catch {
      context.addIssue({ code: 'custom', message: `must be ${rule}` })
      return z.NEVER
    }
  })
}

/** For editors that use the JSON Schema: this form, or text with a reference to the environment. */
const orReference = (form: string): string => `^(${form}|.*\\$\\{.+\\}.*)$`

/** In the file `2.5s`; read as milliseconds. */
export const duration = parsed('a duration such as 250ms, 2.5s or 1m', (text) =>
  parseDurationMs(text, { what: 'duration' }),
).meta({
  pattern: orReference('[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)'),
  'x-example': '2.5s',
})
/** In the file `512m`; read as MiB. */
export const memory = parsed('memory such as 512m or 4g', (text) =>
  parseMemoryMib(text, { what: 'memory' }),
).meta({
  pattern: orReference('[0-9]+(\\.[0-9]+)?[kmgtKMGT]'),
  'x-example': '512m',
})
/** Read as a list of firesteel://host:port. */
export const address = parsed('firesteel://host:port[,host:port...]', (text) =>
  parseMasterAddresses(text).map(formatMasterAddress),
).meta({
  pattern: orReference('firesteel://.+'),
  'x-example': 'firesteel://a:7070,b:7070',
})

const urlWith = (...protocols: string[]) => {
  const rule = `must be a URL such as ${protocols[0]}//host:port`
  return z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), rule)
}

const redisUrlRule = 'must be a URL such as redis://host:6379/0, rediss:// for TLS'

/** Options of rediss://: certificate files (PEM), and the name in the server's certificate. */
const tlsOptions: readonly string[] = ['ca', 'cert', 'key', 'servername']

/** No path but a database number, and no options but these: a client would silently ignore anything else. */
function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, pathname, searchParams, hash, username, password } = new URL(text)
  if (hostname === '' || hash !== '' || !/^(\/\d{0,5})?$/.test(pathname)) return false
  if (!isEncoded(username) || !isEncoded(password)) return false
  const options = [...searchParams.keys()]
  if (protocol === 'redis:') return options.length === 0
  return protocol === 'rediss:' && options.every((option) => tlsOptions.includes(option))
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

export const redisUrl = z
  .string()
  .check(({ value, issues }) => {
    const message = credentialProblem(value) ?? (isRedisUrl(value) ? undefined : redisUrlRule)
    if (message !== undefined) issues.push({ code: 'custom', message, input: value })
  })
  .meta({ 'x-example': 'redis://host:6379/0' })

/** An IPv6 address has brackets. The text is kept; the code that dials it parses it by the same rule. */
export const hostPort = z.string().refine(isHostPort, 'must be host:port')
export const httpUrl = urlWith('http:', 'https:').meta({ 'x-example': 'http://host:4318' })

export const port = z.int().min(0).max(65_535)
export const webPort = z.union([z.literal(false), port], {
  error: 'must be a port from 0 to 65535, or false for no HTTP',
})

/** Names occur in addresses, folders and log lines. */
export const nodeName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be letters, digits, dot, dash or underscore, at most 64')
export const label = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9._-]{0,63}$/,
    'must begin with a letter; then letters, digits, dot, dash, underscore',
  )
export const hostName = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,253}$/, 'must be a host name or an address without port or brackets')
