import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../tools/command-line.js'
import { type FuzzOptions, type PartOrders, parseCommandLine, usage } from './options.js'
import { readResult, tables } from './report.js'
import type { PartResult } from './run-part.js'

/*
 * `npm run fuzz [-- OPTIONS]`: see docs/testing.md. This process only starts a fuzzing process for each part,
 * whose garbage collector can be called, and reports if one dies.
 */

const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function main(options: FuzzOptions): Promise<number> {
  say(`seed ${options.seed}`)
  if (options.replay !== undefined) {
    const { code, said } = await run({ ...options, part: options.parts[0]! })
    process.stdout.write(said)
    return code === 0 ? 0 : 1
  }
  const results: PartResult[] = []
  for (const part of options.parts) {
    const { signal, said } = await run({ ...options, part })
    const result = readResult(said)
    if (result) results.push(result)
    if (signal !== null && stops.includes(signal)) break
  }
  process.stdout.write(tables(results))
  const isClean = results.length === options.parts.length && results.every(({ found }) => found.length === 0)
  return isClean ? 0 : 1
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** On standard output. */
  readonly said: string
}

/** Sent to this process, they end it. */
const stops: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']

/** A part has a process of its own, so that its memory is its own. */
async function run(orders: Omit<PartOrders, 'progressFile'>): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'firesteel-fuzz-run-'))
  const progressFile = join(folder, 'progress')
  const program = fileURLToPath(new URL('./child.js', import.meta.url))
  const child = spawn(process.execPath, ['--expose-gc', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify({ ...orders, seconds: finite(orders.seconds), progressFile }))
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of stops) process.once(signal, pass)
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('exit', (...end) => resolve(end))
  })
  const said = await text(child.stdout)
  const [code, signal] = await ended
  if (code === null || code > 2)
    say(`FOUND the process died: ${signal ?? `exit ${code}`}, ${lastOf(progressFile, orders)}`)
  for (const signal of stops) process.off(signal, pass)
  rmSync(folder, { recursive: true, force: true })
  return { code, signal, said }
}

const finite = (seconds: number): number => Math.min(seconds, 1e9)

/** Says where it was a fraction of a second before. That is enough to repeat it. */
function lastOf(progressFile: string, { seed }: Pick<FuzzOptions, 'seed'>): string {
  try {
    const [part, index = '0'] = readFileSync(progressFile, 'utf8').split(' ')
    return `at or soon after input ${index}: --only ${part} --seed ${seed} --from ${index}`
  } catch {
    return 'soon after it began'
  }
}

await runProgram({ usage, parse: parseCommandLine, main })
