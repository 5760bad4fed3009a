import { Buffer } from 'node:buffer'
import { FiresteelError, isFiresteelError, reasonOf } from '../../runtime/errors.js'
import type { LogPlace, RequestLog } from '../messages/status.js'
import { type AttemptOutput, attemptsInOrder, type WrittenAttempt } from './attempt-outputs.js'
import type { MasterClient } from './master-client.js'

/* Asks the Master where a driver ran, and each of these Workers which attempts it started. */

export type OutputClient = Pick<MasterClient, 'request' | 'workerStream'>

export interface OutputOptions {
  readonly output: 'stdout' | 'stderr'
  readonly follow: boolean
  /** Begin with so many of the last lines, of whatever attempts they are; absent: all of it. */
  readonly tailLines?: number
  readonly signal: AbortSignal
  /** A Worker on which it ran cannot be asked. It is called once for each Worker and reason. */
  readonly onMissing: (workerId: string, reason: string) => void
}

type AttemptsOptions = Omit<OutputOptions, 'tailLines'>

/** Empty: it has not been placed yet. Rejects with the Master's refusal of an id that nobody knows. */
export async function attemptsOf(
  client: OutputClient,
  id: string,
  { output, follow, signal, onMissing }: AttemptsOptions,
): Promise<AttemptOutput[]> {
  let places: readonly LogPlace[]
  try {
    const {
      workerId,
      worker,
      places: all,
    } = await client.request({ type: 'RequestLogLocation', id }, { signal })
    places = all ?? [{ workerId, worker }]
  } catch (error) {
    // Whoever follows it waits for its first place.
    if (follow && isFiresteelError(error, 'NOT_ALLOWED')) return []
    throw error
  }
  const written = new Map<LogPlace, readonly WrittenAttempt[]>()
  let problem: unknown
  for (const place of places) {
    try {
      written.set(place, await writtenAt(client, id, place, signal))
    } catch (error) {
      if (signal.aborted) throw error
      problem = error
      onMissing(place.workerId, reasonOf(error))
    }
  }
  if (written.size === 0 && problem !== undefined && !follow) throw problem
  return attemptsInOrder(written, output)
}

/** What the Worker has noted of each attempt. */
async function writtenAt(
  client: OutputClient,
  id: string,
  { worker }: LogPlace,
  signal: AbortSignal,
): Promise<WrittenAttempt[]> {
  const request: Omit<RequestLog, 'type' | 'stream'> = { id, output: 'attempts', follow: false }
  const parts: Buffer[] = []
  for await (const part of await client.workerStream(worker, request, signal)) parts.push(part)
  const lines = Buffer.concat(parts).toString('utf8').split('\n')
  return lines.filter((line) => line !== '').map(parsed)
}

function parsed(line: string): WrittenAttempt {
  try {
    return JSON.parse(line) as WrittenAttempt
  } catch (cause) {
    throw new FiresteelError('INTERNAL', 'The list of attempts cannot be read.', { cause })
  }
}
