import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'node:test'
import { RunningTask } from '../../actors/executor/running-task.js'
import { context, taskContexts } from '../../actors/executor/task.js'

const executor = { id: 'app-1/0', host: 'h', cores: 1, resources: {} }
const reports = { progress: () => {}, output: () => {} }

test('a listener of the signal has the context of its task, and what the task itself keeps there', () => {
  const own = new AsyncLocalStorage<string>()
  const running = new RunningTask(3, 7, 2, executor, reports)
  const seen: unknown[] = []
  taskContexts.run(running, () =>
    own.run('mine', () =>
      context().signal.addEventListener('abort', () => {
        const { taskId, attempt, signal } = context()
        seen.push(taskId, attempt, own.getStore(), (signal.reason as { code: string }).code)
      }),
    ),
  )
  const other = new RunningTask(4, 8, 1, executor, reports)
  taskContexts.run(other, () => running.abort('timeout'))
  assert.deepEqual(seen, [7, 2, 'mine', 'FIRESTEEL_TASK_TIMEOUT'])
})

test('a task that never asked for its signal learns there that it was told to end', () => {
  const running = new RunningTask(3, 7, 1, executor, reports)
  running.abort('cancelled')
  assert.equal(
    taskContexts.run(running, () => context().signal.aborted),
    true,
  )
})
