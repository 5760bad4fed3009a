import { z } from 'zod'
import { formatMasterAddress, parseMasterAddresses } from '../../addresses.js'
import { parseDurationMs, parseMemoryMib } from '../../units.js'

/* The scalars of a deployment file. Messages read after `KEY`: "port must be ...". */

/** Text that `parse` understands; the rule is said, not the exception of the parser. */
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

/** For editors that know the JSON Schema: this form, or text with a reference to the environment. */
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
export const redisUrl = urlWith('redis:', 'rediss:').meta({ 'x-example': 'redis://host:6379/0' })
export const httpUrl = urlWith('http:', 'https:').meta({ 'x-example': 'http://host:4318' })

export const port = z.int().min(0).max(65_535)

/** Names stand in addresses, folders and log lines. */
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
