import { createRequire } from 'node:module'
import { connect } from 'firesteel'
import type * as Tasks from './telemetry-plain-tasks.js'

/* Runs tasks and says what they gave, and which modules of OpenTelemetry were loaded for it. */

const registry = globalThis as Record<symbol, unknown>
// A tracer provider is registered, but the API cannot be loaded from here.
if (process.argv[2] === 'registered') registry[Symbol.for('opentelemetry.js.api.1')] = { trace: {} }

const app = await connect('local', { local: { workers: 1, cores: 1 } })
const tasks = app.tasks<typeof Tasks>(new URL('./telemetry-plain-tasks.js', import.meta.url))
const { double } = tasks
const values = [await double(1)]
for await (const value of app.map(double, [2, 3])) values.push(value)
const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) =>
  path.includes('@opentelemetry'),
)
await app.close()
process.stdout.write(JSON.stringify({ values, loaded }))
