import { setTimeout as delay } from 'node:timers/promises'
import type { ClusterNode } from '../harness/index.js'
import { countGenerations } from '../tools/load/generations.js'
import { sharedNowMs } from '../tools/load/shared-time.js'
import type { Stage } from '../tools/load/stage.js'
import { auditStore } from '../tools/load/store-audit.js'
import { type Failover, Faults, type Progress } from './faults.js'
import type { FailoverCase, FailoverOptions } from './options.js'
import type { CaseReport, Counts, Round } from './report.js'

const REPEATED_KEYS = 3

/** The rounds of one case, and what is counted over all of them. */
export class CaseRun {
  readonly rounds: Round[] = []
  readonly #stage: Stage
  readonly #name: FailoverCase
  readonly #options: FailoverOptions
  readonly #faults: Faults
  #storeViolations = 0
  #longestSubmissionMs = Number.NaN
  #submissions = 0
  #tasks = 0

  constructor(
    stage: Stage,
    name: FailoverCase,
    options: FailoverOptions,
    random: () => number,
    progress: Progress,
  ) {
    this.#stage = stage
    this.#name = name
    this.#options = options
    this.#faults = new Faults(stage, name, random, progress)
  }

  /**
   * First a period without a failover, then an equally long one with it, from the same state of the cluster.
   */
  async round(): Promise<Round> {
    const { flow, submissions, workers, redis, cluster } = this.#stage
    await this.#stage.ready()
    const calmFromMs = sharedNowMs()
    await delay(this.#periodMs)
    const calmGapMs = await flow.gap(calmFromMs, calmFromMs + this.#periodMs)
    const standbyGapMs = this.#name === 'freeze' ? null : await this.#faults.endStandby(this.#periodMs)
    const leader = await this.#stage.ready()
    const { atMs, aliveMs } = await this.#fail(leader)
    await delay(Math.max(0, atMs + this.#periodMs - sharedNowMs()))
    const gapMs = await flow.gap(atMs, atMs + this.#periodMs)
    const round = { aliveMs, gapMs, calmGapMs, standbyGapMs }
    this.rounds.push(round)
    await this.#stage.ready()
    await submissions.repeatNewest(REPEATED_KEYS)
    await workers.look()
    this.#storeViolations += await auditStore(redis, this.#stage.name)
    if (cluster.nodes.some(({ role, starts }) => role === 'worker' && starts !== 1)) {
      throw new Error('a Worker has died: this measures the death of Masters')
    }
    return round
  }

  /** Ends the work, and counts what must not have happened. */
  async counts(): Promise<Counts> {
    const { flow, submissions, workers } = this.#stage
    const totals = await flow.drain()
    const flowEffects = await this.#stage.flowEffects()
    const sent = await submissions.counts()
    const jobEffects = await submissions.effects()
    const { atOnce, restarts } = countGenerations(await this.#stage.beats())
    const { generation } = await this.#service()
    await workers.look()
    const fromLeft = this.#faults.left.filter((key) => jobEffects.has(key)).length
    this.#longestSubmissionMs = sent.longestMs
    this.#submissions = sent.acknowledged
    this.#tasks = totals.given
    for (const line of [...totals.repeated, ...sent.failed]) process.stderr.write(`${this.#name}: ${line}\n`)
    return {
      tasksLost: totals.lost,
      resultsTwice: totals.twice,
      tasksRerun: [...flowEffects.values()].reduce((sum, times) => sum + times - 1, 0),
      generationsAtOnce: atOnce,
      driverRestarts: Math.max(restarts, generation - 1),
      deposedEffects: this.#storeViolations + workers.accepted + totals.followedDeposed + fromLeft,
      ordersUnseen: workers.missed,
      submissionsLost: sent.lost + sent.failed.length,
      submissionsDoubled: sent.doubled,
    }
  }

  facts(): CaseReport['facts'] {
    return {
      tasks: this.#tasks,
      submissions: this.#submissions,
      longestSubmissionMs: this.#longestSubmissionMs,
      refusedOrders: this.#stage.workers.refused,
      wokenClaims: this.#faults.claims,
      cameBack: this.#faults.cameBack,
      needlessFailovers: this.#faults.needless,
    }
  }

  #fail(leader: ClusterNode): Promise<Failover> {
    return this.#name === 'freeze'
      ? this.#faults.freeze(leader, this.#options.frozenMs)
      : this.#faults.end(leader)
  }

  get #periodMs(): number {
    const { frozenMs, windowMs } = this.#options
    return this.#name === 'freeze' ? frozenMs + windowMs : windowMs
  }

  async #service(): Promise<{ generation: number }> {
    const { activeDrivers } = await this.#stage.client.request({ type: 'RequestMasterState' })
    const service = activeDrivers.find(({ description }) => description.supervise)
    if (service?.state !== 'RUNNING') throw new Error(`the supervised driver is ${service?.state ?? 'gone'}`)
    return service
  }
}
