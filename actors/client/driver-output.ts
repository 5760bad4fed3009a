import { Buffer } from 'node:buffer'
import { FiresteelError, isFiresteelError, reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { pause } from '../../runtime/pause.js'
import { isEndedDriver } from '../messages/common.js'
import type { LogPlace, RequestLog } from '../messages/status.js'
import { type AttemptOutput, attemptsInOrder, type WrittenAttempt } from './attempt-outputs.js'
import type { MasterClient } from './master-client.js'

/* The output of a driver from all Workers on which it ran, in the order of its attempts. */

type Client = Pick<MasterClient, 'request' | 'workerStream'>
type Output = 'stdout' | 'stderr'

export interface OutputPiece {
  /** Set at the beginning of an attempt; absent: the output goes on. */
  readonly attempt?: AttemptOutput
  readonly bytes: Uint8Array
}

export interface OutputOptions {
  readonly output: Output
  readonly follow: boolean
  readonly signal: AbortSignal
  /** A Worker on which it ran cannot be asked. */
  readonly onMissing: (workerId: string, reason: string) => void
}

/**
 * All attempts, oldest first. With `follow` the newest one goes on, also on other Workers, until the driver
 * ends.
 */
export async function* driverOutput(
  client: Client,
  id: string,
  options: OutputOptions,
): AsyncGenerator<OutputPiece> {
  const { signal, follow } = options
  const shown = new Shown()
  for (let isOver = !follow; !signal.aborted; ) {
    const attempts = (await attemptsOf(client, id, options)).filter((attempt) => shown.isNew(attempt))
    for (const attempt of attempts) {
      const goesOn = !isOver && attempt === attempts.at(-1)
      yield* pieces(client, id, attempt, { ...options, follow: goesOn }, shown)
      if (signal.aborted) return
    }
    if (isOver) return
    const { state } = await client.request({ type: 'RequestDriverStatus', driverId: id }, { signal })
    // What it wrote since the last look is still to be shown.
    isOver = isEndedDriver(state)
    if (!isOver) await pause(limits.driverPollMs, signal)
  }
}

/** What was shown so far. A stream that is followed goes on over the attempts that begin meanwhile. */
class Shown {
  #atMs = Number.NEGATIVE_INFINITY
  readonly #ends = new Map<string, number>()

  isNew({ worker, start, atMs }: AttemptOutput): boolean {
    return atMs > this.#atMs && start >= (this.#ends.get(worker) ?? 0)
  }

  add({ worker, start, atMs }: AttemptOutput, bytes: number): void {
    this.#atMs = Math.max(this.#atMs, atMs)
    this.#ends.set(worker, start + bytes)
  }
}

async function* pieces(
  client: Client,
  id: string,
  attempt: AttemptOutput,
  { output, follow, signal }: OutputOptions,
  shown: Shown,
): AsyncGenerator<OutputPiece> {
  const { start, end, worker } = attempt
  shown.add(attempt, 0)
  if (start === end) return
  const range = { offset: start, ...(end !== undefined && { end }) }
  let length = 0
  for await (const bytes of await client.workerStream(worker, { id, output, follow, ...range }, signal)) {
    yield { ...(length === 0 && { attempt }), bytes }
    length += bytes.length
    shown.add(attempt, length)
  }
}

/** Empty: it has not been placed yet. Rejects with the Master's refusal of an id that nobody knows. */
async function attemptsOf(
  client: Client,
  id: string,
  { output, follow, signal, onMissing }: OutputOptions,
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
  client: Client,
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
