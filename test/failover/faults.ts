import { setTimeout as delay } from 'node:timers/promises'
import type { ClusterNode } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import { sharedNowMs } from '../tools/load/shared-time.js'
import type { Stage } from '../tools/load/stage.js'
import { electionLog } from './election-log.js'
import { FrozenLeader } from './frozen-leader.js'
import { LeaderWatch, type SeenAlive } from './leader-watch.js'
import { type FailoverCase, goalMs, signalOf } from './options.js'

const ALIVE_MS = 30_000
/** After a missed goal the Masters' log is printed for this long, while it is still available. */
const TELL_MS = 3000
/** Submissions are sent around the signal, so that some are under way when the leader dies. */
const AROUND_MS = { before: 10, after: 30 }
const AROUND_COUNT = 3
/** The watchers' connections are open before the signal. */
const WARM_UP_MS = 30

export type Progress = (line: string) => void

export interface Failover {
  /** Shared time of the signal. */
  readonly atMs: number
  /** From then until another Master reported ALIVE. */
  readonly aliveMs: number
}

/** Sends signals to Masters and watches the effects. */
export class Faults {
  /** Keys of submissions that only a frozen leader had. */
  readonly left: string[] = []
  claims = 0
  cameBack = 0
  needless = 0
  readonly #stage: Stage
  readonly #name: FailoverCase
  readonly #random: () => number
  readonly #progress: Progress

  constructor(stage: Stage, name: FailoverCase, random: () => number, progress: Progress) {
    this.#stage = stage
    this.#name = name
    this.#random = random
    this.#progress = progress
  }

  /** kill -9 or SIGTERM. The launcher starts the Master again. */
  async end(leader: ClusterNode): Promise<Failover> {
    const watch = await this.#watchOthers(leader)
    try {
      this.#submitAround()
      await delay(AROUND_MS.before)
      const atMs = this.#signal(leader, watch)
      // Its next process is another Master too, and may be the first that leads.
      const startsAgain = this.#startsAgain(leader).then(() => watch.follow(leader.web!))
      const [seen] = await Promise.all([this.#another(watch, atMs), startsAgain])
      if (seen.web === leader.web) this.cameBack++
      return { atMs, aliveMs: seen.atMs - atMs }
    } finally {
      watch.close()
    }
  }

  /** If it takes too long, the Masters' own log is printed. */
  async #another(watch: LeaderWatch, atMs: number): Promise<SeenAlive> {
    const fromWallMs = Date.now() - (sharedNowMs() - atMs)
    const tell = (): void => this.#progress(electionLog(this.#stage.cluster.log, fromWallMs))
    const hurry = setTimeout(tell, goalMs[this.#name] + TELL_MS)
    try {
      const seen = await watch.alive(ALIVE_MS)
      if (seen.atMs - atMs > goalMs[this.#name]) tell()
      return seen
    } finally {
      clearTimeout(hurry)
    }
  }

  /** Sends the same signal to a STANDBY: the machine has as much to do, and no failover happens. */
  async endStandby(periodMs: number): Promise<number> {
    const { flow } = this.#stage
    const leader = await this.#stage.ready()
    const standbys = this.#stage.masters.filter(({ name }) => name !== leader.name)
    const standby = standbys[Math.floor(this.#random() * standbys.length)]!
    const watch = await this.#watchOthers(leader)
    try {
      this.#submitAround()
      await delay(AROUND_MS.before)
      const atMs = this.#signal(standby, watch)
      await this.#startsAgain(standby)
      await delay(Math.max(0, atMs + periodMs - sharedNowMs()))
      if (watch.first) this.needless++
      return await flow.gap(atMs, atMs + periodMs)
    } finally {
      watch.close()
    }
  }

  async #startsAgain({ name, starts }: ClusterNode): Promise<void> {
    const { cluster } = this.#stage
    await waitUntil(`${name} to start again`, () => cluster.node(name).starts > starts, {
      deadlineMs: ALIVE_MS,
    })
  }

  async freeze(leader: ClusterNode, frozenMs: number): Promise<Failover> {
    const { cluster, submissions } = this.#stage
    const frozen = await FrozenLeader.of(leader, cluster)
    const watch = await this.#watchOthers(leader)
    try {
      this.#submitAround()
      await delay(AROUND_MS.before)
      if (watch.first) throw twoLeaders(leader, watch.first.web)
      const atMs = sharedNowMs()
      await cluster.freeze(leader)
      this.left.push(await frozen.leaveOrder(submissions, `left-${this.left.length}`))
      const seen = await this.#another(watch, atMs)
      await delay(Math.max(0, atMs + frozenMs - sharedNowMs()))
      cluster.thaw(leader)
      this.claims += await frozen.claims()
      return { atMs, aliveMs: seen.atMs - atMs }
    } finally {
      cluster.thaw(leader)
      watch.close()
      await frozen.close()
    }
  }

  async #watchOthers(leader: ClusterNode): Promise<LeaderWatch> {
    const others = this.#stage.masters.filter(({ name }) => name !== leader.name)
    const watch = new LeaderWatch(
      others.map(({ web }) => web!),
      this.#stage.cluster.ca,
    )
    await delay(WARM_UP_MS)
    return watch
  }

  #signal(leader: ClusterNode, watch: LeaderWatch): number {
    if (watch.first) throw twoLeaders(leader, watch.first.web)
    const atMs = sharedNowMs()
    process.kill(leader.pid, signalOf[this.#name])
    return atMs
  }

  #submitAround(): void {
    const { before, after } = AROUND_MS
    for (let i = 0; i < AROUND_COUNT; i++) {
      setTimeout(() => this.#stage.submissions.submitNow(), this.#random() * (before + after))
    }
  }
}

const twoLeaders = ({ name }: ClusterNode, web: string): Error =>
  new Error(`${web} said ALIVE before ${name} was signalled`)
