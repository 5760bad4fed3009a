import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { MasterClient } from '../../../actors/client/master-client.js'
import type { DriverDescription } from '../../../actors/messages/common.js'
import { driverDescription } from '../../../actors/messages/samples.js'
import { isFiresteelError, reasonOf } from '../../../runtime/errors.js'
import { waitUntil } from '../../harness/wait-until.js'
import { largest } from './statistics.js'

/**
 * Short drivers are a shell's `echo`. A Node process each would measure how fast this machine starts Node.
 */
const JOB = `#!/bin/sh
echo "$2 $FIRESTEEL_DRIVER_ID $FIRESTEEL_GENERATION" >> "$1"
`

const PAUSE_MS = 250
const JOBS_END_MS = 30_000

interface Acknowledged {
  readonly driverId: string
  /** From the first sending to the answer, from any Master. */
  readonly tookMs: number
}

export interface SubmissionCounts {
  readonly acknowledged: number
  /** Neither acknowledged nor known not to be done, or refused although a Master led. */
  readonly failed: readonly string[]
  /** Acknowledged, and never ran. */
  readonly lost: number
  /** Ran more than once, or is more than one driver. */
  readonly doubled: number
  readonly longestMs: number
}

/** Submits short drivers all the time, each with a key of its own, and keeps the outcome of each. */
export class Submissions {
  readonly #client: MasterClient
  readonly #directory: string
  readonly #program: string
  readonly #effects: string
  readonly #acknowledged = new Map<string, Acknowledged>()
  readonly #failed: string[] = []
  readonly #underWay = new Set<Promise<void>>()
  #next = 0
  #doubled = 0
  #ends = false
  #loop: Promise<void> | undefined

  constructor(client: MasterClient, directory: string) {
    this.#client = client
    this.#directory = directory
    this.#program = join(directory, 'job.sh')
    this.#effects = join(directory, 'jobs')
  }

  async start(): Promise<void> {
    await writeFile(this.#effects, '')
    await writeFile(this.#program, JOB)
    await chmod(this.#program, 0o755)
    this.#loop = this.#run()
  }

  /** Sends one besides the regular ones. */
  submitNow(): void {
    const work = this.#submit()
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }

  /**
   * Repeats the newest ones: the same key and content must be the same driver, whichever Master leads now.
   */
  async repeatNewest(count: number): Promise<void> {
    for (const [key, { driverId }] of [...this.#acknowledged].slice(-count)) {
      const answer = await this.#client.request(this.request(key))
      if (answer.driverId !== driverId) this.#doubled++
    }
  }

  /** Waits until everything that was acknowledged has run, or too much time has passed. */
  async counts(): Promise<SubmissionCounts> {
    this.#ends = true
    await this.#loop
    await Promise.all(this.#underWay)
    const wanted = [...this.#acknowledged.keys()]
    await waitUntil(
      'the short drivers to run',
      async () => {
        const ran = await this.effects()
        return wanted.every((key) => ran.has(key))
      },
      { deadlineMs: JOBS_END_MS, everyMs: 100 },
    ).catch(() => undefined)
    const ran = await this.effects()
    return {
      acknowledged: wanted.length,
      failed: this.#failed,
      lost: wanted.filter((key) => !ran.has(key)).length,
      doubled: this.#doubled + [...ran.values()].filter((times) => times > 1).length,
      longestMs: largest([...this.#acknowledged.values()].map(({ tookMs }) => tookMs)),
    }
  }

  /** How often the short driver of each key ran. */
  async effects(): Promise<Map<string, number>> {
    const counts = new Map<string, number>()
    for (const line of (await readFile(this.#effects, 'utf8')).split('\n').slice(0, -1)) {
      const key = line.split(' ', 1)[0]!
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts
  }

  /** What is sent for a key: always the same. */
  request(key: string) {
    return { type: 'RequestSubmitDriver' as const, key, description: this.#description(key) }
  }

  async #run(): Promise<void> {
    while (!this.#ends) {
      await this.#submit()
      await delay(PAUSE_MS)
    }
  }

  async #submit(): Promise<void> {
    const key = `job-${this.#next++}`
    const sentAtMs = performance.now()
    try {
      const { driverId } = await this.#client.request(this.request(key))
      this.#acknowledged.set(key, { driverId, tookMs: performance.now() - sentAtMs })
    } catch (error) {
      this.#failed.push(`${key}: ${isFiresteelError(error) ? `${error.code}: ` : ''}${reasonOf(error)}`)
    }
  }

  #description(key: string): DriverDescription {
    return {
      ...driverDescription,
      name: key,
      main: this.#program,
      args: [this.#effects, key],
      cwd: this.#directory,
      memoryMib: 16,
    }
  }
}
