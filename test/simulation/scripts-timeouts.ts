import type { WorkerNode } from './nodes.js'
import { registeredWorkers, type Script, type Stage, type Wait } from './script.js'

const shape = {
  ...{ masters: 3, workers: 2, submitters: 1, applications: 0, lockServers: 1 },
  ...{ leaseMs: 1000, meanDelayMs: 0.2, validates: true, ownTimeoutMs: 60_000 },
} as const
const rates = { submitEveryMs: 1e9 } as const

const programs = ({ world }: Stage): string =>
  [...world.running].map(({ process }) => process.replace(/^.*?\//, '')).join()

/** The Worker of the only driver. */
const holderIn = ({ world }: Stage): WorkerNode =>
  world.workers.find(({ process }) => process?.incarnation === [...world.running][0]?.workerId)!

function submitStop(stage: Stage): void {
  stage.client!.submit({ supervise: true, onIsolation: 'stop', args: [], cores: 1 })
}

/** A `stop` driver runs. Gives its Worker. */
function* runningOn(stage: Stage): Generator<Wait, WorkerNode, undefined> {
  yield stage.until('a leader with its Workers', () => registeredWorkers(stage) === 2 && !!stage.client)
  yield stage.ms(2000)
  submitStop(stage)
  yield stage.until('it runs', () => programs(stage) === '1/1')
  return holderIn(stage)
}

/** Workers whose own settings have another W than their Masters, and Masters that differ in it. */
export const timeoutScripts: readonly Script[] = [
  {
    name: 'a Worker has a longer timeout of its own, and is cut off',
    says:
      'It joined by options, and lived by the default of 60 s: its `stop` driver ran on while its next generation ran elsewhere. It lives by ' +
      'what its leader tells it, so that the driver ends in time, and is elsewhere as soon as the Masters promise (S3b, L1).',
    shape: { ...shape, workerTimeoutMs: 8000 },
    rates,
    *play(stage) {
      const { masters } = stage.world
      const victim = yield* runningOn(stage)
      yield stage.ms(stage.world.random.between(0, 2000))
      for (const master of masters) stage.cut(victim, master)
      yield stage.until('it runs elsewhere', () => programs(stage) === '2/1', 12_000, 'L1')
      for (const master of masters) stage.heal(victim, master)
      yield stage.until('its Worker is back', () => registeredWorkers(stage) === 2)
    },
  },
  {
    name: 'a Worker dies whose guard keeps its work for longer than its Masters say',
    says:
      'The leader knew only its own orphanGrace, and its `stop` driver ran elsewhere before the guard had ended it. The Worker says its own, ' +
      'and the record of the driver has it until it runs again: the leader that waits dies, and the next one waits as long (S3b).',
    shape: { ...shape, workerTimeoutMs: 24_000, ownGraceMs: 6000 },
    rates,
    *play(stage) {
      const { store } = stage.world
      const victim = yield* runningOn(stage)
      victim.kill()
      const isLost = () => [...store.model.rows('driver')].some(([, json]) => json.includes('"RELAUNCHING"'))
      yield stage.until('the leader knows that', isLost)
      stage.alive?.kill()
      yield stage.until('it runs elsewhere', () => programs(stage) === '2/1', 30_000, 'L1')
    },
  },
  {
    name: 'a Worker is cut off, and its next leader has a shorter timeout',
    says:
      'The former leader had told it a longer one, by which it lives, and nobody can tell it another. The record of the Worker says so, and ' +
      'the next leader waits as long before it gives the driver to another Worker (S3b).',
    shape: { ...shape, workerTimeoutMs: 4000, otherTimeoutMs: 24_000 },
    rates,
    *play(stage) {
      const { masters, workers } = stage.world
      const patient = masters[1]!
      yield stage.until('the Master with the longer one leads', () => {
        if (stage.alive !== undefined && stage.alive !== patient) stage.alive.kill()
        return stage.alive === patient && registeredWorkers(stage) === 2 && !!stage.client
      })
      const told = () => workers.every(({ process }) => process?.core.times.workerTimeoutMs === 24_000)
      yield stage.until('its Workers live by that', told)
      submitStop(stage)
      yield stage.until('a driver runs', () => programs(stage) === '1/1')
      yield stage.ms(2500)
      const victim = holderIn(stage)
      for (const master of masters) stage.cut(victim, master)
      patient.freeze()
      yield stage.until('another one leads', () => stage.alive !== undefined && stage.alive !== patient)
      yield stage.until('it runs elsewhere', () => programs(stage) === '2/1', 40_000, 'L1')
      const others = workers.filter((worker) => worker !== victim)
      const isTold = () => others.every(({ process }) => process?.core.times.workerTimeoutMs === 4000)
      yield stage.until('the Workers that it hears live by its own', isTold, 30_000, 'L1')
      patient.thaw()
      for (const master of masters) stage.heal(victim, master)
      yield stage.until('its Worker is back', () => registeredWorkers(stage) === 2)
    },
  },
]
