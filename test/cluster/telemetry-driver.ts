import { connect } from 'firesteel'
import { flush, tracer } from './telemetry-sdk.js'
import type * as Tasks from './telemetry-tasks.js'

/* A supervised driver that traces. Its first attempt fails, so that its Worker starts another. */

const executor = {
  cores: 1,
  memory: '128m',
  tasksPerCore: 4,
  env: { COLLECTOR: process.env.COLLECTOR ?? '', BATCHED: process.env.BATCHED ?? '' },
}
const app = await connect({ name: 'traced', cores: 1, executor })
const tasks = app.tasks<typeof Tasks>(new URL('./telemetry-tasks.js', import.meta.url), { retries: 1 })
await tracer.startActiveSpan('work', async (span) => {
  await Promise.all([tasks.traced(1), tasks.traced(2)])
  await tasks.failsOnce()
  for await (const _ of app.map(tasks.traced, [11, 12, 13]));
  span.end()
})
await flush()
await app.close()
process.exitCode = process.env.FIRESTEEL_ATTEMPT === '1' ? 1 : 0
