import { runProgram } from '../tools/command-line.js'
import { measureFailover } from './measure.js'
import { type CommandLine, parseCommandLine, usage } from './options.js'
import { judge, tables } from './report.js'

/*
 * `npm run failover [-- OPTIONS]` measures how long a cluster is without a Master, and that no work is
 * affected. See docs/failover.md.
 */

async function main({ json, strict, ...options }: CommandLine): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  say(`seed ${options.seed}`)
  const report = await measureFailover(options, say)
  const { countsHold, missed } = judge(report)
  process.stdout.write(json ? `${JSON.stringify({ ...report, countsHold, missed })}\n` : tables(report))
  for (const line of missed) say(`MISSED ${line}`)
  if (!countsHold) say('FAILED: a count that must be 0 is not')
  return countsHold && (missed.length === 0 || !strict) ? 0 : 1
}

await runProgram({ usage, parse: parseCommandLine, main })
