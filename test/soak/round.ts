import { setTimeout as delay } from 'node:timers/promises'
import { reasonOf } from '../../runtime/errors.js'
import { readProcessTable } from '../../runtime/process/process-table.js'
import { auditStore } from '../failover/store-audit.js'
import { WorkerAudit } from '../failover/worker-audit.js'
import { waitUntil } from '../harness/index.js'
import type { Random } from './draw.js'
import type { FaultName } from './fault-names.js'
import type { Blow, Fault } from './faults/fault.js'
import type { Ground } from './ground.js'
import { orphansOf } from './orphans.js'
import type { Sampler } from './sampler.js'
import { type Violation, violation } from './violations.js'
import { untilQuiet, untilWell, WELL_MS } from './well.js'
import type { Work } from './work.js'

/** Submissions and kills beside the steady ones, so that some are under way when it happens. */
const AROUND_COUNT = 3
const AROUND_MS = 60
/** Submissions asked for once more at the end of a round. */
const REPEATED = 3
/** A guard ends what a dead Worker leaves within a second. */
const ORPHANS_MS = 5000

export interface RoundReport {
  readonly number: number
  readonly fault: FaultName
  readonly what: string
  /** Why this machine does not allow the fault; nothing happened then. */
  readonly skipped: string | undefined
  /** From the end of the fault until all was well; NaN where it was not in time. */
  readonly wellMs: number
  /** All of it. */
  readonly tookMs: number
  readonly epochs: number
  readonly tasks: number
  readonly reruns: number
  readonly submissions: number
  readonly kills: number
  readonly violations: readonly Violation[]
}

/** What one round after the other happens to. */
export class Rounds {
  readonly #ground: Ground
  readonly #work: Work
  readonly #sampler: Sampler
  readonly #audit: WorkerAudit
  #accepted = 0
  #epoch = 0
  #epochNow = 0
  #acknowledged = 0
  #killed = 0

  constructor(ground: Ground, work: Work, sampler: Sampler) {
    this.#ground = ground
    this.#work = work
    this.#sampler = sampler
    this.#audit = new WorkerAudit(work.client, () => ground.workers.map(({ address }) => address))
  }

  /** Nothing happens, but all is looked at: what comes after is compared with it. */
  async begin(): Promise<void> {
    this.#work.jobs.resume()
    await untilWell(this.#ground, this.#work)
    await this.#work.flowed(false)
    this.#epoch = (await this.#work.client.request({ type: 'RequestMasterState' })).position.epoch
  }

  /** Rejects where the cluster does not come back: nothing more can be learned from it. */
  async round(number: number, fault: Fault, random: Random): Promise<RoundReport> {
    const fromMs = performance.now()
    const { jobs } = this.#work
    jobs.resume()
    this.#around(random)
    const blow = await fault.strike(this.#ground, random)
    const found: Violation[] = []
    let wellMs = 0
    if (typeof blow !== 'string') {
      await delay(blow.holdMs)
      await blow.heal()
      wellMs = await this.#well(found)
    }
    const isBroken = Number.isNaN(wellMs)
    if (!isBroken) found.push(...(await this.#check(blow)))
    const { tasks, reruns, found: strange } = await this.#flowed(blow)
    found.push(...strange)
    return {
      number,
      fault: fault.name,
      what: typeof blow === 'string' ? 'nothing' : blow.what,
      skipped: typeof blow === 'string' ? blow : undefined,
      wellMs,
      tookMs: performance.now() - fromMs,
      tasks,
      reruns,
      ...this.#since(),
      violations: found,
    }
  }

  #flowed(blow: Blow | string): ReturnType<Work['flowed']> {
    return this.#work.flowed(typeof blow !== 'string' && blow.executorsDie)
  }

  #around(random: Random): void {
    const { jobs } = this.#work
    for (let i = 0; i < AROUND_COUNT; i++) setTimeout(() => jobs.submitNow(), random() * AROUND_MS)
    setTimeout(() => jobs.killOne(), random() * AROUND_MS)
  }

  async #well(found: Violation[]): Promise<number> {
    const healedMs = performance.now()
    try {
      return Math.max(0, (await untilWell(this.#ground, this.#work)) - healedMs)
    } catch (error) {
      found.push(violation('notWell', `not well ${WELL_MS} ms after the fault: ${reasonOf(error)}`))
      return Number.NaN
    }
  }

  /** All invariants, once nothing is under way. */
  async #check(blow: Blow | string): Promise<Violation[]> {
    const { jobs } = this.#work
    await jobs.pause()
    await jobs.repeat(REPEATED)
    if (typeof blow !== 'string' && blow.executorsDie) jobs.ledger.workerEnded()
    const { books, wrong } = await untilQuiet(this.#ground, this.#work)
    const found = wrong.map((text) => violation('booksWrong', text))
    found.push(...(await jobs.judge(books)))
    found.push(...(await this.#orphans()), ...(await this.#deposed()))
    found.push(...this.#ground.unaskedDeaths().map((text) => violation('nodesDied', text)))
    this.#epochNow = books.position.epoch
    await this.#sample()
    return found
  }

  #since(): Pick<RoundReport, 'epochs' | 'submissions' | 'kills'> {
    const { acknowledged, killsAcknowledged } = this.#work.jobs.ledger
    const since = {
      epochs: Math.max(0, this.#epochNow - this.#epoch),
      submissions: acknowledged - this.#acknowledged,
      kills: killsAcknowledged - this.#killed,
    }
    this.#epoch = Math.max(this.#epoch, this.#epochNow)
    this.#acknowledged = acknowledged
    this.#killed = killsAcknowledged
    return since
  }

  async #orphans(): Promise<Violation[]> {
    const { machines } = this.#ground
    let orphans: number[] = []
    const areGone = (): boolean => {
      machines.watch.look()
      const launchers = new Set(machines.launcherPids.values())
      orphans = orphansOf(machines.watch.survivors(), launchers, readProcessTable())
      return orphans.length === 0
    }
    await waitUntil('no orphans', areGone, { deadlineMs: ORPHANS_MS, everyMs: 100 }).catch(() => undefined)
    return orphans.map((pid) => violation('orphans', `process ${pid} has no Worker any more`))
  }

  async #deposed(): Promise<Violation[]> {
    const found: Violation[] = []
    const late = await auditStore(await this.#ground.servers.primary(), this.#ground.name)
    if (late > 0) found.push(violation('deposedEffects', `${late} records of a deposed leader in the store`))
    await this.#audit.look()
    const orders = this.#audit.accepted - this.#accepted
    this.#accepted = this.#audit.accepted
    if (orders > 0)
      found.push(violation('deposedEffects', `Workers took ${orders} orders of deposed leaders`))
    return found
  }

  async #sample(): Promise<void> {
    const { cluster, machines } = this.#ground
    this.#sampler.look([
      ...cluster.nodes.map(({ name, pid }) => [name, pid] as const),
      ...[...machines.launcherPids].map(([name, pid]) => [`launcher of ${name}`, pid] as const),
      ...(await this.#work.processes()),
    ])
  }
}
