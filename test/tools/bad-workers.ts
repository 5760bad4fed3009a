import assert from 'node:assert/strict'
import type { MasterMessage } from '../../actors/messages/catalogue.js'
import type { DriverStateChanged } from '../../actors/messages/drivers.js'
import type { ExecutorStateChanged, LaunchExecutor } from '../../actors/messages/executors.js'
import { MasterWorld } from './master-fixture.js'

export type End = Partial<ExecutorStateChanged>
export type DriverEnd = Partial<DriverStateChanged>

/** Workers that do with each launch what the test says, on virtual time. */
export class BadWorkers {
  readonly world: MasterWorld
  /** How executors end there; nothing: they run on. */
  readonly ends = new Map<string, End>()
  /** All that is told there of an executor that was launched, instead of what `ends` says. */
  readonly answers = new Map<string, (launch: LaunchExecutor) => readonly End[]>()
  readonly driverEnds = new Map<string, DriverEnd>()
  readonly launches: { at: number; worker: string; execId: number }[] = []
  readonly driverLaunches: { at: number; worker: string; generation: number }[] = []
  #read = 0
  #change = 0

  constructor(world: MasterWorld) {
    this.world = world
  }

  change(workerId: string, parts: object): void {
    this.world.tell(workerId, { workerId, change: ++this.#change, ...parts } as MasterMessage)
  }

  /** All that was told is done, all that it set off as well. */
  settle(): void {
    const { world } = this
    for (; this.#read < world.told.length; this.#read++) {
      const { to, message } = world.told[this.#read]!
      const count = this.launches.length + this.driverLaunches.length
      assert.ok(count < 5000, `a storm of launches: ${JSON.stringify([...this.ends, ...this.driverEnds])}`)
      if (message.type === 'LaunchExecutor') this.#launched(to, message)
      if (message.type !== 'LaunchDriver') continue
      const { driverId, generation } = message
      this.driverLaunches.push({ at: world.nowMs, worker: to, generation })
      const end = this.driverEnds.get(to)
      if (end)
        this.change(to, {
          type: 'DriverStateChanged',
          driverId,
          generation,
          attempt: 1,
          state: 'ERROR',
          ...end,
        })
    }
  }

  #launched(worker: string, launch: LaunchExecutor): void {
    const { appId, execId } = launch
    this.launches.push({ at: this.world.nowMs, worker, execId })
    const end = this.ends.get(worker)
    const answer = this.answers.get(worker)
    const began: End[] = end?.state === 'FAILED' ? [] : [{ state: 'RUNNING' }]
    for (const change of answer?.(launch) ?? [...began, ...(end ? [end] : [])])
      this.change(worker, { type: 'ExecutorStateChanged', appId, execId, ...change })
  }

  pass(ms: number, stepMs = 100): void {
    this.settle()
    for (let left = ms; left > 0; left -= stepMs) {
      this.world.advance(Math.min(left, stepMs))
      for (const { id, state } of this.world.snapshot().workers)
        if (state === 'ALIVE') this.world.tell(id, { type: 'Heartbeat', workerId: id, sentAtMs: 1 })
      this.settle()
    }
  }

  app(id: string) {
    const { activeApps, completedApps } = this.world.snapshot()
    return [...activeApps, ...completedApps].find((app) => app.id === id)!
  }

  launchesOn(worker: string): number[] {
    return this.launches.filter((launch) => launch.worker === worker).map(({ at }) => at)
  }
}

type Size = readonly [id: string, cores: number]

export const badCluster = (config = {}, ...workers: readonly Size[]): BadWorkers =>
  badClusterOf(new MasterWorld(config), ...workers)

export function badClusterOf(world: MasterWorld, ...workers: readonly Size[]): BadWorkers {
  world.elect()
  for (const [index, [id, cores]] of workers.entries()) world.worker(id, { port: 7001 + index, cores })
  return new BadWorkers(world)
}
