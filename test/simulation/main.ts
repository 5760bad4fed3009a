import { runProgram } from '../tools/command-line.js'
import { type CommandLine, parseCommandLine, usage } from './options.js'
import type { Fault } from './rates.js'
import { shrink } from './shrink.js'
import { type SimulationOptions, type SimulationResult, simulate } from './simulation.js'

const LOG_LINES = 100

/** The command that replays it exactly. */
function commandOf({ seed, chaosMs, faults: only, skip, script, shape }: SimulationOptions): string {
  const parts = [`npm run sim -- --seed ${seed} --chaos-ms ${chaosMs}`]
  if (only) parts.push(`--faults ${only.join(',')}`)
  if (script) parts.push(`--script '${script.name}'`)
  if (skip && skip.size > 0) parts.push(`--skip ${[...skip].join(',')}`)
  if (shape) parts.push(`--shape '${JSON.stringify(shape)}'`)
  return `${parts.join(' ')} --log --messages`
}

async function tellFailure(
  options: SimulationOptions,
  result: SimulationResult,
  { log: whole, shrink: shrinks }: Pick<CommandLine, 'log' | 'shrink'>,
): Promise<void> {
  const shrunk = shrinks ? await shrink(options, result) : undefined
  // The same history once more, now with every message.
  const { log, violation } = await simulate({ ...(shrunk?.options ?? options), tellsMessages: true })
  const lines = whole ? log : log.slice(-LOG_LINES)
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

async function main({ seed: first, seeds, events, each, log, shrink, json }: CommandLine): Promise<number> {
  const totals = new Totals()
  process.stdout.write(`from seed ${first}\n`)
  for (let seed = first; totals.seeds < seeds && totals.events < events && totals.failed === 0; seed++) {
    const options = { seed, ...each }
    const result = await simulate(options)
    totals.add(result)
    if (result.violation) {
      if (json) {
        const { invariant, message } = result.violation
        process.stdout.write(`${JSON.stringify({ seed, seeds: totals.seeds, invariant, message })}\n`)
      } else await tellFailure(options, result, { log, shrink })
    } else if (log) process.stdout.write(`${result.log.join('\n')}\n`)
  }
  process.stdout.write(totals.toString())
  return totals.failed > 0 ? 1 : 0
}

await runProgram({ usage, parse: parseCommandLine, main })
