import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import type { NodeBinary } from './binary.js'

export interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
  /** All that the tests printed. */
  readonly log: string
}

const LOGS = 'node_modules/.cache/firesteel-nodes/logs'

/** Runs tests on this Node, which is also the `node` of every process that they start. */
export async function runOn(node: NodeBinary, name: string, args: readonly string[]): Promise<Outcome> {
  await mkdir(LOGS, { recursive: true })
  const log = join(LOGS, `${node.version}-${name}.log`)
  const env = { ...process.env, PATH: `${dirname(node.path)}${delimiter}${process.env.PATH ?? ''}` }
  const tests = spawn(node.path, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const counts = new Map<string, number>()
  const lines = createInterface({ input: tests.stdout })
  lines.on('line', (line) => {
    const [, what, count] = /^ℹ (pass|fail|cancelled|skipped|duration_ms) ([\d.]+)$/.exec(line) ?? []
    if (what !== undefined) counts.set(what, Number(count))
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    tests.on('close', resolve).on('error', reject)
  })
  await pipeline(tests.stdout, createWriteStream(log))
  const code = await ended
  const count = (what: string): number => counts.get(what) ?? 0
  const failed = count('fail') + count('cancelled')
  return {
    passed: count('pass'),
    // A run that ends otherwise has not counted what went wrong.
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: count('skipped'),
    seconds: Math.round(count('duration_ms') / 1000),
    log,
  }
}
