import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { MasterClient } from '../../actors/client/master-client.js'
import type { DriverDescription } from '../../actors/messages/common.js'
import { driverDescription } from '../../actors/messages/samples.js'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { between, pick, type Random } from './draw.js'
import { GrowingFile } from './growing-file.js'
import { type JobKind, Ledger, type LedgerView, type Run } from './ledger.js'
import { isNotedAlive, noteOf } from './noted-processes.js'
import { type Violation, violation } from './violations.js'

/** It uses the shell's `echo`. A Node process for each job would keep this machine busy with starts. */
const PROGRAM = `#!/bin/sh
echo "$2 $FIRESTEEL_DRIVER_ID $FIRESTEEL_GENERATION $$" >> "$1"
[ "$3" = 0 ] || exec sleep "$3"
`

const PAUSE_MS = { least: 120, most: 400 }
/** The share of long drivers among submissions. */
const LONG_SHARE = 0.2
/** Once more than this run, each submission kills one. */
const MOST_RUNNING = 5
const LONG_SECONDS = 36_000

/** Error codes that mean that the cluster forgot an id which it had acknowledged. */
const forgotten = ['UNKNOWN_ID', 'SUBMISSION_LOST'] as const

/** Steadily submits short and long drivers and kills some. Each has a key of its own. */
export class Jobs {
  readonly ledger = new Ledger()
  readonly #client: MasterClient
  readonly #directory: string
  readonly #random: Random
  readonly #program: string
  readonly #file: GrowingFile
  readonly #runs = new Map<string, Run[]>()
  readonly #underWay = new Set<Promise<void>>()
  readonly #kinds = new Map<string, JobKind>()
  #found: Violation[] = []
  #next = 0
  #paused = true
  #loop: Promise<void> = Promise.resolve()

  constructor(client: MasterClient, directory: string, random: Random) {
    this.#client = client
    this.#directory = directory
    this.#random = random
    this.#program = join(directory, 'job.sh')
    this.#file = new GrowingFile(join(directory, 'jobs'))
  }

  async prepare(): Promise<void> {
    await writeFile(this.#program, PROGRAM)
    await chmod(this.#program, 0o755)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#loop = this.#run()
    // `pause` reports the error.
    this.#loop.catch(() => undefined)
  }

  /** Resolves when no request is pending any more. */
  async pause(): Promise<void> {
    this.#paused = true
    await this.#loop
    await Promise.all(this.#underWay)
  }

  /** Submits one driver in addition to the steady ones. */
  submitNow(): void {
    this.#beside(this.#submit())
  }

  /** Kills one running driver in addition to the steady ones. */
  killOne(): void {
    const { running } = this.ledger
    if (running.length > 0) this.#beside(this.#kill(pick(this.#random, running)))
  }

  /**
   * Sends again the submissions whose outcome is unknown, and also the newest ones. Each key must still be
   * one driver.
   */
  async repeat(newest: number): Promise<void> {
    const { unacknowledged, unheardKills } = this.ledger
    for (const key of unacknowledged) await this.#ask(key)
    for (const key of unheardKills) await this.#kill(key)
    const keys = [...this.#kinds.keys()].slice(-newest)
    for (const key of keys) await this.#ask(key)
  }

  async killAll(): Promise<void> {
    for (const key of this.ledger.running) await this.#kill(key)
  }

  /** True once everything that must end has ended. The judge waits for it. */
  async isQuiet(clusterState: MasterStateResponse): Promise<boolean> {
    return this.ledger.isQuiet(await this.#view(clusterState))
  }

  async judge(clusterState: MasterStateResponse): Promise<Violation[]> {
    const found = this.#found
    this.#found = []
    return [...found, ...this.ledger.judge(await this.#view(clusterState))]
  }

  async #view(clusterState: MasterStateResponse): Promise<LedgerView> {
    for (const line of await this.#file.read()) {
      const [key, driverId, generation, pid] = line.split(' ')
      const run = { driverId: driverId!, generation: Number(generation), process: noteOf(Number(pid)) }
      this.#runs.set(key!, [...(this.#runs.get(key!) ?? []), run])
    }
    const drivers = [...clusterState.completedDrivers, ...clusterState.activeDrivers]
    return {
      states: new Map(drivers.map(({ id, state, message }) => [id, { state, message }])),
      runs: this.#runs,
      isAlive: ({ process }) => isNotedAlive(process),
    }
  }

  async #run(): Promise<void> {
    while (!this.#paused) {
      await this.#submit()
      if (this.ledger.running.length > MOST_RUNNING) this.killOne()
      await delay(between(this.#random, PAUSE_MS.least, PAUSE_MS.most))
    }
  }

  #beside(work: Promise<void>): void {
    this.#underWay.add(work)
    work.then(
      () => this.#underWay.delete(work),
      () => undefined,
    )
  }

  #submit(): Promise<void> {
    const key = `job-${this.#next++}`
    const kind = this.#random() < LONG_SHARE ? 'long' : 'short'
    this.#kinds.set(key, kind)
    this.ledger.sent(key, kind)
    return this.#ask(key)
  }

  async #ask(key: string): Promise<void> {
    try {
      const request = { type: 'RequestSubmitDriver', key, description: this.#description(key) } as const
      this.ledger.acknowledge(key, (await this.#client.request(request)).driverId)
    } catch (error) {
      // It was refused, or its outcome is unknown. It is sent again once the cluster has recovered.
      if (!isFiresteelError(error)) throw error
    }
  }

  async #kill(key: string): Promise<void> {
    const driverId = this.ledger.idOf(key)
    if (driverId === undefined) return
    this.ledger.killAsked(key)
    try {
      await this.#client.request({ type: 'RequestKillDriver', driverId })
      this.ledger.killAcknowledged(key)
    } catch (error) {
      if (!isFiresteelError(error)) throw error
      if (forgotten.some((code) => isFiresteelError(error, code))) {
        this.#found.push(violation('submissionsLost', `kill of ${key} (${driverId}): ${error.message}`))
      }
    }
  }

  #description(key: string): DriverDescription {
    const seconds = this.#kinds.get(key) === 'long' ? LONG_SECONDS : 0
    return {
      ...driverDescription,
      name: key,
      main: this.#program,
      args: [this.#file.path, key, String(seconds)],
      cwd: this.#directory,
      memoryMib: 16,
    }
  }
}
