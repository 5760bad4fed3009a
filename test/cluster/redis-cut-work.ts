import assert from 'node:assert/strict'
import type { MasterClient } from '../../actors/client/master-client.js'
import { auditStore } from '../tools/load/store-audit.js'
import {
  clientOf,
  everyDriver,
  RunningDriver,
  stateOf,
  submit,
  TaskFlow,
  waitingDriver,
} from '../tools/redis-cluster.js'
import type { CutCluster } from './redis-cut-cluster.js'

/** Work that must not notice what happens to Masters: a driver, tasks, submissions. */
export class CutWork {
  /** Name -> id, as clients were told. */
  readonly ids = new Map<string, string>()
  readonly #cut: CutCluster
  readonly #driver: RunningDriver
  readonly #flow: TaskFlow
  readonly #client: MasterClient

  private constructor(cut: CutCluster, driver: RunningDriver, flow: TaskFlow, client: MasterClient) {
    this.#cut = cut
    this.#driver = driver
    this.#flow = flow
    this.#client = client
  }

  static async start(cut: CutCluster): Promise<CutWork> {
    const driver = await RunningDriver.start(cut.cluster)
    const work = new CutWork(cut, driver, await TaskFlow.start(cut.cluster), clientOf(cut.cluster))
    // Linked before the first fault.
    await work.submit('first')
    return work
  }

  /** A driver that waits; resolves when some leader has acknowledged it. */
  async submit(name: string): Promise<string> {
    const id = await submit(this.#client, waitingDriver(name))
    this.ids.set(name, id)
    return id
  }

  /** Driver and tasks run on, the Worker has never been missed. */
  async goesOn(): Promise<void> {
    const clusterState = await stateOf(this.#cut.cluster)
    assert.deepEqual(
      clusterState.workers.map(({ state }) => state),
      ['ALIVE'],
    )
    await this.#driver.goesOn(clusterState)
    await this.#flow.flows()
  }

  /**
   * One record for each submission, under the id that its client was told, in the cluster state and in the
   * store itself.
   */
  async onceEach(): Promise<void> {
    const clusterState = await stateOf(this.#cut.cluster)
    for (const [name, id] of this.ids) {
      const known = everyDriver(clusterState).filter(({ description }) => description.name === name)
      assert.deepEqual(
        known.map((entry) => entry.id),
        [id],
        name,
      )
      assert.deepEqual(await this.#cut.stored(name), [id], name)
    }
    const late = await auditStore(this.#cut.data, this.#cut.name)
    assert.equal(late, 0, 'the store took a write of a deposed leader')
  }

  /** Each task has run once. */
  async stop(): Promise<void> {
    await this.#client.close()
    await this.#flow.stop()
  }
}
