import type { Setting, StartContender } from './contender.js'

/* One candidate in a process of its own: warms up, runs once, prints its rate. */

const WARM_UP_SHARE = 0.25

const { module, setting, tasks } = JSON.parse(process.argv[2] ?? '') as {
  module: string
  setting: Setting
  tasks: number
}
const { start } = (await import(module)) as { start: StartContender }
const contender = await start(setting)
const run = async (count: number): Promise<number> => {
  const beganMs = performance.now()
  const sum = await contender.run(count)
  const perSecond = Math.round((count / (performance.now() - beganMs)) * 1000)
  if (sum !== (count * (count - 1)) / 2) throw new Error('a result is missing or came twice')
  return perSecond
}
await run(Math.round(tasks * WARM_UP_SHARE))
const perSecond = await run(tasks)
await contender.close()
process.stdout.write(JSON.stringify({ perSecond }))
