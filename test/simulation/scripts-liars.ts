import { limits } from '../../runtime/limits.js'
import { Random } from './random.js'
import { registeredWorkers, type Script, type Stage, type Wait } from './script.js'

const shape = {
  masters: 3,
  workers: 2,
  submitters: 1,
  applications: 0,
  lockServers: 1,
  leaseMs: 1000,
} as const
const FLOOD_MS = 3000
const EVERY_MS = 100

/** Liars send to every process, over new links all the time. */
function* flood(stage: Stage): Generator<Wait, void, undefined> {
  const random = new Random(stage.world.seed)
  for (let ms = 0; ms < FLOOD_MS; ms += EVERY_MS) {
    stage.world.liar.visitAll(random)
    yield stage.ms(EVERY_MS)
  }
}

/**
 * How often the agent of a leader asked the store whether it leads. The commit queue, unlike the agent, names
 * the write id.
 */
function countTouches({ world }: Stage): () => number {
  const { model } = world.store
  const touch = model.touch.bind(model)
  let touches = 0
  model.touch = (fence, lock, prev, nowMs) => {
    if (prev === undefined) touches++
    return touch(fence, lock, prev, nowMs)
  }
  return () => touches
}

/** In FLOOD_MS: renewals, and one look for each claimLookMs. */
const TOUCHES_MAX = FLOOD_MS / (shape.leaseMs / 3) + FLOOD_MS / limits.claimLookMs + 2

const isWhole = (stage: Stage): boolean => !!stage.alive && registeredWorkers(stage) === shape.workers

export const liarScripts: readonly Script[] = [
  {
    name: 'a node lies',
    says:
      'A node without access to the store told Masters of epochs that never were. The leader stepped down, the next was elected to ' +
      'the last number that can be counted, and the one after it to the same.',
    shape: { ...shape, meanDelayMs: 0.2, validates: false },
    rates: { submitEveryMs: 200 },
    *play(stage) {
      yield stage.until('a leader with its Workers', () => isWhole(stage))
      const { alive: leader, epoch } = stage
      // A Worker that obeyed a leadership which the store forgot has reported it by then.
      yield stage.ms(limits.claimBeliefMs + 1000)
      const touches = countTouches(stage)
      const before = touches()
      yield* flood(stage)
      const asked = touches() - before
      stage.expect(asked <= TOUCHES_MAX, 'S1', `the store was asked ${asked} times because of lies`)
      stage.expect(stage.alive === leader, 'L1', 'a liar has ended a leadership')
      stage.expect(stage.epoch === epoch, 'L1', `a liar has brought the epoch to ${stage.epoch}`)
      yield stage.until('all Workers obey the leader', () => isWhole(stage), 1000, 'L1')
      // A liar may make the candidates wait once for a record cache that nobody has.
      stage.alive?.kill()
      yield stage.until('another leads', () => isWhole(stage), limits.rewindPatienceMs + 3000, 'L2')
      yield stage.ms(limits.claimBeliefMs + 1000)
      stage.world.liar.visitAll(new Random(stage.world.seed))
      yield stage.ms(EVERY_MS)
      const second = stage.epoch
      stage.alive?.kill()
      yield stage.until('a third, at once', () => !!stage.alive && stage.epoch > second, 500, 'L2')
      yield stage.until('all Workers obey it', () => isWhole(stage), 5000, 'L1')
      stage.expect(stage.epoch < 100, 'S1', `a liar has brought the epoch to ${stage.epoch}`)
    },
  },
  {
    name: 'a Worker lies about numbers',
    says:
      'A Worker told of a generation and an executor id at the end of all numbers. The next ones could not be counted: neither ' +
      'their records nor their commands were taken any more.',
    shape: { ...shape, applications: 1, meanDelayMs: 0.2, validates: true },
    rates: { submitEveryMs: 100 },
    *play(stage) {
      const random = new Random(stage.world.seed)
      yield stage.until('a leader with its Workers', () => isWhole(stage))
      for (const killed of [undefined, stage.world.workers[0], stage.world.workers[1]]) {
        // Its work waits, and is launched again above the observed numbers.
        killed?.kill()
        for (let ms = 0; ms < FLOOD_MS; ms += EVERY_MS) {
          stage.world.liar.claimNumbers(random)
          yield stage.ms(EVERY_MS)
        }
        stage.alive?.kill()
        yield stage.until('another leads', () => isWhole(stage), limits.rewindPatienceMs + 5000, 'L2')
      }
    },
  },
  {
    name: 'a node lies about how many Workers it hears',
    says:
      'A node registered more Workers than there are, left, and said as a STANDBY that it hears them. One leader after the other ' +
      'handed over to it.',
    shape: { ...shape, meanDelayMs: 0.2, validates: false },
    rates: { submitEveryMs: 200 },
    *play(stage) {
      const { world } = stage
      yield stage.until('a leader with its Workers', () => isWhole(stage))
      const { alive: leader, epoch } = stage
      for (let ms = 0; ms < 2 * FLOOD_MS; ms += EVERY_MS) {
        world.liar.inflateWorkers(leader!.process!.address)
        yield stage.ms(EVERY_MS)
      }
      stage.expect(stage.alive === leader, 'L1', 'a liar has ended a leadership')
      stage.expect(stage.epoch === epoch, 'L1', `a liar has brought the epoch to ${stage.epoch}`)
      // What it says does not keep a leader in office that no Worker hears, or choose the next one.
      for (const worker of world.workers) stage.cut(leader!, worker)
      yield stage.until(
        'another leads, which hears the Workers',
        () => stage.alive !== leader && isWhole(stage),
        world.linkDeadMs + 4 * shape.leaseMs,
        'L1',
      )
    },
  },
  {
    name: 'a node lies to every new leader',
    says:
      'A leader that was just elected believes once that its store forgot a leadership. A node that lies to one after the other must ' +
      'not keep the cluster without one.',
    shape: { ...shape, meanDelayMs: 0.2, validates: false },
    rates: { submitEveryMs: 200 },
    *play(stage) {
      yield stage.until('a leader with its Workers', () => isWhole(stage))
      // Each Master believes it once, and then not for `claimDoubtMs`.
      for (let n = 0; n < shape.masters; n++) {
        yield* flood(stage)
        yield stage.until('a leader with its Workers again', () => isWhole(stage), 5000, 'L1')
      }
      const { alive: leader, epoch } = stage
      yield* flood(stage)
      stage.expect(stage.alive === leader, 'L1', 'a liar has ended a leadership again')
      stage.expect(
        stage.epoch === epoch && epoch < 100,
        'S1',
        `a liar has brought the epoch to ${stage.epoch}`,
      )
    },
  },
]
