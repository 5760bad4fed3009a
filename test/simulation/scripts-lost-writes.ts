import { registeredWorkers, type Script } from './script.js'

const shape = { masters: 3, lockServers: 1, leaseMs: 1000, meanDelayMs: 0.2, validates: false } as const

/** Lost writes that come late, and what was told meanwhile (protocol 12.3). */
export const lostWriteScripts: readonly Script[] = [
  {
    name: 'its end first, its submission afterwards',
    says:
      'A Master accepted a driver and froze, the next one launched it and died, the store fell to before both. The Worker told the third ' +
      'one the end of a driver that nobody knew, and was acknowledged. Then the first one woke and gave its record back: it ran again.',
    shape: { ...shape, workers: 1, submitters: 1, applications: 0, workerTimeoutMs: 24_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { store, network, running, workers, history } = stage.world
      const [node] = workers
      network.darken(node!.name)
      yield stage.until('a leader', () => stage.alive !== undefined && !!stage.client)
      const first = stage.alive!
      const before = store.model.save()
      const key = stage.client!.submit({ args: [], cores: 1, supervise: true })
      yield stage.until('a driver waits', () => history.idOf(key) !== undefined)
      yield stage.ms(100)
      stage.freeze(first)
      network.lighten(node!.name)
      yield stage.until('the next Master launches it', () => stage.alive !== first && running.size === 1)
      const second = stage.alive!
      yield stage.ms(100)
      second.kill()
      stage.fallTo(before)
      for (const { process } of running) node?.process?.children.finish(process)
      yield stage.until(
        'a third one ALIVE with the Worker',
        () => stage.alive !== undefined && stage.alive !== first && registeredWorkers(stage) === 1,
      )
      yield stage.ms(1000)
      first.thaw()
      yield stage.until(
        'the driver is known to have ended',
        () => stage.alive?.process?.masterHost.snapshot().completedDrivers.length === 1,
        10_000,
        'S5',
      )
    },
  },
  {
    name: 'an end of an earlier generation, told again before the later one reports',
    says:
      'A driver was given up on one Worker and ran on another. The store fell to before that, and no Master lived that knew better. The ' +
      'first Worker told the end of its generation again, which was the end of the driver; then the second one was told to kill it (S3a).',
    shape: { ...shape, masters: 2, workers: 2, submitters: 1, applications: 0, workerTimeoutMs: 4000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { masters, workers, store, running } = stage.world
      const children = () => [...running].map(({ process }) => process.replace(/^.*?\//, '')).join()
      yield stage.until('a leader with its Workers', () => registeredWorkers(stage) === 2 && !!stage.client)
      stage.client!.submit({ supervise: true, onIsolation: 'run', args: [], cores: 1 })
      yield stage.until('it runs', () => children() === '1/1')
      yield stage.ms(500)
      const before = store.model.save()
      const earlier = workers.find(({ process }) => process?.incarnation === [...running][0]?.workerId)!
      const later = workers.find((worker) => worker !== earlier)!
      for (const master of masters) stage.cut(earlier, master)
      yield stage.until('it runs elsewhere as well', () => running.size === 2)
      for (const master of masters) stage.heal(earlier, master)
      yield stage.until('it runs there only', () => children() === '2/1')
      yield stage.ms(500)
      for (const master of masters) {
        master.kill()
        stage.cut(later, master)
      }
      stage.fallTo(before)
      yield stage.until('a leader with one Worker', () => stage.alive !== undefined)
      yield stage.ms(1500)
      for (const master of masters) stage.heal(later, master)
      yield stage.ms(3000)
      stage.expect(children() === '2/1', 'S3a', `the later generation runs no longer, but ${children()}`)
    },
  },
]
