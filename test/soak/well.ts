import type { MasterStateResponse } from '../../actors/messages/status.js'
import { waitUntil } from '../harness/index.js'
import { sessionCookie } from '../harness/session-cookie.js'
import type { Field } from './field.js'
import { compareState, reportOf } from './state-check.js'
import type { Work } from './work.js'

/** From the end of a fault until everything must be as if nothing had happened. */
export const WELL_MS = 30_000
/** From then, without new work, until the cluster state is exact and everything that must end has ended. */
export const QUIET_MS = 20_000
const EVERY_MS = 50
const ASK_MS = 3000
const MASTERS = 3

/** All must stay well for this long, because a process that was just killed is noticed a moment later. */
const STABLE_MS = 1500

/**
 * Waits until Masters are linked, STANDBYs are ready, Workers are registered and work goes on, for STABLE_MS.
 * Returns the time when that began, as performance.now(). Rejects after WELL_MS and says what is wrong.
 */
export async function untilWell(field: Field, work: Work): Promise<number> {
  let sinceMs: number | undefined
  const stable = await waitUntil(
    'all to be well again',
    async () => {
      try {
        await look(field, work)
      } catch (error) {
        sinceMs = undefined
        throw error
      }
      const nowMs = performance.now()
      sinceMs ??= nowMs
      return nowMs - sinceMs < STABLE_MS ? undefined : { sinceMs }
    },
    { deadlineMs: WELL_MS + STABLE_MS, everyMs: EVERY_MS },
  )
  return stable.sinceMs
}

/** Throws an error that says what is wrong. */
async function look({ shape, cluster }: Field, work: Work): Promise<void> {
  const clusterState = await work.client.request({ type: 'RequestMasterState' }, { timeoutMs: ASK_MS })
  const masters = clusterState.masters.filter(({ state }) => state === 'ALIVE' || state === 'STANDBY')
  if (masters.length < MASTERS) throw new Error(`Masters: ${JSON.stringify(clusterState.masters)}`)
  const alive = clusterState.workers.filter(({ state, suspect }) => state === 'ALIVE' && !suspect)
  if (alive.length < shape.workers) throw new Error(`Workers: ${workerText(clusterState)}`)
  const problem = await work.problem(clusterState)
  if (problem !== undefined) throw new Error(problem)
  // The stores of the STANDBYs must answer too.
  if (!(await cluster.isComplete({ standbys: MASTERS - 1 }))) throw new Error('a STANDBY is not ready')
}

const workerText = ({ workers }: MasterStateResponse): string =>
  workers.map(({ id, state, suspect }) => `${id} ${state}${suspect ? ' suspect' : ''}`).join(', ')

/**
 * Pauses submissions and waits until nothing is pending. Returns the cluster state, and what is wrong with it
 * in the end.
 */
export async function untilQuiet(
  field: Field,
  work: Work,
): Promise<{ clusterState: MasterStateResponse; wrong: readonly string[] }> {
  let last: { clusterState: MasterStateResponse; wrong: readonly string[] } | undefined
  const isQuiet = async (): Promise<boolean> => {
    const clusterState = await work.client.request({ type: 'RequestMasterState' }, { timeoutMs: ASK_MS })
    const { secret, ca } = field.cluster
    const cookie = sessionCookie(field.name, secret)
    const reports = await Promise.all(field.workers.map(({ web }) => reportOf(web!, cookie, ca)))
    last = { clusterState, wrong: compareState(clusterState, reports) }
    return last.wrong.length === 0 && (await work.jobs.isQuiet(clusterState))
  }
  await waitUntil('all to be quiet', isQuiet, { deadlineMs: QUIET_MS, everyMs: EVERY_MS }).catch(
    () => undefined,
  )
  if (last) return last
  throw new Error('the leader or a Worker does not answer')
}
