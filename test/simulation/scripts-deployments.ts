import { fileOf } from './deployment-file.js'
import { registeredWorkers, type Script, type Stage } from './script.js'
import type { SimApplier } from './sim-applier.js'

const shape = { masters: 3, lockServers: 1, leaseMs: 1000, meanDelayMs: 0.2, validates: false } as const

/** What runs of deployment files: `NAME CONTENT GENERATION`. */
const programs = ({ world }: Stage): string =>
  [...world.running]
    .flatMap(({ plan }) =>
      plan.kind === 'startDriver'
        ? [`${plan.launch.description.name} ${plan.launch.description.env.CONTENT} ${plan.launch.generation}`]
        : [],
    )
    .sort()
    .join()

const endOf = ({ end }: SimApplier): string =>
  end?.kind === 'refused' ? end.code : end?.kind === 'applied' ? `applied ${end.number}` : (end?.kind ?? '')

/** Deployment files that are applied (protocol 15). */
export const deploymentScripts: readonly Script[] = [
  {
    name: 'an apply dies, and its leader with it',
    says:
      'Another one was refused while it was at work. The same file goes on under its number, waits for what was begun, and each driver has ' +
      'its new content once, as its next generation.',
    shape: { ...shape, workers: 1, submitters: 1, applications: 0, workerTimeoutMs: 12_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { appliers, store } = stage.world
      yield stage.until('a leader with its Worker', () => registeredWorkers(stage) === 1)
      const first = appliers.apply(fileOf({ api: 0, etl: 0 }), false)
      yield stage.until('both run', () => programs(stage) === 'api 0 1,etl 0 1')
      yield stage.until('it is applied', () => endOf(first) === 'applied 2')
      const file = fileOf({ api: 1, etl: 1 })
      const dying = appliers.apply(file, false)
      yield stage.until('it has begun', () => dying.number === 3)
      const other = appliers.apply(fileOf({ api: 2 }), true)
      const isReplaced = () =>
        [...store.model.rows('driver')].some(([, json]) => json.includes('replacement'))
      yield stage.until('a driver is to have its new content', isReplaced)
      yield stage.until('another one is refused', () => other.end !== undefined)
      stage.expect(endOf(other) === 'FIRESTEEL_APPLY_RUNS', 'claim', `it ended ${endOf(other)}`)
      dying.place.kill()
      stage.alive?.kill()
      const next = appliers.apply(file, false)
      yield stage.until('it is taken to its end', () => next.end !== undefined, 60_000, 'claim')
      stage.expect(endOf(next) === 'applied 3', 'claim', `it ended ${endOf(next)}`)
      yield stage.until('both run anew', () => programs(stage) === 'api 1 2,etl 1 2', 20_000, 'applied')
    },
  },
  {
    name: 'an apply looks, and another one goes on and dies',
    says: 'What the first one had seen holds no more once it may begin: it looks again, and what it calls applied is what its file says.',
    shape: { ...shape, workers: 1, submitters: 1, applications: 0, workerTimeoutMs: 12_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { appliers, network, store } = stage.world
      yield stage.until('a leader with its Worker', () => registeredWorkers(stage) === 1)
      const first = appliers.apply(fileOf({ api: 0, etl: 0 }), false)
      yield stage.until('it is applied', () => endOf(first) === 'applied 2')
      const leader = stage.alive!
      const dying = appliers.apply(fileOf({ api: 1, etl: 0 }), false)
      yield stage.until('one has begun', () => dying.number === 3)
      stage.cutOneWay(dying.place, leader)
      const slow = appliers.apply(fileOf({ api: 0, etl: 1 }), false)
      network.slowWay(slow.place.name, leader.name, 500)
      yield stage.until('another one has looked', () => slow.looks === 1)
      stage.heal(dying.place, leader)
      const isReplaced = () =>
        [...store.model.rows('driver')].some(([, json]) => json.includes('replacement'))
      yield stage.until('the first one goes on', isReplaced)
      dying.place.kill()
      yield stage.until('the other one has its place', () => slow.end !== undefined)
      stage.expect(endOf(slow) === 'applied 4', 'claim', `it ended ${endOf(slow)}`)
      yield stage.until(
        'its file runs',
        () => /^api 0 [23],etl 1 2$/.test(programs(stage)),
        20_000,
        'applied',
      )
    },
  },
  {
    name: 'new content, and the store falls to before it',
    says:
      'Its Worker alone knew what ran, and not its key. The new leader gave it the key of the former content, so that the former file ' +
      'changed nothing, whatever ran. Now the former file makes a driver of its own again.',
    shape: { ...shape, masters: 1, workers: 1, submitters: 1, applications: 0, workerTimeoutMs: 12_000 },
    rates: { submitEveryMs: 1e9 },
    *play(stage) {
      const { appliers, store, workers } = stage.world
      yield stage.until('a leader with its Worker', () => registeredWorkers(stage) === 1)
      const first = appliers.apply(fileOf({ etl: 0 }), false)
      yield stage.until('it is applied', () => endOf(first) === 'applied 2')
      yield stage.ms(100)
      const before = store.model.save()
      const next = appliers.apply(fileOf({ etl: 1 }), false)
      yield stage.until('it has its new content', () => programs(stage) === 'etl 1 2')
      yield stage.until('that is applied', () => endOf(next) === 'applied 3')
      // The next process of its Worker never knew the former content, and tells no end of it again.
      workers[0]?.kill()
      yield stage.until('it runs on the next process', () => programs(stage) === 'etl 1 3')
      yield stage.ms(100)
      stage.alive?.kill()
      stage.fallTo(before)
      const isAdopted = () =>
        [...store.model.rows('driver')].some(([, json]) => json.includes('"generation":3'))
      yield stage.until('another leader has adopted it', isAdopted)
      const former = appliers.apply(fileOf({ etl: 0 }), false)
      yield stage.until('the former file is applied', () => former.end !== undefined)
      yield stage.until('its content runs', () => /(^|,)etl 0 /.test(programs(stage)), 20_000, 'applied')
    },
  },
]
