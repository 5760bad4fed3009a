import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { MasterWorld } from '../tools/master-fixture.js'
import { addingRules } from './spark-adding-rules.js'
import { completionRules } from './spark-completion-rules.js'
import { edgeRules } from './spark-edge-rules.js'
import { failingRules } from './spark-failing-rules.js'
import { recoveryRules } from './spark-recovery-rules.js'
import { registrationRules } from './spark-registration-rules.js'
import { driverEnds, executorEnds, executorReport, respond } from './spark-rules.js'
import { workerEdgeRules } from './spark-worker-edge-rules.js'
import { type Kind, kinds, TransitionWatch } from './state-watch.js'

/*
 * The state diagrams of docs/protocol.md against the Master core: what it does is drawn, and what is drawn it
 * does. It runs the rules of Spark, and what they do not come to.
 */

const rules = [
  ...registrationRules,
  ...recoveryRules,
  ...completionRules,
  ...addingRules,
  ...workerEdgeRules,
  ...edgeRules,
  ...failingRules,
]

/** `A --> B` of each diagram of the page, in the order of `kinds`. */
const drawn = [...readFileSync('docs/protocol.md', 'utf8').matchAll(/stateDiagram-v2\n([^`]+)```/g)].map(
  ([, text = '']) =>
    new Set([...text.matchAll(/^ +(\S+ --> \S+?)(?=:|$)/gm)].map(([, edge]) => edge as string)),
)

/** Two transitions of one step: what stands between is seen by nobody. */
const inOneStep: Readonly<Record<Kind, readonly (readonly string[])[]>> = {
  master: [['RECOVERING', 'COMPLETING_RECOVERY', 'ALIVE']],
  worker: [
    ['ALIVE', 'DEAD', '[*]'],
    ['UNKNOWN', 'DEAD', '[*]'],
  ],
  driver: [],
  application: [],
  executor: [],
}

/** What a core alone cannot show: lives of a process, and how long what has ended is kept. */
const outside = /^(FINISHED|FAILED|KILLED|ERROR|EXITED|LOST) --> \[\*\]$/
const ofProcess = new Set(['[*] --> STANDBY', 'STANDBY --> [*]', 'RECOVERING --> [*]', 'ALIVE --> [*]'])

const killApplication = (world: MasterWorld, appId: string): void => {
  world.link('cli', 'client')
  world.ask('cli', { type: 'RequestKillApplication', appId })
}

const killDriver = (world: MasterWorld, driverId: string): void => {
  world.link('cli', 'client')
  world.ask('cli', { type: 'RequestKillDriver', driverId })
}

const scenarios: Readonly<Record<string, (world: MasterWorld) => void>> = {
  'applications are killed while they wait, run, and have not answered': (world) => {
    world.elect()
    killApplication(world, world.application('waits'))
    world.worker('w1')
    killApplication(world, world.application('runs'))
    const silent = world.application('silent')
    world.failover().elect()
    world.advance(1000)
    killApplication(world, silent)
  },
  'drivers are killed while they wait, run, and are about to be relaunched': (world) => {
    world.elect()
    killDriver(world, world.submitted())
    world.worker('w1')
    const runs = world.submitted()
    const lost = world.submitted({ supervise: true })
    killDriver(world, runs)
    driverEnds(world, 'w1', runs, 'KILLED')
    world.unlink('w1')
    world.advance(60_000)
    killDriver(world, lost)
  },
  'a Worker names a higher generation than that of a driver that waits to be relaunched': (world) => {
    world.elect()
    world.worker('w1')
    const driver = world.submitted({ supervise: true })
    world.worker('w1-again')
    world.worker('w2', { port: 7002, cores: 1, memoryMib: 1 })
    world.tell('w2', {
      type: 'DriverStateChanged',
      workerId: 'w2',
      change: 1,
      driverId: driver,
      generation: 5,
      attempt: 1,
      state: 'FAILED',
      noRoom: true,
    })
  },
  'executors are refused, lost while they run, and end before their application answers': (world) => {
    world.elect()
    world.worker('w1', { cores: 12, memoryMib: 12_000 })
    const appId = world.application('app')
    executorEnds(world, appId, 0, { state: 'FAILED', noRoom: true })
    executorEnds(world, appId, 1, { state: 'RUNNING', exitStatus: undefined })
    world.tell('w1', { type: 'WorkerLatestState', id: 'w1', executors: [], drivers: [] })
    world.failover().elect()
    const executors = Array.from({ length: 10 }, (_, execId) => executorReport(appId, execId))
    respond(world, 'w1', { executors })
    for (const { execId } of executors) executorEnds(world, appId, execId)
  },
  'executors end an application': (world) => {
    world.elect()
    world.worker('w1', { cores: 12, memoryMib: 12_000 })
    const appId = world.application('app')
    for (let round = 0; round < 20; round++) {
      for (const { execId } of world.toldTo('w1', 'LaunchExecutor')) executorEnds(world, appId, execId)
      world.forgetTold()
      world.advance(60_000)
    }
  },
}

const transitions = new TransitionWatch()

for (const [name, run] of Object.entries(scenarios))
  test(name, () => transitions.during(() => run(new MasterWorld())))

test('what the rules of Spark come to', () => {
  for (const { test: check } of rules) transitions.during(() => check(new MasterWorld()))
})

for (const [at, kind] of kinds.entries()) {
  test(`the diagram of the ${kind} has every transition that the core makes, and no other`, () => {
    const edges = drawn[at] ?? new Set<string>()
    const composed = new Map(inOneStep[kind].map((path) => [`${path.at(0)} --> ${path.at(-1)}`, path]))
    const made = new Set<string>()
    for (const edge of transitions.seen[kind]) {
      const path = composed.get(edge)
      for (const [i, from] of (path ?? []).entries()) {
        const to = path?.[i + 1]
        if (to !== undefined) made.add(`${from} --> ${to}`)
      }
      if (!path) made.add(edge)
    }
    const shown = [...edges].filter((edge) => !outside.test(edge) && !ofProcess.has(edge))
    assert.deepEqual([...made].sort(), shown.sort())
  })
}
