import { runProgram } from '../tools/command-line.js'
import { applyText, isCleanApply, soakApplies } from './applies.js'
import { drainText, isCleanDrain, soakDrains } from './drains.js'
import { type CommandLine, parseCommandLine, usage } from './options.js'
import { countViolations, isClean, replayCommand, tables } from './report.js'
import { soak } from './soak.js'

/* `npm run soak [-- OPTIONS]`: runs random faults on real clusters and checks for what must never happen. */

async function main({ json, drains, applies, ...options }: CommandLine): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  let isOver = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      say('stops after this round')
      isOver = true
    })
  }
  say(`seed ${options.seed}`)
  if (drains !== undefined) {
    const report = await soakDrains({ drains, seed: options.seed }, { say, isOver: () => isOver })
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : drainText(report))
    return isCleanDrain(report) ? 0 : 1
  }
  if (applies !== undefined) {
    const report = await soakApplies({ applies, seed: options.seed }, { say, isOver: () => isOver })
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : applyText(report))
    return isCleanApply(report) ? 0 : 1
  }
  const report = await soak(options, { say, isOver: () => isOver })
  const violations = countViolations(report)
  process.stdout.write(json ? `${JSON.stringify({ ...report, violations })}\n` : tables(report))
  for (const folder of report.folders) say(`logs are kept in ${folder}`)
  if (isClean(report)) return 0
  const replay = replayCommand(report, options)
  if (replay !== undefined) {
    say(`FAILED; the same draw again: ${replay}`)
    say(
      'Real processes are not deterministic: cluster, fault and times are the same, what meets what is not.',
    )
  } else {
    say(`FAILED; the same draws again: npm run soak -- --seed ${options.seed} with the same number of rounds`)
  }
  return 1
}

await runProgram({ usage, parse: parseCommandLine, main })
