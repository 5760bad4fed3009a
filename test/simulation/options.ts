import { parseArgs } from 'node:util'
import { namesOption, wholeOption } from '../tools/command-line.js'
import { faults } from './rates.js'
import { scriptNamed, scripts } from './scripts.js'
import type { Shape } from './shape.js'
import type { SimulationOptions } from './simulation.js'

export interface CommandLine {
  /** Seed of the first history. */
  readonly seed: number
  /** Most histories and most events, whichever bound comes first. */
  readonly seeds: number
  readonly events: number
  /** The same for every history. */
  readonly each: Omit<SimulationOptions, 'seed'>
  readonly log: boolean
  readonly shrink: boolean
  readonly json: boolean
}

const EVENTS = 1e6
const CHAOS_MS = 60_000

const USAGE_COLUMNS = 100

/** Below their option, in lines of readable length. */
function listed(names: readonly string[]): string {
  const lines: string[] = []
  for (const name of names) {
    const longer = `${lines.at(-1) ?? ''}, ${name}`
    if (lines.length > 0 && longer.length <= USAGE_COLUMNS) lines[lines.length - 1] = longer
    else lines.push(name)
  }
  return lines.map((line) => `\n                    ${line}`).join(',')
}

export const usage = `npm run sim [-- OPTIONS]
  --events N      histories until so many events (default: ${EVENTS}, unless --seed or --seeds is given)
  --seed X        of the first history (default: a random one, printed)
  --seeds N       histories (default with --seed: 1)
  --chaos-ms MS   cluster time with faults (default: ${CHAOS_MS})
  --faults LIST   to draw from:${listed(faults)}
  --skip LIST     numbers of faults that are left out
  --script NAME   in place of faults at random:${listed(scripts.map(({ name }) => `'${name}'`))}
  --shape JSON    parts of the shape that are not drawn
  --log           all that was logged; with --messages every message as well
  --shrink        leave out faults and nodes that a failure does not need
  --json          a failure as one line of JSON
`

/** Throws an Error that says what is wrong. */
export function parseCommandLine(args: readonly string[], randomSeed: number): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: 'string' },
      seed: { type: 'string' },
      seeds: { type: 'string' },
      'chaos-ms': { type: 'string' },
      faults: { type: 'string' },
      skip: { type: 'string' },
      script: { type: 'string' },
      shape: { type: 'string' },
      log: { type: 'boolean', default: false },
      messages: { type: 'boolean', default: false },
      shrink: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const { events, seed, seeds, skip, script, shape, log, shrink, json } = values
  const only = namesOption('faults', values.faults, faults)
  const isOpen = events !== undefined || (seed === undefined && seeds === undefined)
  return {
    seed: wholeOption('seed', seed, 0) ?? randomSeed,
    seeds: wholeOption('seeds', seeds, 1) ?? (isOpen ? Number.POSITIVE_INFINITY : 1),
    events: wholeOption('events', events, 1) ?? (isOpen ? EVENTS : Number.POSITIVE_INFINITY),
    each: {
      chaosMs: wholeOption('chaos-ms', values['chaos-ms'], 0) ?? CHAOS_MS,
      ...(only && { faults: only }),
      ...(skip !== undefined && {
        skip: new Set(skip.split(',').map((text) => wholeOption('skip', text, 0)!)),
      }),
      ...(script !== undefined && { script: scriptNamed(script) }),
      ...(shape !== undefined && { shape: shapeOf(shape) }),
      tellsMessages: values.messages,
    },
    log,
    shrink,
    json,
  }
}

function shapeOf(text: string): Partial<Shape> {
  try {
    return JSON.parse(text) as Partial<Shape>
  } catch (error) {
    throw new Error(`--shape ${text}: ${(error as Error).message}`)
  }
}
