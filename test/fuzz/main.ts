import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../tools/command-line.js'
import { type FuzzOptions, parseCommandLine, usage } from './options.js'

/*
 * `npm run fuzz [-- OPTIONS]`: see docs/testing.md. This process only starts the fuzzing process, whose
 * garbage collector can be called, and reports if that one dies.
 */

const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function main(options: FuzzOptions): Promise<number> {
  say(`seed ${options.seed}`)
  const folder = mkdtempSync(join(tmpdir(), 'firesteel-fuzz-run-'))
  const progressFile = join(folder, 'progress')
  const program = fileURLToPath(new URL('./child.js', import.meta.url))
  const child = spawn(process.execPath, ['--expose-gc', program], { stdio: ['pipe', 'inherit', 'inherit'] })
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify({ ...options, seconds: finite(options.seconds), progressFile }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal))
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('exit', (...end) => resolve(end))
  })
  if (code === null || code > 2)
    say(`FOUND the process died: ${signal ?? `exit ${code}`}, ${lastOf(progressFile, options)}`)
  rmSync(folder, { recursive: true, force: true })
  return code === 0 ? 0 : 1
}

const finite = (seconds: number): number => Math.min(seconds, 1e9)

/** Says where it was a fraction of a second before. That is enough to repeat it. */
function lastOf(progressFile: string, { seed }: FuzzOptions): string {
  try {
    const [part, index = '0'] = readFileSync(progressFile, 'utf8').split(' ')
    return `at or soon after input ${index}: --only ${part} --seed ${seed} --from ${index}`
  } catch {
    return 'soon after it began'
  }
}

await runProgram({ usage, parse: parseCommandLine, main })
