import type { Random } from '../random.js'
import { type TaskKind, type TaskPlan, taskKinds } from './sample-task.js'
import type { Order, Plan } from './thread-history.js'

/** Sizes around what a ring of `ringBytes` accepts, around its whole size, and around the limit. */
function drawSize(random: Random, ringBytes: number, maxResultBytes: number): number {
  const around = random.pick([0, 0, ringBytes / 2 - 16, ringBytes, maxResultBytes])
  return Math.max(0, Math.min(1000, Math.round(around + random.between(-12, 12))))
}

const common: readonly TaskKind[] = [
  'text',
  'text',
  'textLater',
  'bytes',
  'bytesLater',
  'fails',
  'failsLater',
]

const orderKinds = [
  'run',
  'run',
  'run',
  'run',
  'cancel',
  'cancel',
  'cancel',
  'recall',
  'pause',
  'later',
] as const

export function drawPlan(random: Random): Plan {
  const threads = 1 + random.int(3)
  const tasksPerThread = random.pick([1, 1, 2, 3, 7])
  const slots = random.pick([2, 4, 8, 32])
  const ringBytes = random.pick([64, 256, 256, 1024])
  const maxResultBytes = random.pick([300, 900, 900])
  // Some kinds do not occur in some histories, because common kinds hide rare ones.
  const kinds = taskKinds.filter(() => random.chance(0.4))
  const odd = random.pick([0, 0.1, 0.5])
  const drawTask = (): TaskPlan => ({
    kind: random.chance(odd) && kinds.length > 0 ? random.pick(kinds) : random.pick(common),
    size: drawSize(random, ringBytes, maxResultBytes),
    timeoutMs: random.chance(0.2) ? 1 + random.int(40) : 0,
  })
  const orders: Order[] = random.chance(0.5) ? [{ kind: 'warm' }] : []
  let tasks = 0
  let paused = false
  for (let left = 1 + random.int(10); left > 0; left--) {
    const kind = random.pick([...orderKinds])
    if (kind === 'run' || tasks === 0) {
      const batch = Array.from({ length: 1 + random.int(random.pick([2, 6, 12])) }, drawTask)
      tasks += batch.length
      orders.push({ kind: 'run', tasks: batch })
    } else if (kind === 'cancel') orders.push({ kind, task: random.int(tasks) })
    else if (kind === 'recall') orders.push({ kind, count: 1 + random.int(6) })
    else if (kind === 'later') orders.push({ kind, atMs: random.int(1200) })
    else {
      paused = !paused
      orders.push({ kind, paused })
    }
  }
  if (paused) orders.push({ kind: 'pause', paused: false })
  const kills = random.pick([0, 0, 1, 3])
  const stillborn = random.pick([0, 0, 0, 0, 0, 1, 3, 100])
  const stillbornFrom = random.pick([0, 0, 1, 2])
  return {
    threads,
    tasksPerThread,
    slots,
    ringBytes,
    maxResultBytes,
    orders,
    kills,
    stillborn,
    stillbornFrom,
  }
}
