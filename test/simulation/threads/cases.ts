import type { TaskKind, TaskPlan } from './sample-task.js'
import type { Plan } from './thread-history.js'

/** A small plan. Every history is tried that departs from the first choice at few places. */
export interface Case extends Plan {
  readonly name: string
}

const small = {
  threads: 1,
  tasksPerThread: 1,
  slots: 4,
  ringBytes: 64,
  maxResultBytes: 900,
  kills: 0,
  stillborn: 0,
  stillbornFrom: 0,
} as const
const task = (kind: TaskKind, size = 3, timeoutMs = 0): TaskPlan => ({ kind, size, timeoutMs })
/** Larger than the ring allows. */
const LARGE = 200

export const cases: readonly Case[] = [
  {
    ...small,
    name: 'a small result and a large one',
    orders: [{ kind: 'run', tasks: [task('text'), task('bytes', LARGE)] }],
  },
  {
    ...small,
    name: 'a large result, and its thread is killed',
    kills: 1,
    orders: [{ kind: 'run', tasks: [task('bytes', LARGE), task('text')] }],
  },
  {
    ...small,
    name: 'more results than the ring takes',
    orders: [{ kind: 'run', tasks: [task('text', 10), task('text', 12), task('fails', 1), task('text', 9)] }],
  },
  {
    ...small,
    name: 'cancelled while it begins',
    orders: [
      { kind: 'run', tasks: [task('textLater'), task('text')] },
      { kind: 'cancel', task: 1 },
      { kind: 'cancel', task: 0 },
    ],
  },
  {
    ...small,
    name: 'taken back, and others in its place',
    slots: 2,
    orders: [
      { kind: 'run', tasks: [task('text'), task('text')] },
      { kind: 'recall', count: 1 },
      { kind: 'run', tasks: [task('bytes', LARGE), task('text')] },
    ],
  },
  {
    ...small,
    name: 'two threads, and one takes from the other',
    threads: 2,
    orders: [{ kind: 'run', tasks: [task('text'), task('textLater'), task('text'), task('text')] }],
  },
  {
    ...small,
    name: 'its time is over when it ends',
    orders: [{ kind: 'run', tasks: [task('bytesLater', LARGE, 15), task('text')] }],
  },
  {
    ...small,
    name: 'its time is over when its module does not load',
    orders: [{ kind: 'run', tasks: [task('broken', 3, 10), task('text')] }],
  },
  {
    ...small,
    name: 'the first threads cannot start',
    threads: 2,
    stillborn: 3,
    orders: [{ kind: 'warm' }, { kind: 'run', tasks: [task('text'), task('text')] }],
  },
  {
    ...small,
    name: 'no thread can start',
    stillborn: 100,
    orders: [
      { kind: 'run', tasks: [task('text')] },
      { kind: 'run', tasks: [task('text')] },
    ],
  },
  {
    ...small,
    name: 'one thread works, and no other can start',
    threads: 2,
    stillborn: 100,
    stillbornFrom: 1,
    orders: [{ kind: 'run', tasks: [task('heeds'), task('text'), task('text')] }],
  },
  {
    ...small,
    name: 'one ends its thread, the next waits for another',
    orders: [{ kind: 'run', tasks: [task('text'), task('exits'), task('text')] }],
  },
  {
    ...small,
    name: 'two at a time, and one result is large',
    tasksPerThread: 2,
    orders: [{ kind: 'run', tasks: [task('textLater'), task('bytesLater', LARGE), task('text')] }],
  },
  {
    ...small,
    name: 'of two at a time one ignores its time',
    tasksPerThread: 2,
    orders: [{ kind: 'run', tasks: [task('ignores', 3, 10), task('textLater')] }],
  },
  {
    ...small,
    name: 'of two at a time one ends their thread',
    tasksPerThread: 2,
    orders: [{ kind: 'run', tasks: [task('textLater'), task('exits')] }],
  },
  {
    ...small,
    name: 'of two at a time one does not load, and the other goes on',
    tasksPerThread: 2,
    orders: [{ kind: 'run', tasks: [task('heeds'), task('flaky'), task('textLater')] }],
  },
  {
    ...small,
    name: 'what a task left behind keeps its thread busy',
    orders: [
      { kind: 'run', tasks: [task('leaves'), task('text')] },
      { kind: 'later', atMs: 500 },
      { kind: 'run', tasks: [task('text'), task('text')] },
    ],
  },
  {
    ...small,
    name: 'of two at a time one is cancelled',
    tasksPerThread: 2,
    orders: [
      { kind: 'run', tasks: [task('heeds'), task('textLater')] },
      { kind: 'cancel', task: 0 },
    ],
  },
]

/** Throws an Error that names the existing ones. */
export function caseNamed(name: string): Case {
  const found = cases.find((one) => one.name === name)
  if (found) return found
  throw new Error(
    `--case: there is no ${JSON.stringify(name)}; there are ${cases.map((c) => c.name).join(', ')}`,
  )
}
