import type { DriverState } from '../../actors/messages/common.js'
import { isEndedDriver } from '../../actors/messages/common.js'
import { type Violation, violation } from './violations.js'

/** `short` ends by itself, `long` when it is killed. */
export type JobKind = 'short' | 'long'

/** One start of the program of a job: the line that it left. */
export interface Run {
  readonly driverId: string
  readonly generation: number
  /** Its process, however many others get its pid later. */
  readonly process: string
}

/** What the leader says of a driver. */
export interface JobState {
  readonly state: DriverState
  readonly message: string
}

export interface LedgerView {
  /** By id of the driver. */
  readonly states: ReadonlyMap<string, JobState>
  /** By key, everything since the beginning. */
  readonly runs: ReadonlyMap<string, readonly Run[]>
  /** Does the process of this run live? */
  readonly isAlive: (run: Run) => boolean
}

interface Job {
  readonly kind: JobKind
  driverId: string | undefined
  kill: 'none' | 'asked' | 'acknowledged'
  /** A Worker has ended since it was sent: its end may be that of its Worker. */
  workerEnded: boolean
}

/**
 * What clients know of their submissions and kills, and whether what became of them is one of the few things that may
 * (protocol S2, S3a). Knows no process and no network.
 */
export class Ledger {
  readonly #open = new Map<string, Job>()
  /** Ended, and told so: key -> id. */
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

  /** What came of them nobody knows yet: to be sent again with their key. */
  get unacknowledged(): readonly string[] {
    return this.#keys(({ driverId }) => driverId === undefined)
  }

  /** Kills of which nobody knows whether they were heard. */
  get unheardKills(): readonly string[] {
    return this.#keys(({ kill }) => kill === 'asked')
  }

  /** Of long ones that nobody has killed. */
  get running(): readonly string[] {
    return this.#keys(
      ({ kind, kill, driverId }) => kind === 'long' && kill === 'none' && driverId !== undefined,
    )
  }

  /** Those that must end by themselves or were killed. */
  get ending(): readonly string[] {
    return this.#keys(({ kind, kill }) => kind === 'short' || kill !== 'none')
  }

  idOf(key: string): string | undefined {
    return this.#open.get(key)?.driverId ?? this.#settled.get(key)
  }

  sent(key: string, kind: JobKind): void {
    this.#open.set(key, { kind, driverId: undefined, kill: 'none', workerEnded: false })
  }

  /** Also of a submission that is repeated. */
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

  /** Has all that must end ended, as far as the leader says? */
  isQuiet({ states }: LedgerView): boolean {
    return this.ending.every((key) => {
      const state = states.get(this.idOf(key) ?? '')?.state
      return state !== undefined && isEndedDriver(state)
    })
  }

  /** Called when all is well again and there was time for everything to end. What ended as it may is settled. */
  judge(view: LedgerView): Violation[] {
    const found = this.#doubled
    this.#doubled = []
    for (const [key, runs] of view.runs) {
      // None of them is supervised: it runs once, whatever became of it.
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
