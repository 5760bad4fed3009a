import { FiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { ApplicationStatus, DriverStatus, MasterStateResponse } from '../messages/status.js'
import type { MasterClient } from './master-client.js'

/* What people type where an id is wanted: an id, a name, or the beginning of an id. */

/** A whole id of an application or driver needs no look at the cluster. */
const WHOLE = /^(app|driver)-\d{14}-\d+-\d{4,}$/
const SHOWN = innerLimits.namedIds
/** What no id and no name has. */
const UNNAMEABLE = /\p{Cc}/u

/** What an id names, by its beginning; undefined: a Worker, or nothing. */
export function kindOf(id: string): 'driver' | 'application' | 'executor' | undefined {
  if (id.startsWith('driver-')) return 'driver'
  if (!id.startsWith('app-')) return undefined
  return id.includes('/') ? 'executor' : 'application'
}

interface Found {
  readonly id: string
  readonly name: string
  readonly state: string
  /** It has not ended. */
  readonly lives: boolean
}

function foundIn({ workers, ...state }: MasterStateResponse): Found[] {
  const ofWork = ({ id, description, state: its, endedAtMs }: Work): Found => ({
    id,
    name: description.name,
    state: its,
    lives: endedAtMs === null,
  })
  const work = [
    ...state.activeApps,
    ...state.completedApps,
    ...state.activeDrivers,
    ...state.completedDrivers,
  ].map(ofWork)
  const ofWorkers = workers.map(({ id, name, state: its }) => ({
    id,
    name,
    state: its,
    lives: its !== 'DEAD',
  }))
  return [...new Map([...ofWorkers, ...work].map((one) => [one.id, one])).values()]
}

type Work = Pick<ApplicationStatus | DriverStatus, 'id' | 'state' | 'endedAtMs'> & {
  readonly description: { readonly name: string }
}

/**
 * The one id that is meant; undefined: there is none. Of several things of one name it is the one that has
 * not ended. Throws USAGE where there are several still.
 */
export function meantId(state: MasterStateResponse, text: string): string | undefined {
  const found = foundIn(state)
  if (found.length <= 1) return found[0]?.id
  const named = found.filter(({ name }) => name === text)
  const [living, ...others] = named.filter(({ lives }) => lives)
  if (living && others.length === 0) return living.id
  const shown = found.slice(0, SHOWN).map(({ id, state: its }) => `${id} (${its})`)
  const more = found.length > SHOWN ? `, and ${found.length - SHOWN} more` : ''
  throw new FiresteelError(
    'USAGE',
    `${JSON.stringify(text)} may be ${found.length} things: ${shown.join(', ')}${more}.`,
    {
      help:
        named.length > 1
          ? 'Give the id of the one that you mean.'
          : 'Give a longer part of the id, or the whole.',
    },
  )
}

/**
 * The id that is meant. An executor is named by its application: `APP/N`. What nobody knows stays as it is.
 */
export async function resolveId(client: Pick<MasterClient, 'request'>, text: string): Promise<string> {
  const [, owner = text, executor = ''] = /^([^/]+)(\/\d+)$/.exec(text) ?? []
  if (WHOLE.test(owner) || owner === '' || UNNAMEABLE.test(owner)) return text
  const state = await client.request({ type: 'RequestMasterState', of: owner })
  return `${meantId(state, owner) ?? owner}${executor}`
}
