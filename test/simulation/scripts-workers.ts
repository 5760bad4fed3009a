import type { WorkerNode } from './nodes.js'
import { registeredWorkers, type Script, type Stage } from './script.js'

const shape = { masters: 3, lockServers: 1, leaseMs: 1000, meanDelayMs: 0.2, validates: false } as const

/** Cores that the executors of each application have, as processes. */
function coresByApplication({ world }: Stage): Map<string, number> {
  const cores = new Map<string, number>()
  for (const { plan } of world.running) {
    if (plan.kind !== 'startExecutor') continue
    const { appId } = plan.launch
    cores.set(appId, (cores.get(appId) ?? 0) + plan.launch.cores)
  }
  return cores
}

/** Workers and applications that are silent, and for how long. */
export const workerScripts: readonly Script[] = [
  {
    name: 'a Worker is cut off for a third of its timeout',
    says: 'At whatever moment: nobody has relaunched anything, and nothing of it ends (protocol 8).',
    shape: { ...shape, workers: 2, submitters: 1, applications: 0, workerTimeoutMs: 12_000 },
    *play(stage) {
      const { world } = stage
      yield stage.until('a leader', () => stage.alive !== undefined)
      for (let n = 0; n < 4; n++) {
        yield stage.ms(6000 + world.random.between(0, 3000))
        for (const master of world.masters) stage.cut(world.workers[0]!, master)
        // Shorter than the silence after which links are dead.
        yield stage.ms(3900)
        for (const master of world.masters) stage.heal(world.workers[0]!, master)
      }
      stage.expect(
        world.checks.work.isolations === 0,
        'isolation',
        'a Worker felt isolated after a third of its timeout',
      )
    },
  },
  {
    name: 'a Worker is cut from its leader only',
    says: 'The others still answer it, but not that nobody leads: its `stop` drivers end before they are launched elsewhere (S3b).',
    shape: { ...shape, workers: 3, submitters: 1, applications: 0, workerTimeoutMs: 4000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { world } = stage
      yield stage.until('a leader with its Workers', () => registeredWorkers(stage) === 3 && !!stage.client)
      stage.client?.submit({ supervise: true, onIsolation: 'stop', args: [], cores: 1 })
      const runsOn = ({ process }: WorkerNode) =>
        [...world.running].some(
          ({ plan, workerId }) => plan.kind === 'startDriver' && workerId === process?.incarnation,
        )
      yield stage.until('a `stop` driver runs', () => world.workers.some(runsOn))
      const victim = world.workers.find(runsOn)!
      const leader = stage.alive!
      stage.cut(victim, leader)
      yield stage.ms(12_000)
      stage.expect(!runsOn(victim), 'S3b', 'it still runs there')
      stage.heal(victim, leader)
    },
  },
  {
    name: 'a restart is acknowledged, and its leader dies',
    says: 'Its Worker had not heard of it: the next Master has it in the record, and the driver is restarted, once (S2).',
    shape: { ...shape, workers: 1, submitters: 1, applications: 0, workerTimeoutMs: 12_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { workers, running, network } = stage.world
      const worker = workers[0]!
      const processes = () => [...running].map(({ process }) => process.replace(/^.*?\//, '')).join()
      yield stage.until('a leader with its Worker', () => registeredWorkers(stage) === 1 && !!stage.client)
      const key = stage.client!.submit({ supervise: true, args: [], cores: 1 })
      yield stage.until('it runs', () => processes() === '1/1')
      yield stage.ms(500)
      const former = stage.alive
      if (!former) return
      stage.cutOneWay(former, worker)
      let acknowledged = false
      void stage.client!.restart(key).then(() => {
        acknowledged = true
      })
      yield stage.until('its restart is acknowledged', () => acknowledged)
      former.kill()
      yield stage.until(
        'another leads its Worker',
        () => stage.alive !== former && registeredWorkers(stage) === 1,
      )
      // What its first leader had told it comes late.
      stage.heal(former, worker)
      yield stage.until('it is restarted', () => processes() === '1/2', 30_000, 'S2')
      // A client whose answer was lost asks again, and each new link begins with a report.
      void stage.client!.restart(key)
      yield stage.ms(1000)
      network.breakConnections(worker.name)
      yield stage.ms(5000)
      stage.expect(processes() === '1/2', 'S2', `it was restarted once, and ${processes()} runs`)
    },
  },
  {
    name: 'a Worker restarts as announced',
    says: 'In time: its driver is taken back, and nobody notices. Too late: the guard has ended it, and it runs elsewhere, once (protocol 8.6).',
    shape: { ...shape, workers: 2, submitters: 1, applications: 0, workerTimeoutMs: 12_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { workers, running, timeline } = stage.world
      const children = () => [...running].map(({ process }) => process.replace(/^.*?\//, '')).join()
      yield stage.until('a leader with its Workers', () => registeredWorkers(stage) === 2 && !!stage.client)
      stage.client!.submit({ supervise: true, args: [], cores: 1 })
      yield stage.until('it runs', () => children() === '1/1')
      yield stage.ms(1000)
      const child = [...running][0]!
      const holder = workers.find(({ process }) => process?.incarnation === child.workerId)!
      const former = holder.process
      // It announces 6 s. A Worker whose port refuses is dead within one, if it has not announced anything.
      holder.restart(4000)
      yield stage.until('it is away', () => holder.place === undefined)
      yield stage.until('it is back', () => holder.place !== undefined && holder.process !== former)
      yield stage.ms(5000)
      stage.expect(
        [...running][0] === child && running.size === 1,
        'S3a',
        `${children()} runs, no longer 1/1`,
      )
      stage.expect(holder.process?.incarnation === child.workerId, 'S3a', 'it is another Worker now')
      const askedAtMs = timeline.nowMs
      holder.restart(20_000)
      yield stage.until('the driver runs elsewhere', () => children() === '2/1', 30_000, 'L1')
      stage.expect(timeline.nowMs - askedAtMs >= 5900, 'S3a', 'it was given away before the announced time')
      yield stage.until('its former Worker is back', () => holder.place !== undefined, 30_000)
      yield stage.ms(3000)
      stage.expect(children() === '2/1', 'S3a', `${children()} runs`)
    },
  },
  {
    name: 'a generation is given once more',
    says:
      'A store and all Masters forgot that a Worker had decided on later generations of a driver: the next one was launched there over and ' +
      'over, and refused each time. The Worker says how far it has come (R6), and the driver runs again, above that (L1).',
    shape: { ...shape, masters: 2, workers: 1, submitters: 1, applications: 0, workerTimeoutMs: 4000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { masters, workers, store, running } = stage.world
      const [worker] = workers
      yield stage.until('a leader with its Worker', () => registeredWorkers(stage) === 1 && !!stage.client)
      stage.client?.submit({ supervise: true, onIsolation: 'stop', args: [], cores: 1 })
      yield stage.until('it runs', () => running.size === 1)
      yield stage.ms(500)
      const before = store.model.save()
      for (let n = 0; n < 3; n++) {
        for (const master of masters) stage.cut(worker!, master)
        yield stage.until('isolation has ended it', () => running.size === 0)
        if (n === 2) break
        for (const master of masters) stage.heal(worker!, master)
        yield stage.until('its next generation runs', () => running.size === 1)
      }
      for (const master of masters) master.kill()
      stage.fallTo(before)
      for (const master of masters) stage.heal(worker!, master)
      yield stage.until('it runs again', () => running.size === 1, 20_000, 'L1')
    },
  },
  {
    name: 'a host is down while Masters change',
    says: 'Nobody waits for it: the next Master is ALIVE within the 1 s that recovery takes at most (L3).',
    shape: { ...shape, workers: 3, submitters: 1, applications: 1, workerTimeoutMs: 24_000 },
    *play(stage) {
      const { world } = stage
      const victim = world.workers[0]!
      yield stage.until('a leader with its Workers', () => registeredWorkers(stage) === 3)
      const former = stage.alive!
      world.network.darken(victim.name)
      yield stage.ms(500)
      former.kill()
      yield stage.until('another Master ALIVE', () => !!stage.alive && stage.alive !== former, 1500, 'L3')
    },
  },
  {
    name: 'an application and its Worker are slow to answer',
    says: 'What it holds there counts: it gets no executors twice (protocol 11.5).',
    shape: { ...shape, workers: 2, submitters: 1, applications: 1, workerTimeoutMs: 24_000 },
    rates: { submitEveryMs: 5000 },
    *play(stage) {
      const { world } = stage
      const [app] = world.applications
      const holder = () =>
        world.workers.find(({ process }) =>
          [...world.running].some(
            ({ plan, workerId }) => plan.kind === 'startExecutor' && workerId === process?.incarnation,
          ),
        )
      yield stage.until('an executor runs', () => stage.alive !== undefined && holder() !== undefined)
      yield stage.ms(2000)
      const former = stage.alive
      const worker = holder()
      if (!former || !worker || !app) return
      const before = coresByApplication(stage)
      for (const other of stage.othersThan(former)) {
        stage.cut(app, other)
        stage.cut(worker, other)
      }
      former.kill()
      yield stage.until('another Master ALIVE', () => !!stage.alive && stage.alive !== former)
      yield stage.ms(2000)
      world.network.healAll()
      yield stage.ms(3000)
      for (const [id, cores] of coresByApplication(stage)) {
        const had = before.get(id)
        if (had !== undefined) stage.expect(cores <= had, 'S4', `${id} had ${had} cores and has ${cores}`)
      }
    },
  },
  {
    name: 'a command of a former leader arrives late',
    says: 'It was durable, and under way when its Master froze and another was elected: the Worker obeys that one and refuses it (R1).',
    shape: { ...shape, workers: 1, submitters: 1, applications: 1, workerTimeoutMs: 24_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { world } = stage
      const worker = world.workers[0]!
      const executor = () => [...world.running].find(({ plan }) => plan.kind === 'startExecutor')
      yield stage.until('an executor runs', () => registeredWorkers(stage) === 1 && executor() !== undefined)
      yield stage.ms(1000)
      const former = stage.alive
      if (!former) return
      stage.cutOneWay(former, worker)
      worker.process!.children.finish(executor()!.process)
      const isLaunched = () =>
        former.process?.masterHost
          .snapshot()
          .activeApps.some(({ executors }) => executors.some(({ state }) => state === 'LAUNCHING'))
      yield stage.until('another is launched', () => isLaunched() ?? false)
      // After its commit.
      yield stage.ms(50)
      stage.freeze(former)
      yield stage.until(
        'the Worker obeys another',
        () => registeredWorkers(stage) === 1 && stage.alive !== former,
      )
      yield stage.ms(100)
      stage.heal(former, worker)
      yield stage.ms(1000)
      former.thaw()
    },
  },
  {
    name: 'results are not acknowledged, and the link breaks',
    says: 'They come once more, while the next attempt of their task is here already: they are known, and count once (S7).',
    shape: { ...shape, workers: 1, submitters: 1, applications: 1, workerTimeoutMs: 24_000 },
    rates: { submitEveryMs: 1e9, taskFails: 0.5, taskMs: 20 },
    *play(stage) {
      const { network, applications, workers, tasks } = stage.world
      const [app, worker] = [applications[0]!, workers[0]!]
      yield stage.until('tasks flow', () => tasks.delivered > 10)
      for (let n = 0; n < 5; n++) {
        stage.cutOneWay(app, worker)
        yield stage.ms(200)
        network.breakConnections(app.name)
        stage.heal(app, worker)
        const { delivered } = tasks
        yield stage.until('tasks flow again', () => tasks.delivered > delivered + 10)
      }
    },
  },
  {
    name: 'one Worker of two cannot see the folder',
    says: 'The other is full: the application waits for it and does not end, is not launched in a storm, and runs once there is room (L1).',
    shape: { ...shape, workers: 2, submitters: 1, applications: 1, workerTimeoutMs: 24_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { world } = stage
      const [bad, good] = world.workers as [WorkerNode, WorkerNode]
      world.bad.set(bad.name, { how: 'start', sinceMs: 0 })
      // Failures may be few: only the good Worker counts.
      world.masterConfig.maxExecutorRetries = 1
      yield stage.until('a leader with its Workers', () => registeredWorkers(stage) === 2 && !!stage.client)
      const appOf = () => stage.alive?.process?.masterHost.snapshot().activeApps[0]
      const runs = (kind: string) => [...world.running].filter(({ plan }) => plan.kind === kind).length
      const app = world.applications[0]!
      yield stage.until('the application has begun', () => app.process?.served === true)
      // Drivers come first. They take the capacity of the application once its executors have ended.
      for (let n = 0; n < good.offer.cores; n++)
        stage.client?.submit({ supervise: true, args: [], cores: 1, memoryMib: 64 })
      for (const { process, plan } of [...world.running])
        if (plan.kind === 'startExecutor') good.process!.children.finish(process)
      yield stage.until('the good Worker is full of drivers', () => runs('startExecutor') === 0)
      const { id } = appOf()!
      yield stage.ms(60_000)
      stage.expect(appOf()?.id === id, 'L1', 'the application ended, though one Worker is good')
      stage.expect(appOf()?.waiting?.reason === 'LAUNCHES_FAILED', 'L1', 'it does not say why it waits')
      for (const { process, plan } of [...world.running])
        if (plan.kind === 'startDriver') good.process!.children.finish(process)
      yield stage.until('it has executors again', () => runs('startExecutor') > 0, 10_000, 'L1')
      world.bad.delete(bad.name)
    },
  },
  {
    name: 'a Worker has one port for all executors of an application',
    says: 'One of them runs on. The others end at once, and are tried with a longer back-off each time, beside it (L1).',
    shape: { ...shape, workers: 1, submitters: 1, applications: 1, workerTimeoutMs: 24_000 },
    rates: { submitEveryMs: 1e9, tasksAtOnce: 40, taskMs: 200 },
    *play(stage) {
      const { world } = stage
      world.bad.set(world.workers[0]!.name, { how: 'port', sinceMs: 0 })
      yield stage.until('the application has begun', () => world.applications[0]!.process?.served === true)
      const appOf = () => stage.alive?.process?.masterHost.snapshot().activeApps[0]
      const { id } = appOf()!
      yield stage.ms(2000)
      // It asks for one executor, which is all that runs there.
      if (!appOf()?.waiting) return
      yield stage.ms(60_000)
      const { executors, waiting } = appOf()!
      stage.expect(appOf()?.id === id, 'L1', 'the application ended, though one of its executors runs')
      stage.expect(executors.length === 1, 'L1', `${executors.length} of its executors run`)
      const { failures = 0, excluded } = waiting?.workers[0] ?? {}
      const told = `after a minute ${failures} failures in a row are told, excluded: ${excluded}`
      stage.expect(failures >= 5 && excluded === true, 'L1', told)
    },
  },
]
