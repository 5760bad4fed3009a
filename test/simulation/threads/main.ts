import { parseArgs } from 'node:util'
import { runProgram, wholeOption } from '../../tools/command-line.js'
import { type Case, caseNamed, cases } from './cases.js'
import { type Explored, explorePlan, exploreSeed } from './explore.js'

/* npm run sim:threads runs histories of an executor's threads. */

interface CommandLine {
  readonly seed: number
  readonly seeds: number
  readonly only: Case | undefined
  readonly departures: number
  readonly json: boolean
}

const SEEDS = 20_000
const DEPARTURES = 2
const LOG_LINES = 200

const usage = `npm run sim:threads [-- OPTIONS]
  --seed X         of the first history (default: a random one, printed)
  --seeds N        histories (default: ${SEEDS})
  --case NAME      in place of plans at random, every history that departs from the first choice at few places:
${cases.map(({ name }) => `                   '${name}'`).join('\n')}
  --departures N   so few (default: ${DEPARTURES})
  --json           a failure as one line of JSON
`

function parse(args: readonly string[], randomSeed: number): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      case: { type: 'string' },
      departures: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  return {
    seed: wholeOption('seed', values.seed, 0) ?? randomSeed,
    seeds: wholeOption('seeds', values.seeds, 1) ?? SEEDS,
    only: values.case === undefined ? undefined : caseNamed(values.case),
    departures: wholeOption('departures', values.departures, 0) ?? DEPARTURES,
    json: values.json,
  }
}

function* explored({ seed: first, seeds, only, departures }: CommandLine): Generator<Explored> {
  if (only) yield explorePlan(only, departures)
  else for (let seed = first; seed < first + seeds; seed++) yield exploreSeed(seed)
}

async function main(options: CommandLine): Promise<number> {
  const { seed, only, json } = options
  const beganMs = performance.now()
  let histories = 0
  let actions = 0
  process.stdout.write(only ? `${only.name}\n` : `from seed ${seed}\n`)
  for (const { broken, ...counted } of explored(options)) {
    histories += counted.histories
    actions += counted.actions
    if (broken === undefined) continue
    const { invariant, message } = broken.violation
    const at = only ? 0 : seed + histories - 1
    if (json) process.stdout.write(`${JSON.stringify({ seed: at, seeds: histories, invariant, message })}\n`)
    else {
      const log = broken.log.slice(-LOG_LINES).join('\n')
      process.stdout.write(`${JSON.stringify(broken.plan)}\n${log}\n${message}\n`)
      if (!only) process.stdout.write(`again: npm run sim:threads -- --seed ${at} --seeds 1\n`)
    }
    return 1
  }
  const seconds = (performance.now() - beganMs) / 1000
  process.stdout.write(
    `${histories} histories, ${actions} steps, ${seconds.toFixed(1)} s, ${Math.round(actions / seconds)} steps/s\n`,
  )
  return 0
}

// Thousands of errors are made on purpose.
Error.stackTraceLimit = 0
await runProgram({ usage, parse, main })
