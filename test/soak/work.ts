import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MasterClient } from '../../actors/client/master-client.js'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import { type TestCluster, waitUntil } from '../harness/index.js'
import { TaskFlow } from '../tools/load/flow.js'
import type { FlowTotals } from '../tools/load/flow-messages.js'
import { newClient } from '../tools/load/stage.js'
import type { Random } from './draw.js'
import { Jobs } from './jobs.js'
import { Service } from './service.js'
import { type Violation, violation } from './violations.js'

/** The flow has this many executors with one core each. */
const FLOW_CORES = 2
const TASK_MS = 10
/** A task that takes longer is stuck. */
const FLOWING_MS = 2000
const START_MS = 30_000

/** What clients ask of the cluster all the time: tasks, services, submissions and kills. */
export class Work {
  readonly client: MasterClient
  readonly jobs: Jobs
  readonly services: readonly Service[]
  readonly #flowFile: string
  readonly #flow: TaskFlow
  /** Causes of repetitions since the last `flowed`. */
  readonly #causes: string[] = []
  #delivered = 0
  #repeated = 0

  private constructor(
    client: MasterClient,
    jobs: Jobs,
    services: readonly Service[],
    flow: TaskFlow,
    flowFile: string,
  ) {
    this.client = client
    this.jobs = jobs
    this.services = services
    this.#flow = flow
    this.#flowFile = flowFile
  }

  /** Resolves when results arrive and the services run. */
  static async start(cluster: TestCluster, random: Random, taskMs = TASK_MS): Promise<Work> {
    const { address, secret, ca, directory } = cluster
    const client = newClient(cluster)
    let flow: TaskFlow | undefined
    try {
      const services = (['run', 'stop'] as const).map((mode) => new Service(mode, directory))
      for (const service of services) await service.submit(client, directory)
      const file = join(directory, 'flow')
      flow = await TaskFlow.start({
        address,
        secret,
        ca,
        file,
        cores: FLOW_CORES,
        taskMs,
        tasks: 'mixed',
      })
      for (const service of services) {
        await waitUntil(`${service.key} to run`, () => service.pid(), { deadlineMs: START_MS, everyMs: 50 })
      }
      const jobs = new Jobs(client, directory, random)
      await jobs.prepare()
      return new Work(client, jobs, services, flow, file)
    } catch (error) {
      await flow?.end()
      await client.close()
      throw error
    }
  }

  /** Names and pids of the processes that drive the work. */
  async processes(): Promise<[string, number][]> {
    const pids: [string, number][] = [['application', this.#flow.pid]]
    for (const service of this.services) {
      const pid = await service.pid()
      if (pid !== undefined) pids.push([service.key, pid])
    }
    return pids
  }

  /** Why the work does not go on as it should. Undefined if it does. */
  async problem(clusterState: MasterStateResponse): Promise<string | undefined> {
    for (const service of this.services) {
      const wrong = service.wrongIn(clusterState)
      if (wrong !== undefined) return wrong
      if ((await service.pid()) === undefined) return `${service.key} is not one process that beats`
    }
    const executors = clusterState.activeApps.flatMap((app) => app.executors)
    if (executors.length !== FLOW_CORES) return `the application has ${executors.length} executors`
    const { oldestMs } = await this.#look()
    return oldestMs > FLOWING_MS ? `a task has been under way for ${Math.round(oldestMs)} ms` : undefined
  }

  /** Reports the tasks since the last call. `executorsDied`: tasks may have been repeated. */
  async flowed(executorsDied: boolean): Promise<{ tasks: number; reruns: number; found: Violation[] }> {
    const { delivered } = await this.#look()
    const tasks = delivered - this.#delivered
    this.#delivered = delivered
    const causes = this.#causes.splice(0)
    // Some tasks of the mix fail on purpose, so they are repeated.
    const isExplained = (cause: string): boolean =>
      cause === 'failure' || (executorsDied && cause.startsWith('executor lost: '))
    const strange = causes.filter((cause) => !isExplained(cause))
    const found = [...new Set(strange)].map((cause) => violation('rerunsUnexplained', cause))
    return { tasks, reruns: causes.length, found }
  }

  async #look() {
    const look = await this.#flow.look()
    this.#causes.push(...look.repeated)
    this.#repeated += look.repeated.length
    return look
  }

  /** Ends the tasks, and reports what they and the services did. */
  async end(): Promise<{ totals: FlowTotals; found: Violation[] }> {
    const totals = await this.#flow.drain()
    const { lost, twice, followedDeposed } = totals
    const found: Violation[] = []
    if (lost > 0) found.push(violation('resultsLost', `${lost} of ${totals.given} tasks gave no result`))
    if (twice > 0) found.push(violation('resultsTwice', `${twice} results of ${totals.given} tasks`))
    if (followedDeposed > 0) {
      const text = `the application followed an older leadership ${followedDeposed} times`
      found.push(violation('deposedEffects', text))
    }
    const runs = await this.#runsOfTasks()
    const repeated = this.#repeated + totals.repeated.length
    if (runs - totals.given > repeated) {
      const text = `${runs} runs of ${totals.given} tasks, and ${repeated} repetitions have a cause`
      found.push(violation('rerunsUnexplained', text))
    }
    for (const service of this.services) found.push(...(await service.violations()))
    return { totals, found }
  }

  async close(): Promise<void> {
    const paused = this.jobs.pause().catch(() => undefined)
    await this.#flow.end()
    // Calls that are pending reject.
    await this.client.close()
    await paused
  }

  async #runsOfTasks(): Promise<number> {
    const bytes = await readFile(this.#flowFile)
    let lines = 0
    for (const byte of bytes) if (byte === 10) lines++
    return lines
  }
}
