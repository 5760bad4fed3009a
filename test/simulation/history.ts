import type { DriverDescription } from '../../actors/messages/common.js'
import type { SimChild } from './sim-child.js'

/** What clients saw of one submission, and which effects it had. */
export interface Submission {
  readonly key: string
  readonly description: DriverDescription
  readonly submittedAtMs: number
  /** Every id with which it was acknowledged: one, unless the store forgot it. */
  readonly driverIds: string[]
  acknowledgedAtMs: number | undefined
  lastFailure: string | undefined
}

export interface DriverRuns {
  /** Processes started, with the epoch that launched them. */
  readonly starts: { readonly process: string; readonly workerId: string }[]
  /** Exit codes of processes that ended by themselves. */
  readonly exitCodes: number[]
  kill: 'asked' | 'acknowledged' | undefined
}

/** A Worker's report of a driver that will not run again. */
export interface DriverEnd {
  readonly driverId: string
  readonly generation: number
  readonly workerId: string
}

/** Where a history takes place. */
export interface HistoryWorld {
  readonly timeline: { readonly nowMs: number }
  readonly checks: {
    readonly debts: {
      acknowledged(submission: Submission, driverId: string): void
      unknownDriver(driverId: string): void
    }
  }
}

/** The recorded history: acknowledgements by key, effects by driver. */
export class History {
  readonly submissions = new Map<string, Submission>()
  readonly drivers = new Map<string, DriverRuns>()
  acknowledgements = 0
  /** Final ends that Workers have reported, in order. */
  readonly ends: DriverEnd[] = []
  readonly #world: HistoryWorld
  readonly #supervised = new Map<string, boolean>()

  constructor(world: HistoryWorld) {
    this.#world = world
  }

  descriptionOf(key: string): DriverDescription | undefined {
    return this.submissions.get(key)?.description
  }

  idOf(key: string): string | undefined {
    return this.submissions.get(key)?.driverIds.at(-1)
  }

  runsOf(driverId: string): DriverRuns {
    let runs = this.drivers.get(driverId)
    if (runs === undefined) {
      runs = { starts: [], exitCodes: [], kill: undefined }
      this.drivers.set(driverId, runs)
    }
    return runs
  }

  submitted(key: string, description: DriverDescription): void {
    if (this.submissions.has(key)) return
    const submittedAtMs = this.#world.timeline.nowMs
    this.submissions.set(key, {
      key,
      description,
      submittedAtMs,
      driverIds: [],
      acknowledgedAtMs: undefined,
      lastFailure: undefined,
    })
  }

  acknowledged(key: string, driverId: string): void {
    const submission = this.submissions.get(key)!
    this.acknowledgements++
    submission.acknowledgedAtMs ??= this.#world.timeline.nowMs
    if (!submission.driverIds.includes(driverId)) {
      submission.driverIds.push(driverId)
      this.#world.checks.debts.acknowledged(submission, driverId)
    }
  }

  /** The driver is described to a Worker. */
  describes(driverId: string, supervise: boolean): void {
    this.#supervised.set(driverId, supervise)
  }

  /** Undefined: it never started. */
  isSupervised(driverId: string): boolean | undefined {
    return this.#supervised.get(driverId)
  }

  failed(key: string, code: string): void {
    this.submissions.get(key)!.lastFailure = code
  }

  killing(driverId: string): void {
    this.runsOf(driverId).kill ??= 'asked'
  }

  killAcknowledged(driverId: string): void {
    this.runsOf(driverId).kill = 'acknowledged'
  }

  killFailed(driverId: string, code: string): void {
    if (code === 'FIRESTEEL_UNKNOWN_ID' || code === 'FIRESTEEL_SUBMISSION_LOST')
      this.#world.checks.debts.unknownDriver(driverId)
  }

  childEnded({ plan }: SimChild, exitCode: number | null): void {
    if (plan.kind === 'startDriver' && exitCode !== null)
      this.runsOf(plan.launch.driverId).exitCodes.push(exitCode)
  }
}
