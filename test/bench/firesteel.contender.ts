import { map } from '../../actors/tasks/map.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'
import { TaskSummaries } from '../../actors/tasks/task-summaries.js'
import { limits } from '../../runtime/limits.js'
import { startDriver } from '../tools/tasks-fixture.js'
import type { StartContender } from './contender.js'

type NoOp = { default(value: number): number }
const noOpUrl = new URL('./no-op-task.js', import.meta.url)

/**
 * This package: `map` over one executor process with so many threads. With `summaries` it makes what its
 * Master is told, and says it to nobody. With `secure` the executor speaks TLS.
 */
export const start: StartContender = async ({ threads, summaries: hasSummaries, secure }) => {
  const summaries = hasSummaries ? new TaskSummaries(performance.now()) : undefined
  const driver = await startDriver({}, 1, summaries, secure === 1)
  const telling = setInterval(() => {
    summaries?.take(driver.pool.stats(), performance.now())
  }, limits.summaryEveryMs)
  await driver.start({ cores: Number(threads) })
  const { default: noOp } = tasksOf<NoOp>(driver.pool, noOpUrl)
  return {
    async run(tasks) {
      const numbers = Array.from({ length: tasks }, (_, index) => index)
      let sum = 0
      for await (const value of map(driver.pool, noOp, numbers)) sum += value
      return sum
    },
    close: async () => {
      clearInterval(telling)
      await driver[Symbol.asyncDispose]()
    },
  }
}
