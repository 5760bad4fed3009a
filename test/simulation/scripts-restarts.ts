import { registeredWorkers, type Script, type Stage } from './script.js'

const shape = { masters: 3, lockServers: 1, leaseMs: 1000, meanDelayMs: 0.2, validates: false } as const

const programs = ({ world }: Stage): string =>
  [...world.running].map(({ process }) => process.replace(/^.*?\//, '')).join()

/** Restarts of Workers that people ask for (protocol 8.6). */
export const restartScripts: readonly Script[] = [
  {
    name: 'a Worker is asked to restart, and the leader that told it dies',
    says:
      'The next leader is asked the same when it is back, and does not tell the Worker once more. Two people who ask at once restart it once. Its driver is ' +
      'taken back each time, and all hear that it is back.',
    shape: { ...shape, workers: 1, submitters: 2, applications: 0, workerTimeoutMs: 12_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { workers, running, submitters, checks } = stage.world
      const node = workers[0]!
      yield stage.until('a leader with its Worker', () => registeredWorkers(stage) === 1 && !!stage.client)
      stage.client!.submit({ supervise: true, args: [], cores: 1 })
      yield stage.until('a driver runs', () => programs(stage) === '1/1')
      yield stage.ms(500)
      const child = [...running][0]!
      const former = stage.alive!
      const first = node.process
      const [one, other] = submitters
      // No answer comes before the Worker is back, so that the next leader is asked as if for the first time.
      stage.cutOneWay(former, one!)
      for (const next of stage.othersThan(former)) stage.cut(one!, next)
      void one?.process?.restartWorker(node.name)
      yield stage.until('its Worker restarts', () => first?.isLeaving === true)
      former.kill()
      yield stage.until('its next process is there', () => node.place !== undefined && node.process !== first)
      yield stage.until('another one leads', () => stage.alive !== former && registeredWorkers(stage) === 1)
      yield stage.ms(500)
      for (const next of stage.othersThan(former)) stage.heal(one!, next)
      yield stage.until('who asked hears of it', () => checks.restarts.done === 1, 30_000, 'restart')
      stage.expect(node.starts === 2, 'restart', `it has had ${node.starts} processes`)
      stage.expect(running.has(child) && running.size === 1, 'S3a', `${programs(stage)} runs, no longer 1/1`)
      stage.heal(former, one!)
      void one?.process?.restartWorker(node.name)
      void other?.process?.restartWorker(node.name)
      yield stage.until('both hear of one more', () => checks.restarts.done === 3, 30_000, 'restart')
      stage.expect(node.starts === 3, 'restart', `it has had ${node.starts} processes`)
      stage.expect(running.has(child) && running.size === 1, 'S3a', `${programs(stage)} runs, no longer 1/1`)
      stage.expect(node.process?.incarnation === first?.incarnation, 'S3a', 'it is another Worker now')
    },
  },
]
