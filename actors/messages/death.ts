import type { DriverExit } from './driver-life.js'
import type { EndCause } from './explanation.js'
import type { ApplicationStatus, DriverStatus } from './status.js'

/* How a process or a driver ended, as values. death-text.ts makes text of them. */

export const processDeaths = [
  'FINISHED',
  'EXIT',
  /** The cluster told it to end: its restart or its end was asked for, or its Worker stopped. */
  'TOLD_TO_END',
  /** A signal of the kernel for a fault of the program. */
  'CRASHED',
  /** Somebody sent a signal, and it was not the cluster. */
  'SIGNALLED',
  /** SIGKILL, by the kernel or by somebody. */
  'KILLER_UNKNOWN',
  'MEMORY_LIMIT',
  'MEMORY_HEAP',
  'MEMORY_KERNEL',
  /** Nobody saw its end. */
  'UNSEEN',
  /** Its Worker ended it, because it ran too long or failed its health check. */
  'CUT_SHORT',
] as const
export type ProcessDeath = (typeof processDeaths)[number]

/** An application whose token was revoked or has ended, so that its program lost its link. */
export const TOKEN_ENDED = 'TOKEN_ENDED'

export type Death = ProcessDeath | EndedBy

type EndedBy = Exclude<EndCause, 'OWN'> | typeof TOKEN_ENDED

const FAULTS: ReadonlySet<string> = new Set([
  'SIGSEGV',
  'SIGBUS',
  'SIGILL',
  'SIGFPE',
  'SIGABRT',
  'SIGTRAP',
  'SIGSYS',
])

const memoryDeaths = { limit: 'MEMORY_LIMIT', heap: 'MEMORY_HEAP', kernel: 'MEMORY_KERNEL' } as const

/** How a process ended. */
export type ProcessEnding = Pick<
  DriverExit,
  'code' | 'signal' | 'outOfMemory' | 'killerUnknown' | 'told' | 'cut'
>

export function processDeathOf(ending: ProcessEnding): ProcessDeath {
  const { code, signal, outOfMemory, killerUnknown, told, cut } = ending
  if (cut !== undefined) return 'CUT_SHORT'
  if (outOfMemory) return memoryDeaths[outOfMemory.by]
  if (told && code !== 0) return 'TOLD_TO_END'
  if (killerUnknown) return 'KILLER_UNKNOWN'
  if (signal !== null) return FAULTS.has(signal) ? 'CRASHED' : 'SIGNALLED'
  if (code === null) return 'UNSEEN'
  return code === 0 ? 'FINISHED' : 'EXIT'
}

/** What is known of a driver that has ended. */
export type EndedDriverFacts = Pick<
  DriverStatus,
  'endCause' | 'killAsked' | 'lastExit' | 'exitCode' | 'signal' | 'message'
>

/** Its last process; an older release told only its code or signal. */
export const lastEndingOf = ({ lastExit, exitCode, signal }: EndedDriverFacts): ProcessEnding =>
  lastExit ?? { code: exitCode, signal }

export function driverDeathOf(driver: EndedDriverFacts): Death {
  const { endCause = 'OWN' } = driver
  return endCause === 'OWN' ? processDeathOf(lastEndingOf(driver)) : endCause
}

/** UNKNOWN: an earlier release wrote its record. */
export function applicationDeathOf({
  endCause,
  tokenEnded,
}: Pick<ApplicationStatus, 'endCause' | 'tokenEnded'>): EndedBy | 'UNKNOWN' {
  if (endCause === undefined || endCause === 'OWN') return 'UNKNOWN'
  return endCause === 'DRIVER_GONE' && tokenEnded ? TOKEN_ENDED : endCause
}
