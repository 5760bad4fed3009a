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
]
