import { randomUUID } from 'node:crypto'
import type { MasterClient } from '../../../actors/client/master-client.js'
import type { MasterStateResponse } from '../../../actors/messages/status.js'
import type { RestartWorkerResponse } from '../../../actors/messages/worker-restart.js'
import { FiresteelError, isFiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { pause } from '../../pause.js'
import { formatDuration } from '../../units.js'

export interface RestartOptions {
  /** For one Worker. */
  readonly timeoutMs: number
  readonly interrupted: AbortSignal
}

/** What it takes from the process around it. The simulator gives its own. */
export interface RestartParts {
  readonly nowMs: () => number
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
  readonly newRequest: () => string
}

const ownParts: RestartParts = { nowMs: () => performance.now(), pause, newRequest: randomUUID }

export const LOOK_MS = innerLimits.restartLookMs

/**
 * Restarts a Worker as announced, and waits until its next process has reported. Throws UNKNOWN_ID,
 * RESTART_REFUSED, or ASK_TIMEOUT.
 */
export async function restartWorker(
  client: MasterClient,
  worker: string,
  options: RestartOptions,
  { nowMs, pause, newRequest }: RestartParts = ownParts,
): Promise<RestartWorkerResponse> {
  const { timeoutMs, interrupted } = options
  const untilMs = nowMs() + timeoutMs
  // The same id, whichever Master is asked: it restarts once.
  const request = newRequest()
  let now = await client.request({ type: 'RequestRestartWorker', worker, request })
  const { workerId, name } = now
  let since: number | undefined
  while (now.state !== 'RESTARTED') {
    if (now.state === 'REFUSED')
      throw new FiresteelError('RESTART_REFUSED', `${name} does not restart: ${now.message ?? 'no reason'}.`)
    if (nowMs() > untilMs) throw late(now, timeoutMs)
    // One that was under way before does not count: its process may have read what has changed since.
    if (now.state === 'ASKED') since ??= now.count
    await pause(LOOK_MS, interrupted)
    interrupted.throwIfAborted()
    now = await look(client, { workerId, request, ...(since !== undefined && { since }) })
  }
  return now
}

interface Asked {
  readonly workerId: string
  readonly request: string
  readonly since?: number
}

async function look(
  client: MasterClient,
  { workerId: worker, ...asked }: Asked,
): Promise<RestartWorkerResponse> {
  try {
    return await client.request({ type: 'RequestRestartWorker', worker, ...asked })
  } catch (error) {
    if (!isFiresteelError(error, 'UNKNOWN_ID')) throw error
    const message = `The process of ${worker} died while it restarted, and another one has come: what it ran has ended.`
    throw new FiresteelError('RESTART_REFUSED', message, { cause: error })
  }
}

const late = ({ name, state }: RestartWorkerResponse, timeoutMs: number): FiresteelError =>
  new FiresteelError(
    'ASK_TIMEOUT',
    state === 'ASKED'
      ? `${name} has not begun to restart within ${formatDuration(timeoutMs)}.`
      : `${name} has not come back within ${formatDuration(timeoutMs)}.`,
    { help: 'See `firesteel status` and the log of the Worker; --timeout waits longer.' },
  )

/** What is not well in a cluster, for people; empty: the next step of a restart of many may begin. */
export function unwell(state: Pick<MasterStateResponse, 'masters' | 'workers'>): string[] {
  const masters = state.masters
    .filter(({ state: of }) => of !== 'ALIVE' && of !== 'STANDBY')
    .map(({ address, state: of }) => `the Master at ${address} is ${of}`)
  const silent = state.workers.filter(({ suspect }) => suspect).map(({ name }) => `${name} is silent`)
  return [...masters, ...silent]
}

interface WaitOptions extends RestartOptions {
  /** Makes the error of a cluster that does not become well. */
  readonly refuse: (text: string) => FiresteelError
  /** It must have been well for so long, at each look. */
  readonly minReadyMs?: number
}

/** Resolves with the state of the cluster once it has no such problems. */
export async function untilWithout(
  problemsIn: (state: MasterStateResponse) => string[],
  client: Pick<MasterClient, 'request'>,
  { timeoutMs, interrupted, refuse, minReadyMs = 0 }: WaitOptions,
  { nowMs, pause }: Pick<RestartParts, 'nowMs' | 'pause'> = ownParts,
): Promise<MasterStateResponse> {
  const untilMs = nowMs() + timeoutMs
  let wellSinceMs: number | undefined
  for (;;) {
    const state = await client.request({ type: 'RequestMasterState', parts: ['workers'] })
    const problems = problemsIn(state)
    if (problems.length === 0) {
      wellSinceMs ??= nowMs()
      if (nowMs() - wellSinceMs >= minReadyMs) return state
    } else {
      wellSinceMs = undefined
      if (nowMs() > untilMs) throw refuse(`The cluster is not well: ${problems.join('; ')}.`)
    }
    await pause(LOOK_MS, interrupted)
    interrupted.throwIfAborted()
  }
}

/** Waits until the cluster is well. Throws RESTART_REFUSED with what is not. */
export async function untilWell(client: MasterClient, options: RestartOptions): Promise<void> {
  const help = 'Mend that first. Nothing more was restarted.'
  const refuse = (text: string): FiresteelError => new FiresteelError('RESTART_REFUSED', text, { help })
  await untilWithout(unwell, client, { ...options, refuse })
}
