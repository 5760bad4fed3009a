import { limits } from '../../runtime/limits.js'
import { registeredWorkers, type Script, type Stage, type Wait } from './script.js'

const shape = { masters: 3, lockServers: 1, leaseMs: 1000, meanDelayMs: 0.2, validates: false } as const

function* killLeader(stage: Stage): Generator<Wait, void, undefined> {
  const { epoch } = stage
  if (!stage.alive) return
  stage.alive.kill()
  // It may be the same one, started again.
  yield stage.until('a Master ALIVE again', () => !!stage.alive && stage.epoch > epoch, 500, 'L2')
}

/** Elections, and what a store that lost writes does to them. */
export const electionScripts: readonly Script[] = [
  {
    name: 'elected three times, read by nobody',
    says:
      'The store fell. The Master with the image was elected but could not read in time, nor could the next two. An acknowledged ' +
      'submission was forgotten while the process that had it lived: the base of the last one was above what was lost.',
    shape: { ...shape, workers: 1, submitters: 1, applications: 0 },
    rates: { submitEveryMs: 100 },
    *play(stage) {
      const { store, history } = stage.world
      yield stage.until('some acknowledgements', () => !!stage.alive && history.acknowledgements > 3)
      const before = store.model.save()
      yield stage.until('more of them', () => history.acknowledgements > 10)
      stage.fallTo(before)
      const fallen = stage.epoch
      yield stage.until('an election', () => stage.epoch > fallen)
      for (let n = 0; n < 3; n++) {
        const { epoch } = stage
        const elected = stage.elected!
        // The answer is on its way. Its next requests do not arrive.
        stage.cutOneWay(elected, store)
        yield stage.until('the next election', () => stage.epoch > epoch)
        stage.heal(elected, store)
      }
      yield stage.until('a Master ALIVE', () => stage.alive !== undefined)
    },
  },
  {
    name: 'two owners of one epoch',
    says: 'A Master led and froze, the store forgot its election, another is elected to the same epoch: its Worker stays with the first.',
    shape: { ...shape, workers: 1, submitters: 1, applications: 0, workerTimeoutMs: 24_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { store, workers, running } = stage.world
      yield stage.until(
        'a leader with its Worker',
        () => stage.alive?.process?.masterHost.snapshot().workers[0]?.state === 'ALIVE',
      )
      const former = stage.alive!
      const before = store.model.save()
      const [first, second] = stage.othersThan(former)
      if (!first || !second) return
      for (const other of [former, second]) stage.cut(first, other)
      stage.cut(second, store)
      stage.freeze(former)
      yield stage.until('the first leads its Worker', () => {
        const state = first.leads ? first.process?.masterHost.snapshot() : undefined
        return (
          state?.state === 'ALIVE' &&
          state.workers.some(({ id, state: is }) => is === 'ALIVE' && id === workers[0]?.process?.incarnation)
        )
      })
      stage.client?.submit({ args: [], cores: 1, supervise: true, onIsolation: 'run' })
      yield stage.until('it launches a driver', () => running.size > 0)
      const { epoch } = stage
      const fence = { epoch, owner: first.process!.incarnation }
      stage.freeze(first)
      stage.fallTo(before)
      stage.heal(second, store)
      yield stage.until(
        'the second is elected to the same epoch',
        () => stage.epoch === epoch && stage.elected === second,
      )
      // Its request from before the freeze arrives late. The simulator does the checks of the store.
      store.model.touch(fence, 'lock', undefined, store.machine.wallMs())
      yield stage.until('somebody is elected above', () => stage.epoch > epoch, 20_000, 'L1')
      former.thaw()
      first.thaw()
    },
  },
  {
    name: 'one epoch on two branches',
    says:
      'A Master was elected, and the store fell before anybody heard of it: the next one had the same epoch. The store came back to the ' +
      'first, and what the second had acknowledged was taken for known to it: forgotten while the process that had it lived.',
    shape: { ...shape, workers: 1, submitters: 1, applications: 0 },
    rates: { submitEveryMs: 100 },
    *play(stage) {
      const { store, history } = stage.world
      yield stage.until('some acknowledgements', () => !!stage.alive && history.acknowledgements > 3)
      const former = stage.alive!
      const before = store.model.save()
      yield stage.until('many more', () => history.acknowledgements > 20)
      const { epoch } = stage
      former.kill()
      yield stage.until('an election', () => stage.epoch > epoch)
      // Before it could announce it.
      const unheard = stage.elected!
      const there = stage.epoch
      stage.freeze(unheard)
      const branch = store.model.save()
      stage.fallTo(before)
      yield stage.until('the same epoch once more', () => stage.epoch === there && stage.elected !== unheard)
      const second = stage.elected!
      yield stage.until('it is ALIVE', () => stage.alive === second)
      const acknowledged = history.acknowledgements
      yield stage.until('it acknowledges', () => history.acknowledgements > acknowledged + 3)
      stage.fallTo(branch)
      yield stage.until('another is elected', () => stage.epoch > there)
      unheard.thaw()
      yield stage.until('a Master ALIVE', () => stage.alive !== undefined)
      yield stage.ms(2000)
    },
  },
  {
    name: 'who has the record cache is slow',
    says: 'The store fell and the Master with the image does not reach it: who is elected waits for that image, and until then says nothing of what it does not know.',
    shape: { ...shape, workers: 1, submitters: 2, applications: 0 },
    rates: { submitEveryMs: 30 },
    *play(stage) {
      const { store, history, network, checks } = stage.world
      yield stage.until('some acknowledgements', () => !!stage.alive && history.acknowledgements > 3)
      const former = stage.alive!
      const before = store.model.save()
      yield stage.until('more of them', () => history.acknowledgements > 20)
      checks.debts.strict = true
      stage.cut(former, store)
      stage.fallTo(before)
      yield stage.until('another is elected', () => stage.elected !== undefined && stage.elected !== former)
      network.slow(former.name, 400)
      yield stage.until('it is ALIVE', () => stage.alive !== undefined && stage.alive !== former)
      network.slow(former.name, 0)
      stage.heal(former, store)
      yield stage.ms(2000)
    },
  },
  {
    name: 'adopted, ended, and only then remembered',
    says:
      'The store fell. A Worker brought a driver back, it ended, and then came the record of it from a Master that was slow: its ' +
      'key was in no book any more, and the same key made a second driver.',
    shape: { ...shape, workers: 1, submitters: 1, applications: 0, workerTimeoutMs: 24_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { store, network, checks, running, workers, history } = stage.world
      const worker = () => workers[0]?.process
      yield stage.until('a leader with its Worker', () => !!stage.client && registeredWorkers(stage) === 1)
      const former = stage.alive!
      const before = store.model.save()
      const key = stage.client!.submit({ args: [], cores: 1, supervise: true })
      yield stage.until('it runs', () => running.size === 1 && history.idOf(key) !== undefined)
      checks.debts.strict = true
      stage.cut(former, store)
      stage.fallTo(before)
      yield stage.until('another is elected', () => stage.elected !== undefined && stage.elected !== former)
      network.slow(former.name, 400)
      const leads = () => stage.elected?.process?.masterHost
      yield stage.until(
        'the driver is adopted',
        () => leads()?.current !== undefined && leads()!.snapshot().activeDrivers.length > 0,
      )
      for (const { process } of running) worker()?.children.finish(process)
      yield stage.until('it has ended', () => leads()!.snapshot().completedDrivers.length > 0)
      yield stage.until('a Master ALIVE', () => stage.alive !== undefined)
      network.slow(former.name, 0)
      stage.heal(former, store)
      let isAnswered = false
      void stage.client!.again(key).then(() => {
        isAnswered = true
      })
      yield stage.until('the same key is answered', () => isAnswered)
    },
  },
  {
    name: 'killed, forgotten, launched, and only then remembered',
    says:
      'The store fell to where a driver still waited, and the Master that knew of its kill was frozen: it was launched. When that Master told ' +
      'of the kill the driver left the books, and its process ran on.',
    shape: { ...shape, masters: 2, workers: 1, submitters: 1, applications: 0, workerTimeoutMs: 24_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { store, network, workers, running, history } = stage.world
      network.darken(workers[0]!.name)
      yield stage.until('a leader', () => stage.alive !== undefined && !!stage.client)
      const former = stage.alive!
      const key = stage.client!.submit({ args: [], cores: 1, supervise: true })
      yield stage.until('a driver waits', () => history.idOf(key) !== undefined)
      yield stage.ms(100)
      const before = store.model.save()
      let isKilled = false
      void stage.client!.kill(key).then(() => {
        isKilled = true
      })
      yield stage.until('it is killed', () => isKilled)
      stage.freeze(former)
      stage.fallTo(before)
      network.lighten(workers[0]!.name)
      yield stage.until('it runs all the same', () => running.size === 1)
      former.thaw()
      // It may not obey SIGTERM.
      yield stage.until('it is ended', () => running.size === 0, 15_000, 'S2')
    },
  },
  {
    name: 'the store falls to a leader that is frozen',
    says:
      'A leader froze, another led, and the store fell to the first. How long a Worker lets its drivers live was counted against that one, ' +
      'though it gives up as soon as it wakes: a false alarm of the check for S3b.',
    shape: { ...shape, workers: 1, submitters: 1, applications: 0, workerTimeoutMs: 4000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { store, running } = stage.world
      yield stage.until('a leader with its Worker', () => !!stage.client && registeredWorkers(stage) === 1)
      const former = stage.alive!
      stage.client!.submit({ args: [], cores: 1, supervise: true, onIsolation: 'stop' })
      yield stage.until('a driver runs', () => running.size === 1)
      const before = store.model.save()
      stage.freeze(former)
      yield stage.until('another Master ALIVE', () => stage.alive !== undefined && stage.alive !== former)
      yield stage.ms(6000)
      stage.fallTo(before)
      yield stage.ms(2000)
      former.thaw()
      yield stage.ms(2000)
    },
  },
  {
    name: 'the leader is killed',
    says: 'Link closed, door refused, presence gone: another Master is ALIVE within 500 ms (L2).',
    shape: { ...shape, workers: 3, submitters: 1, applications: 1 },
    *play(stage) {
      yield stage.until('a leader', () => stage.alive !== undefined)
      yield stage.ms(5000)
      yield* killLeader(stage)
    },
  },
  {
    name: 'a lock server is away, and the leader is killed',
    says: 'Two of three are a majority: it takes no longer (L2).',
    shape: { ...shape, lockServers: 3, workers: 3, submitters: 1, applications: 1 },
    *play(stage) {
      const { random, locks } = stage.world
      yield stage.until('a leader', () => stage.alive !== undefined)
      const away = locks[random.int(locks.length)]!
      if (random.chance(0.5)) away.stop()
      else away.freeze()
      yield stage.ms(5000)
      yield* killLeader(stage)
    },
  },
  {
    name: 'the leader is frozen',
    says: 'Its lock runs out after one lease at most, and the others try when it does (L2).',
    shape: { ...shape, workers: 3, submitters: 1, applications: 1 },
    *play(stage) {
      const { world } = stage
      yield stage.until('a leader', () => stage.alive !== undefined)
      yield stage.ms(5000 + world.random.between(0, world.leaseMs))
      const former = stage.alive
      if (!former) return
      stage.freeze(former)
      yield stage.until(
        'another Master ALIVE',
        () => !!stage.alive && stage.alive !== former,
        1.5 * world.leaseMs,
        'L2',
      )
      former.thaw()
    },
  },
  {
    name: 'who hands over stays until its successor is ALIVE',
    says: 'Its end, and the process that follows it, take no processor from the recovery; it does not wait longer (protocol 13).',
    shape: { ...shape, workers: 2, submitters: 1, applications: 1 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { workers, network, leaseMs } = stage.world
      yield stage.until('a leader with its Workers', () => registeredWorkers(stage) === 2)
      // By then it knows a STANDBY whose store answers.
      yield stage.ms(leaseMs)
      const former = stage.alive!
      const { place, process } = former
      const slow = workers[0]!
      network.slow(slow.name, 50)
      void process!.stop()
      yield stage.until('another Master ALIVE', () => !!stage.alive && stage.alive !== former)
      stage.expect(former.place === place, 'script', `${former.name} ended during the recovery`)
      network.slow(slow.name, 0)
      yield stage.until('its end', () => former.place !== place, limits.handOverLingerMs / 4)
    },
  },
  {
    name: 'a leader hears of nothing',
    says: 'It ends its leadership by its own clock, its margin before the lease of what was answered last runs out (protocol 6).',
    shape: { ...shape, workers: 1, submitters: 1, applications: 0 },
    *play(stage) {
      const { world } = stage
      yield stage.until('a leader with its Worker', () => registeredWorkers(stage) === 1)
      yield stage.ms(1000 + world.random.between(0, world.leaseMs))
      const former = stage.alive
      if (!former) return
      for (const other of [world.store, ...world.locks, ...world.workers, ...stage.othersThan(former)])
        stage.cut(former, other)
      yield stage.until('another Master ALIVE', () => !!stage.alive && stage.alive !== former)
      yield stage.ms(2 * world.leaseMs)
      world.network.healAll()
      yield stage.ms(2 * world.leaseMs)
    },
  },
]
