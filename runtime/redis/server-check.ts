import { FiresteelError } from '../errors.js'
import { failureOf } from './reply.js'

/** What a server must have before anything is written to it. */
export interface ServerDemands {
  /** It holds the data: eviction is refused, and settings that could lose its last writes are reported. */
  readonly data: boolean
}

export interface ServerCheck {
  /** Undefined: the server is suitable. STORE_UNAVAILABLE may pass by itself, the others do not. */
  readonly problem: FiresteelError | undefined
  readonly warnings: readonly string[]
}

export type Ask = (command: string, ...args: string[]) => Promise<unknown>

const minimumMajor = 7

/** Checks version, role and settings of a server (protocol 2). Rejects if the server gives no answer. */
export async function checkServer(ask: Ask, place: string, demands: ServerDemands): Promise<ServerCheck> {
  const warnings: string[] = []
  const info = await infoOf(ask, warnings)
  const problem = info && problemOf(info, place, demands)
  if (problem === undefined && demands.data) warnings.push(...(await durabilityWarnings(ask, info)))
  return { problem, warnings }
}

async function infoOf(ask: Ask, warnings: string[]): Promise<Map<string, string> | undefined> {
  try {
    const text = String(await ask('INFO'))
    return new Map([...text.matchAll(/^([a-z0-9_]+):(.*?)\r?$/gm)].map(([, key, value]) => [key!, value!]))
  } catch (error) {
    if (failureOf(error).prefix !== 'NOPERM') throw error
    warnings.push('INFO is not allowed: version, role and maxmemory-policy could not be seen; allow +info')
    return undefined
  }
}

function problemOf(
  info: ReadonlyMap<string, string>,
  place: string,
  { data }: ServerDemands,
): FiresteelError | undefined {
  const version = info.get('redis_version') ?? ''
  const policy = info.get('maxmemory_policy') ?? 'noeviction'
  if (!(Number.parseInt(version, 10) >= minimumMajor)) {
    const found = version === '' ? 'does not say its version' : `is ${version}`
    return new FiresteelError('VERSION_UNSUPPORTED', `This Redis ${found}; Firesteel needs 7.0 or later.`, {
      place,
      help: 'Upgrade Redis to 7.0 or later.',
    })
  }
  if (info.get('loading') === '1') {
    return new FiresteelError('STORE_UNAVAILABLE', 'This Redis is still loading its data.', { place })
  }
  if (info.get('role') === 'slave') {
    return new FiresteelError('STORE_UNAVAILABLE', 'This Redis is a replica, which cannot be written.', {
      place,
      help: 'Name the primary, or let Sentinel find it (recovery.sentinel).',
    })
  }
  if (data && policy !== 'noeviction') {
    return new FiresteelError(
      'STORE_UNSUITABLE',
      `This Redis may evict records that the cluster must keep: its maxmemory-policy is ${policy}.`,
      {
        place,
        help: 'Set maxmemory-policy noeviction (CONFIG SET, and in redis.conf), or use another Redis.',
      },
    )
  }
  return undefined
}

async function durabilityWarnings(
  ask: Ask,
  info: ReadonlyMap<string, string> | undefined,
): Promise<readonly string[]> {
  const lost = 'what it acknowledged last may be lost when it is killed'
  if (info?.get('aof_enabled') === '0') {
    return [`appendonly is off: ${lost}; set appendonly yes and appendfsync always`]
  }
  try {
    const reply = (await ask('CONFIG', 'GET', 'appendfsync')) as string[]
    if (reply[1] === 'always') return []
    if (reply[1] !== undefined) return [`appendfsync is ${reply[1]}: ${lost}; set appendfsync always`]
  } catch (error) {
    // Not allowed, or renamed as some providers do.
    if (failureOf(error).kind !== 'reply') throw error
  }
  return [`CONFIG GET is not allowed: whether appendfsync is always could not be seen`]
}
