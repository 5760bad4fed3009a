import { setTimeout as delay } from 'node:timers/promises'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { type DriverDescription, isEndedDriver } from '../messages/common.js'
import type { DriverStatusResponse } from '../messages/drivers.js'
import type { MasterClient } from './master-client.js'

/** A submitted driver, with all that is needed to submit it again. */
export interface Submission {
  readonly driverId: string
  /**
   * The idempotency key. It is the same for every try, so that no try makes a second driver (protocol 15).
   */
  readonly key: string
  readonly description: DriverDescription
  /** Digest of the program, as it was submitted. */
  readonly program?: string | undefined
}

export interface FollowOptions {
  readonly signal?: AbortSignal
  /**
   * Called when the store had lost the submission (protocol 12) and it was made again, perhaps with another
   * id.
   */
  readonly onResubmitted?: (driverId: string, before: string) => void
  /** Called with each status of the driver while it lives. */
  readonly onStatus?: (status: DriverStatusResponse) => void
}

type Requests = Pick<MasterClient, 'request'>

/**
 * Resolves with the last status of a driver once it has ended, through failovers. Rejects with the errors of
 * a request, or the signal's reason.
 */
export async function followDriver(
  client: Requests,
  submission: Submission,
  options: FollowOptions = {},
): Promise<DriverStatusResponse> {
  const { signal } = options
  let { driverId } = submission
  for (;;) {
    const status = await statusOf(client, driverId, signal)
    if (status === 'lost') {
      const before = driverId
      driverId = await submitAgain(client, submission, signal)
      options.onResubmitted?.(driverId, before)
    } else if (isEndedDriver(status.state)) {
      return status
    } else {
      options.onStatus?.(status)
    }
    await delay(limits.driverPollMs, undefined, { ...(signal && { signal }) })
  }
}

async function statusOf(
  client: Requests,
  driverId: string,
  signal: AbortSignal | undefined,
): Promise<DriverStatusResponse | 'lost'> {
  try {
    return await client.request({ type: 'RequestDriverStatus', driverId }, { ...(signal && { signal }) })
  } catch (error) {
    if (isFiresteelError(error, 'SUBMISSION_LOST')) return 'lost'
    throw error
  }
}

async function submitAgain(
  client: Requests,
  { key, description, program }: Submission,
  signal: AbortSignal | undefined,
): Promise<string> {
  const message = { type: 'RequestSubmitDriver', key, description, ...(program && { program }) } as const
  return (await client.request(message, { ...(signal && { signal }) })).driverId
}
