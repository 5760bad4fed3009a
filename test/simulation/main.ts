import { parseArgs } from 'node:util'
import { type Fault, faults } from './rates.js'
import { scriptNamed } from './scripts.js'
import { shrink } from './shrink.js'
import { type SimulationOptions, type SimulationResult, simulate } from './simulation.js'
import type { Shape } from './world.js'

const { values } = parseArgs({
  options: {
    /** One history, or the first of `--seeds`. */
    seed: { type: 'string' },
    seeds: { type: 'string' },
    /** As many histories as it takes. */
    events: { type: 'string', default: '1e6' },
    'chaos-ms': { type: 'string', default: '60000' },
    /** Only these, comma between them. */
    faults: { type: 'string' },
    skip: { type: 'string' },
    /** In place of faults at random. */
    script: { type: 'string' },
    /** JSON: parts of the shape that are not drawn. */
    shape: { type: 'string' },
    /** All that was logged; with `--messages` every message as well. */
    story: { type: 'boolean', default: false },
    messages: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const STORY_LINES = 60

function faultNames(text: string): Fault[] {
  return text.split(',').map((name) => {
    if (faults.includes(name as Fault)) return name as Fault
    throw new Error(`--faults: there is no ${name}; there are ${faults.join(', ')}`)
  })
}

function optionsOf(seed: number): SimulationOptions {
  return {
    seed,
    chaosMs: Number(values['chaos-ms']),
    ...(values.faults !== undefined && { faults: faultNames(values.faults) }),
    ...(values.skip !== undefined && { skip: new Set(values.skip.split(',').map(Number)) }),
    ...(values.script !== undefined && { script: scriptNamed(values.script) }),
    ...(values.shape !== undefined && { shape: JSON.parse(values.shape) as Partial<Shape> }),
    tellsMessages: values.messages,
  }
}

/** What replays it, word for word. */
function commandOf({ seed, chaosMs, faults: only, skip, script, shape }: SimulationOptions): string {
  const parts = [`npm run sim -- --seed ${seed} --chaos-ms ${chaosMs}`]
  if (only) parts.push(`--faults ${only.join(',')}`)
  if (script) parts.push(`--script '${script.name}'`)
  if (skip && skip.size > 0) parts.push(`--skip ${[...skip].join(',')}`)
  if (shape) parts.push(`--shape '${JSON.stringify(shape)}'`)
  return `${parts.join(' ')} --story --messages`
}

async function tellFailure(options: SimulationOptions, result: SimulationResult): Promise<void> {
  const shrunk = values.shrink ? await shrink(options, result) : undefined
  const { story, violation } = shrunk?.result ?? result
  const lines = values.story ? story : story.slice(-STORY_LINES)
  process.stdout.write(`${lines.join('\n')}\n\nseed ${result.seed}: ${violation?.message}\n`)
  if (shrunk) process.stdout.write(`made smaller in ${shrunk.tries} tries\n`)
  process.stdout.write(`again: ${commandOf(shrunk?.options ?? options)}\n`)
}

class Totals {
  seeds = 0
  events = 0
  virtualMs = 0
  submissions = 0
  tasks = 0
  falls = 0
  failed = 0
  readonly #faults = new Map<Fault, number>()
  readonly #startMs = performance.now()

  add(result: SimulationResult): void {
    this.seeds++
    this.events += result.events
    this.virtualMs += result.virtualMs
    this.submissions += result.submissions
    this.tasks += result.tasks
    this.falls += result.falls
    if (result.violation) this.failed++
    for (const [fault, times] of result.faults)
      this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + times)
  }

  toString(): string {
    const seconds = (performance.now() - this.#startMs) / 1000
    const told = [...this.#faults].sort(([, a], [, b]) => b - a).map(([fault, times]) => `${fault} ${times}`)
    return (
      `${this.seeds} histories, ${this.events} events, ${Math.round(this.virtualMs / 1000)} s of cluster time: ` +
      `${this.submissions} submissions acknowledged, ${this.tasks} tasks delivered, ` +
      `the store fell ${this.falls} times; ${this.failed} failed\n` +
      `${seconds.toFixed(1)} s, ${Math.round(this.events / seconds)} events/s\nfaults: ${told.join(', ')}\n`
    )
  }
}

async function main(): Promise<number> {
  const totals = new Totals()
  const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  const most = Number(values.seeds ?? (values.seed === undefined ? Number.POSITIVE_INFINITY : 1))
  const wanted =
    values.seeds === undefined && values.seed === undefined ? Number(values.events) : Number.POSITIVE_INFINITY
  process.stdout.write(`from seed ${first}\n`)
  for (let seed = first; totals.seeds < most && totals.events < wanted && totals.failed === 0; seed++) {
    const options = optionsOf(seed)
    const result = await simulate(options)
    totals.add(result)
    if (result.violation) {
      if (values.json) {
        const { invariant, message } = result.violation
        process.stdout.write(`${JSON.stringify({ seed, seeds: totals.seeds, invariant, message })}\n`)
      } else await tellFailure(options, result)
    } else if (values.story) process.stdout.write(`${result.story.join('\n')}\n`)
  }
  process.stdout.write(totals.toString())
  return totals.failed > 0 ? 1 : 0
}

process.exitCode = await main()
