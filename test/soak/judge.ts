import { reasonOf } from '../../runtime/errors.js'
import { readProcessTable } from '../../runtime/process/process-table.js'
import { waitUntil } from '../harness/index.js'
import { auditStore } from '../tools/load/store-audit.js'
import { WorkerAudit } from '../tools/load/worker-audit.js'
import { DeposedWatch } from './deposed-watch.js'
import type { Random } from './draw.js'
import type { Blow } from './faults/fault.js'
import type { Field } from './field.js'
import { orphansOf } from './orphans.js'
import type { Sampler } from './sampler.js'
import { type Violation, violation } from './violations.js'
import { untilQuiet, untilWell, WELL_MS } from './well.js'
import type { Work } from './work.js'

/** Submissions and kills in addition to the steady ones, so that some are pending when the fault begins. */
const AROUND_COUNT = 3
const AROUND_MS = 60
/** How many submissions are sent once more at the end of a round. */
const REPEATED = 3
/** A guard ends what a dead Worker leaves within a second. */
const ORPHANS_MS = 5000

/** What became of everything since the last assessment. */
export interface Assessment {
  /** The time from the end of the fault until all was well. NaN if that took too long. */
  readonly wellMs: number
  readonly epochs: number
  readonly tasks: number
  readonly reruns: number
  readonly submissions: number
  readonly kills: number
  readonly violations: readonly Violation[]
}

/** Checks a field and the work on it, again after each fault. */
export class Judge {
  readonly #field: Field
  readonly #work: Work
  readonly #sampler: Sampler
  readonly #deposed: DeposedWatch
  #epoch = 0
  #epochNow = 0
  #acknowledged = 0
  #killed = 0

  constructor(field: Field, work: Work, sampler: Sampler) {
    this.#field = field
    this.#work = work
    this.#sampler = sampler
    const audit = new WorkerAudit(work.client, () => field.workers.map(({ address }) => address))
    this.#deposed = new DeposedWatch(audit)
  }

  /** Checks everything without a fault. Later checks are compared with it. */
  async begin(): Promise<void> {
    this.#work.jobs.resume()
    await untilWell(this.#field, this.#work)
    await this.#work.flowed(false)
    this.#epoch = (await this.#work.client.request({ type: 'RequestMasterState' })).position.epoch
  }

  /** Starts some more work now. */
  stir(random: Random): void {
    const { jobs } = this.#work
    jobs.resume()
    for (let i = 0; i < AROUND_COUNT; i++) setTimeout(() => jobs.submitNow(), random() * AROUND_MS)
    setTimeout(() => jobs.killOne(), random() * AROUND_MS)
  }

  /**
   * Waits until all is well again, and then pauses submissions. Undefined: nothing has happened.
   * `executorsDie`: executors may have died, and tasks may have been repeated.
   */
  async assess(
    blow: Pick<Blow, 'executorsDie' | 'mostElections' | 'fillsMemory'> | undefined,
  ): Promise<Assessment> {
    const found: Violation[] = []
    if (blow?.fillsMemory) this.#sampler.beginAnew()
    const wellMs = blow ? await this.#well(found) : 0
    const executorsDied = blow?.executorsDie ?? false
    // A cluster that did not recover gives no answers, so more checks would show nothing.
    if (!Number.isNaN(wellMs)) found.push(...(await this.#check(executorsDied)))
    const { tasks, reruns, found: strange } = await this.#work.flowed(executorsDied)
    found.push(...strange)
    const since = this.#since()
    const most = blow?.mostElections ?? Number.POSITIVE_INFINITY
    if (since.epochs > most) {
      const store = await this.#standstills()
      found.push(violation('leadersEnded', `${since.epochs} elections, where ${most} may be; ${store}`))
    }
    await this.#askStore('RESET')
    return { wellMs, tasks, reruns, ...since, violations: found }
  }

  /** How long the store stood still in this round: it may be what ended a leadership. */
  async #standstills(): Promise<string> {
    // Of each event: its name, when it was last, and the last and the longest in milliseconds.
    const events = (await this.#askStore('LATEST')).split('\n').filter((line) => line !== '')
    return `the store stood still: ${events.length > 0 ? events.join(' ') : 'never'}`
  }

  async #askStore(what: 'LATEST' | 'RESET'): Promise<string> {
    try {
      return await (await this.#field.servers.primary()).cli('LATENCY', what)
    } catch (error) {
      return reasonOf(error)
    }
  }

  async #well(found: Violation[]): Promise<number> {
    const healedMs = performance.now()
    try {
      return Math.max(0, (await untilWell(this.#field, this.#work)) - healedMs)
    } catch (error) {
      found.push(violation('notWell', `not well ${WELL_MS} ms after the fault: ${reasonOf(error)}`))
      return Number.NaN
    }
  }

  /** Checks all invariants once no request is pending. */
  async #check(executorsDied: boolean): Promise<Violation[]> {
    const { jobs } = this.#work
    await jobs.pause()
    await jobs.repeat(REPEATED)
    if (executorsDied) jobs.ledger.workerEnded()
    const { clusterState, wrong } = await untilQuiet(this.#field, this.#work)
    const found = wrong.map((text) => violation('stateWrong', text))
    found.push(...(await jobs.judge(clusterState)))
    found.push(...(await this.#orphans()), ...(await this.#effects()))
    found.push(...this.#field.unaskedDeaths().map((text) => violation('nodesDied', text)))
    this.#epochNow = clusterState.position.epoch
    await this.#sample()
    return found
  }

  #since(): Pick<Assessment, 'epochs' | 'submissions' | 'kills'> {
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
    const { machines } = this.#field
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

  async #effects(): Promise<Violation[]> {
    const late = await auditStore(await this.#field.servers.primary(), this.#field.name)
    const found = await this.#deposed.look()
    if (late > 0) found.push(violation('deposedEffects', `${late} records of a deposed leader in the store`))
    return found
  }

  async #sample(): Promise<void> {
    const { cluster, machines } = this.#field
    this.#sampler.look([
      ...cluster.nodes.map(({ name, pid }) => [name, pid] as const),
      ...[...machines.launcherPids].map(([name, pid]) => [`launcher of ${name}`, pid] as const),
      ...(await this.#work.processes()),
    ])
  }
}
