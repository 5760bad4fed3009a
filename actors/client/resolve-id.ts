import { FiresteelError } from '../../runtime/errors.js'
import type { MasterStateResponse } from '../messages/status.js'
import type { MasterClient } from './master-client.js'

/* What people type where an id is wanted: an id, a name, or the beginning of an id. */

/** A whole id of an application or driver needs no look at the cluster. */
const WHOLE = /^(app|driver)-\d{14}-\d+-\d{4,}$/
/** What no id and no name has. */
const UNNAMEABLE = /\p{Cc}/u

/** What an id names, by its beginning; undefined: a Worker, or nothing. */
export function kindOf(id: string): 'driver' | 'application' | 'executor' | undefined {
  if (id.startsWith('driver-')) return 'driver'
  if (!id.startsWith('app-')) return undefined
  return id.includes('/') ? 'executor' : 'application'
}

/** The one id that is meant; undefined: there is none. Throws USAGE where there are several. */
export function meantId(state: MasterStateResponse, text: string): string | undefined {
  const found = [
    ...state.workers,
    ...state.activeApps,
    ...state.completedApps,
    ...state.activeDrivers,
    ...state.completedDrivers,
  ].map(({ id }) => id)
  const [id, ...others] = [...new Set(found)]
  if (id === undefined || others.length === 0) return id
  const named = [id, ...others].slice(0, 5).join(', ')
  throw new FiresteelError('USAGE', `${JSON.stringify(text)} may be ${found.length} things: ${named}.`, {
    help: 'Give a longer part of the id, or the whole.',
  })
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
