import type { ShownDriverState } from '../../actors/messages/common.js'
import { isEndedDriver } from '../../actors/messages/common.js'
import { type Violation, violation } from './violations.js'

/** A `short` job ends by itself, a `long` one when it is killed. */
export type JobKind = 'short' | 'long'

/** One start of a job's program, from the line that it left. */
export interface Run {
  readonly driverId: string
  readonly generation: number
  /** Identifies its process, even if its pid is used again later. */
  readonly process: string
}

/** What the leader reports of a driver. */
export interface JobState {
  readonly state: ShownDriverState
  readonly message: string
}

export interface LedgerView {
  /** By the id of the driver. */
  readonly states: ReadonlyMap<string, JobState>
  /** By key, all runs since the beginning. */
  readonly runs: ReadonlyMap<string, readonly Run[]>
  /** Is the process of this run alive? */
  readonly isAlive: (run: Run) => boolean
}

interface Job {
  readonly kind: JobKind
  driverId: string | undefined
  kill: 'none' | 'asked' | 'acknowledged'
  /** A Worker has ended since the job was submitted. The job may have ended with it. */
  workerEnded: boolean
}

/**
 * What clients know of their submissions and kills. It judges whether each had one of the few allowed
 * outcomes (protocol S2, S3a). It knows no process and no network.
 */
export class Ledger {
  readonly #open = new Map<string, Job>()
  /** Jobs whose end was reported: key -> id. */
  readonly #settled = new Map<string, string>()
  readonly #ranTwice = new Set<string>()
  #acknowledged = 0
  #killed = 0
  #doubled: Violation[] = []

  get acknowledged(): number {
    return this.#acknowledged
  }

  get killsAcknowledged(): number {
    return this.#killed
  }

  /** Submissions whose outcome is unknown. They are sent again with their key. */
  get unacknowledged(): readonly string[] {
    return this.#keys(({ driverId }) => driverId === undefined)
  }

  /** Kills of which it is unknown whether they arrived. */
  get unheardKills(): readonly string[] {
    return this.#keys(({ kill }) => kill === 'asked')
  }

  /** Keys of long jobs that were not killed. */
  get running(): readonly string[] {
    return this.#keys(
      ({ kind, kill, driverId }) => kind === 'long' && kill === 'none' && driverId !== undefined,
    )
  }

  /** Keys of jobs that end by themselves or were killed. */
  get ending(): readonly string[] {
    return this.#keys(({ kind, kill }) => kind === 'short' || kill !== 'none')
  }

  idOf(key: string): string | undefined {
    return this.#open.get(key)?.driverId ?? this.#settled.get(key)
  }

  sent(key: string, kind: JobKind): void {
    this.#open.set(key, { kind, driverId: undefined, kill: 'none', workerEnded: false })
  }

  /** Also called for a submission that is repeated. */
  acknowledge(key: string, driverId: string): void {
    const known = this.idOf(key)
    if (known !== undefined && known !== driverId) {
      this.#doubled.push(violation('submissionsDoubled', `${key} is ${known} and ${driverId}`))
      return
    }
    const job = this.#open.get(key)
    if (known !== undefined || !job) return
    job.driverId = driverId
    this.#acknowledged++
  }

  killAsked(key: string): void {
    const job = this.#open.get(key)
    if (job?.kill === 'none') job.kill = 'asked'
  }

  killAcknowledged(key: string): void {
    const job = this.#open.get(key)
    if (!job || job.kill === 'acknowledged') return
    job.kill = 'acknowledged'
    this.#killed++
  }

  workerEnded(): void {
    for (const job of this.#open.values()) job.workerEnded = true
  }

  /** Has everything that must end ended, as the leader reports it? */
  isQuiet({ states }: LedgerView): boolean {
    return this.ending.every((key) => {
      const state = states.get(this.idOf(key) ?? '')?.state
      return state !== undefined && isEndedDriver(state)
    })
  }

  /**
   * Called when all is well again and everything had time to end. A job that ended in an allowed way is
   * settled.
   */
  judge(view: LedgerView): Violation[] {
    const found = this.#doubled
    this.#doubled = []
    for (const [key, runs] of view.runs) {
      // No job is supervised, so each runs once, whatever became of it.
      if (runs.length < 2 || this.#ranTwice.has(key)) continue
      this.#ranTwice.add(key)
      found.push(violation('submissionsDoubled', `${key} ran ${runs.length} times`))
    }
    for (const [key, job] of [...this.#open]) {
      if (job.driverId === undefined) continue
      const wrong = judgeJob(key, { ...job, driverId: job.driverId }, view)
      if (wrong) found.push(wrong)
      const state = view.states.get(job.driverId)?.state
      if (wrong || (state !== undefined && isEndedDriver(state))) {
        this.#open.delete(key)
        this.#settled.set(key, job.driverId)
      }
    }
    return found
  }

  #keys(wanted: (job: Job) => boolean): string[] {
    return [...this.#open].filter(([, job]) => wanted(job)).map(([key]) => key)
  }
}

function judgeJob(key: string, job: Job & { driverId: string }, view: LedgerView): Violation | undefined {
  const { driverId, kind, kill, workerEnded } = job
  const known = view.states.get(driverId)
  const runs = view.runs.get(key) ?? []
  const is = (what: string): string => `${key} (${driverId}) ${what}`
  if (!known) return violation('submissionsLost', is('was acknowledged, and the leader does not know it'))
  const { state, message } = known
  if (kill === 'acknowledged') {
    if (!isEndedDriver(state)) return violation('killsLost', is(`was killed, and is ${state}`))
    if (runs.some(view.isAlive)) return violation('killsLost', is('was killed, and runs'))
  }
  switch (state) {
    case 'FINISHED':
      if (kind === 'long') return violation('endsUnexplained', is('cannot have FINISHED'))
      return runs.length === 0 ? violation('submissionsLost', is('is FINISHED and never ran')) : undefined
    case 'KILLED':
      return kill === 'none' ? violation('endsUnexplained', is(`is KILLED: ${message}`)) : undefined
    case 'FAILED':
    case 'ERROR':
      return workerEnded ? undefined : violation('endsUnexplained', is(`is ${state}: ${message}`))
    default:
      return kind === 'short' ? violation('notWell', is(`should have ended, and is ${state}`)) : undefined
  }
}
