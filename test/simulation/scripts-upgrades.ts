import type { MasterNode } from './nodes.js'
import type { Script, Stage, Wait } from './script.js'
import { newer, older } from './upgrades.js'

const shape = {
  ...{ masters: 3, workers: 1, submitters: 1, applications: 0, lockServers: 1 },
  ...{ leaseMs: 1000, workerTimeoutMs: 24_000, meanDelayMs: 0.2, validates: false },
} as const
const rates = { submitEveryMs: 300 } as const

const storedFormat = ({ world }: Stage): number | undefined => world.store.model.leader()?.format

/** All Masters are of the older release, and then these of the newer one. */
function* upgrade(stage: Stage, masters: readonly MasterNode[]): Generator<Wait, void, undefined> {
  stage.world.upgrades.begin()
  yield stage.until('a leader', () => stage.alive !== undefined && !!stage.client)
  for (const master of masters) {
    master.changeTo(newer)
    yield stage.until(
      'it runs the newer release, and one leads',
      () => !!master.place && master.process?.formats === newer && stage.alive !== undefined,
    )
  }
}

/** All Masters are of the newer release, and the store has its format. */
function* upgradeAll(stage: Stage): Generator<Wait, void, undefined> {
  const { masters } = stage.world
  yield* upgrade(stage, masters)
  void stage.client!.finishUpgradeAtLast(masters.length)
  yield stage.until('the store is raised', () => storedFormat(stage) === newer.max)
}

/** Rolling upgrades, there and back (protocol 13.1). */
export const upgradeScripts: readonly Script[] = [
  {
    name: 'a Master of the older release looks, and the store is raised before it asks',
    says:
      'The leader is cut off from the lock and from one Master of the older release, and is told that the upgrade is over. That one has ' +
      'read the former format, gets the lock, and asks to be elected.',
    shape,
    rates,
    *play(stage) {
      const { masters, locks, network, store } = stage.world
      const old = masters[2]!
      yield* upgrade(stage, stage.othersThan(old))
      yield stage.until('one that may raise the store leads', () => {
        if (stage.alive === old) old.kill()
        return stage.alive !== undefined && stage.alive !== old && !!stage.client && !!old.place
      })
      const leader = stage.alive!
      const third = stage.othersThan(leader).find((other) => other !== old)!
      stage.cut(leader, old)
      const newest = () => leader.process?.masterHost.snapshot().store?.newest
      yield stage.until('they are not linked any more', () => newest() === newer.max)
      let asks = false
      const { engine } = old.process!
      const elect = engine.elect.bind(engine)
      engine.elect = (request) => {
        asks = true
        return elect(request)
      }
      network.slowWay(old.name, store.name, 60)
      for (const lock of locks) for (const one of [leader, third]) stage.cut(one, lock)
      yield stage.until('the old one asks to be elected', () => asks)
      stage.expect(storedFormat(stage) === older.max, 'script', 'it has read the former format')
      stage.client!.finishUpgrade(undefined).catch(() => {})
      yield stage.until('the store is raised', () => storedFormat(stage) === newer.max)
      yield stage.ms(500)
      network.slowWay(old.name, store.name, 0)
      for (const lock of locks) for (const one of [leader, third]) stage.heal(one, lock)
      stage.heal(leader, old)
      const { epoch } = stage
      stage.elected?.kill()
      yield stage.until('another one leads', () => stage.alive !== undefined && stage.epoch > epoch)
    },
  },
  {
    name: 'the older release comes back to a store that is raised',
    says:
      'The upgrade is over, and one Master goes back to the older release all the same. It ends at its start, and again; when the others ' +
      'die, it does not lead.',
    shape,
    rates,
    *play(stage) {
      const { masters } = stage.world
      yield* upgradeAll(stage)
      const [back, ...others] = masters
      back!.changeTo(older)
      yield stage.until('the older release has started', () => back!.process?.formats === older)
      const { process } = back!
      yield stage.ms(2000)
      const { epoch } = stage
      for (const other of others) other.kill()
      yield stage.until('another one leads', () => stage.alive !== undefined && stage.epoch > epoch)
      stage.expect(process?.isRefused === true, 'script', 'the older release has ended at its start')
    },
  },
  {
    name: 'a store that was raised is lost',
    says: 'The upgrade is over, and the store comes back empty. It gets the format that it had, because the Masters know it.',
    shape,
    rates,
    *play(stage) {
      const empty = stage.world.store.model.save()
      yield* upgradeAll(stage)
      const leader = stage.alive
      yield stage.ms(100)
      stage.fallTo(empty)
      yield stage.until('the next election', () => stage.epoch > 0)
      stage.expect(storedFormat(stage) === newer.max, 'format', `the store has format ${storedFormat(stage)}`)
      stage.expect(stage.elected === leader, 'script', 'whoever has the record cache is elected')
      yield stage.until('a Master ALIVE', () => stage.alive !== undefined)
    },
  },
]
