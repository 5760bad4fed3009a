import { parseArgs } from 'node:util'
import { namesOption, runProgram } from '../tools/command-line.js'
import { nameOf, restartTrials } from './steps.js'
import { restartTrial, startMaster } from './trial.js'

/* `npm run restart:steps [-- OPTIONS]`: kills (-9) at each step of an announced restart of a Worker. */

const names = restartTrials.map(nameOf)

const usage = `npm run restart:steps [-- OPTIONS]
  A Worker restarts as announced, and something is killed (-9) when a step of it is done: the work is taken
  back or ended, never left, and never is there a second generation of it.
  --only LIST    of these, as VICTIM:STEP (default: all):
${names.map((name) => `                   ${name}`).join('\n')}
  --json         one JSON object for each instead of the text
`

interface CommandLine {
  readonly only: readonly string[]
  readonly json: boolean
}

function parse(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: 'string' }, json: { type: 'boolean', default: false } },
  })
  return { only: namesOption('only', values.only, names) ?? names, json: values.json }
}

async function main({ only, json }: CommandLine): Promise<number> {
  await using cluster = await startMaster()
  let failed = 0
  for (const trial of restartTrials.filter((each) => only.includes(nameOf(each)))) {
    const result = await restartTrial(cluster, trial)
    const { trial: name, fate, ms, wrong } = result
    if (wrong.length > 0) failed++
    const text = `${name.padEnd(18)} ${fate.padEnd(10)} ${String(ms).padStart(6)} ms  ${wrong.join('; ') || 'well'}`
    process.stdout.write(`${json ? JSON.stringify(result) : text}\n`)
  }
  return failed === 0 ? 0 : 1
}

await runProgram({ usage, parse, main })
