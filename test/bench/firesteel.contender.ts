import { map } from '../../actors/tasks/map.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'
import { startDriver } from '../tools/tasks-fixture.js'
import type { StartContender } from './contender.js'

type NoOp = { default(value: number): number }
const noOpUrl = new URL('./no-op-task.js', import.meta.url)

/** This package: `map` over one executor process with so many threads. */
export const start: StartContender = async ({ threads }) => {
  const driver = await startDriver()
  await driver.start({ cores: Number(threads) })
  const { default: noOp } = tasksOf<NoOp>(driver.pool, noOpUrl)
  return {
    async run(tasks) {
      const numbers = Array.from({ length: tasks }, (_, index) => index)
      let sum = 0
      for await (const value of map(driver.pool, noOp, numbers)) sum += value
      return sum
    },
    close: async () => driver[Symbol.asyncDispose](),
  }
}
