import assert from 'node:assert/strict'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import { limits } from '../../runtime/limits.js'
import type { ClusterNode } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import { endWork } from '../soak/cluster-run.js'
import { randomFor } from '../soak/draw.js'
import { Judge } from '../soak/judge.js'
import { Sampler } from '../soak/sampler.js'
import type { Service } from '../soak/service.js'
import type { Violation } from '../soak/violations.js'
import { Work } from '../soak/work.js'
import { HostsCluster, type HostsOptions, WORKERS } from './hosts-cluster.js'

/** What is submitted while the fault lasts, and acknowledged by whom it leaves in office. */
const SUBMISSIONS = 3
const SEED = 5
const handsOver = new RegExp(`hands over: it hears 0 of ${WORKERS.length} workers`)
/** Tasks are always under way, and leave the processors to the other tests. */
const TASK_MS = 100

/**
 * Faults of a network, one after the other, to a cluster that is at work; after each all that the soak checks
 * is checked.
 */
export class HostsTrial implements AsyncDisposable {
  readonly hosts: HostsCluster
  readonly #work: Work
  readonly #judge: Judge
  readonly #random = randomFor(SEED, 'fault', 0)
  /** When each Master had handed over by its own judgement; monotonic. */
  readonly #handedOverAtMs = new Map<string, number>()
  #failed = false

  private constructor(hosts: HostsCluster, work: Work) {
    this.hosts = hosts
    this.#work = work
    this.#judge = new Judge(hosts, work, new Sampler())
  }

  static async start(name: string, options?: HostsOptions): Promise<HostsTrial> {
    const hosts = await HostsCluster.start(name, options)
    let work: Work | undefined
    try {
      await hosts.complete()
      work = await Work.start(hosts.cluster, randomFor(SEED, 'jobs', 0), TASK_MS)
      const trial = new HostsTrial(hosts, work)
      await trial.#judge.begin()
      return trial
    } catch (error) {
      await work?.close()
      await hosts[Symbol.asyncDispose]().catch(() => undefined)
      throw error
    }
  }

  /**
   * The fault costs the leader its leadership and nobody else anything: another is elected while it lasts,
   * and goes on leading when it is over. `why`: what the old one says.
   */
  succession(strike: (leader: ClusterNode) => Promise<void>, why: RegExp): Promise<void> {
    return this.#oneAfterTheOther(async () => {
      await this.#succession(strike, why)
    })
  }

  /** The same: it hears none of its Workers, and hands over by its own judgement. */
  handOver(strike: (leader: ClusterNode) => Promise<void>): Promise<void> {
    return this.#oneAfterTheOther(async () => {
      await this.#mayHandOver(await this.hosts.complete())
      const { name } = await this.#succession(strike, handsOver)
      this.#handedOverAtMs.set(name, performance.now())
    })
  }

  /** The fault costs no leadership. It lasts until `strike` resolves. */
  endured(
    strike: (leader: ClusterNode) => Promise<void>,
    may: { readonly executorsDie: boolean },
  ): Promise<void> {
    return this.#oneAfterTheOther(() => this.#endured(strike, may))
  }

  /** Some more submissions are acknowledged. */
  async acknowledges(): Promise<void> {
    const { ledger } = this.#work.jobs
    const from = ledger.acknowledged
    await this.hosts.cluster.waitUntil(
      'submissions to be acknowledged',
      () => ledger.acknowledged >= from + SUBMISSIONS,
    )
  }

  /** What the leader says now. */
  clusterState(): Promise<MasterStateResponse> {
    return this.#work.client.request({ type: 'RequestMasterState' })
  }

  service(onIsolation: Service['onIsolation']): Service {
    return this.#work.services.find((service) => service.onIsolation === onIsolation)!
  }

  /** The process of a service: one that runs, and no other. */
  runs(service: Service): Promise<number> {
    return this.hosts.cluster.waitUntil(`${service.key} to run`, () => service.pid())
  }

  /** No more work; nothing of it was lost, doubled, or ran twice at once where it must not. */
  end(): Promise<void> {
    return this.#oneAfterTheOther(() => this.#end())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#work.close()
    } finally {
      await this.hosts[Symbol.asyncDispose]()
    }
  }

  /** Gives the one that led. */
  async #succession(strike: (leader: ClusterNode) => Promise<void>, why: RegExp): Promise<ClusterNode> {
    const { hosts } = this
    const leader = await hosts.complete()
    const before = await hosts.leadership()
    const said = hosts.log.said(leader).length
    const processes = await this.#processes()
    this.#judge.stir(this.#random)
    try {
      await strike(leader)
      await hosts.another(leader, before.epoch)
      await this.acknowledges()
      await hosts.cluster.waitUntil(`${leader.name} to say ${why}`, () =>
        hosts.log
          .said(leader)
          .slice(said)
          .some((line) => why.test(line)),
      )
    } finally {
      await hosts.network.heal()
    }
    const elected = await hosts.leadership()
    await this.#isWell({ executorsDie: false })
    const after = await hosts.leadership()
    assert.deepEqual([after.epoch, after.owner], [elected.epoch, elected.owner], 'it leads on')
    assert.deepEqual(await this.#processes(), processes, 'drivers run on')
    return leader
  }

  /**
   * A Master hands over by its own judgement once in a while. On a busy machine the one that has done so may
   * lead again before each of the others has.
   */
  async #mayHandOver({ name }: ClusterNode): Promise<void> {
    const everyMs = limits.handOverEveryMs
    const lastMs = this.#handedOverAtMs.get(name) ?? Number.NEGATIVE_INFINITY
    await waitUntil(`${name} to be free to hand over`, () => performance.now() - lastMs > everyMs, {
      deadlineMs: 2 * everyMs,
    })
  }

  async #endured(
    strike: (leader: ClusterNode) => Promise<void>,
    may: { readonly executorsDie: boolean },
  ): Promise<void> {
    const { hosts } = this
    const leader = await hosts.complete()
    const before = await hosts.leadership()
    this.#judge.stir(this.#random)
    try {
      await strike(leader)
    } finally {
      await hosts.network.heal()
    }
    await this.#isWell(may)
    const after = await hosts.leadership()
    assert.deepEqual([after.epoch, after.owner], [before.epoch, before.owner], 'it led all the time')
  }

  async #end(): Promise<void> {
    const found: Violation[] = []
    const { tasks, submissions, kills } = await endWork(this.hosts, this.#work, found)
    assert.deepEqual(found, [])
    assert.ok(tasks > 100 && submissions > 10 && kills > 0, 'there was work under way')
  }

  /** What comes after a failure would fail for its sake, and late. */
  async #oneAfterTheOther(one: () => Promise<void>): Promise<void> {
    if (this.#failed) throw new Error('a fault before this one was not endured')
    this.#failed = true
    await one()
    this.#failed = false
  }

  async #isWell(may: { readonly executorsDie: boolean }): Promise<void> {
    const { violations } = await this.#judge.assess(may)
    if (violations.length > 0) process.stderr.write(`${this.hosts.machines.diagnostics()}\n`)
    assert.deepEqual(violations, [])
  }

  #processes(): Promise<number[]> {
    return Promise.all(this.#work.services.map((service) => this.runs(service)))
  }
}
