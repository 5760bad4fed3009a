import { runProgram } from '../tools/command-line.js'
import { type CommandLine, parseCommandLine, usage } from './options.js'
import { type UpgradeTrialReport, upgradeTrial } from './trial.js'

/* `npm run upgrade:trial [-- OPTIONS]`: a rolling upgrade under load, there and back. */

const GAP_MS = 1000

function textOf(report: UpgradeTrialReport): string {
  const { steps, tasks, submissions, drivers, handOversMs, wrong } = report
  const { longestTaskGapMs, longestSubmissionMs } = report
  return `${[
    ...steps.map(({ node, from, to, ms }) => `${node.padEnd(6)} ${from} -> ${to}  ${ms} ms`),
    `${tasks} tasks, ${submissions} submissions, ${drivers} supervised drivers`,
    `hand-overs: ${handOversMs.join(', ')} ms`,
    `longest time without a result: ${longestTaskGapMs} ms; without an acknowledged submission: ${longestSubmissionMs} ms`,
    ...wrong.map((text) => `WRONG: ${text}`),
  ].join('\n')}\n`
}

async function main({ json, ...options }: CommandLine): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const report = await upgradeTrial(options, { say })
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : textOf(report))
  return report.wrong.length === 0 && report.longestTaskGapMs < GAP_MS ? 0 : 1
}

await runProgram({ usage, parse: parseCommandLine, main })
