import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../harness/run-command.js'
import { bin, firesteel } from '../tools/command-fixture.js'

export interface EachResult {
  readonly name: string
  readonly perSecond: number
}

/** Two at once everywhere. */
const cluster = `
cluster: bench
recovery: {mode: FILESYSTEM}
masters: [{name: m1, port: 0, web: 0}]
workers: [{name: w1, port: 0, web: 0, cores: 2, memory: 2g}]
logging: {level: warn, format: text}
`

/**
 * `true` for each of many items, by xargs, GNU parallel and `firesteel each` on a running cluster, one after
 * the other. Starting the programs counts. A shell does `true` itself, so a program of that name is measured
 * too; xargs starts that one.
 */
export async function benchEach(items = 5000): Promise<EachResult[]> {
  const cwd = await mkdtemp(join(tmpdir(), 'firesteel-each-bench-'))
  await writeFile(join(cwd, 'c.yaml'), cluster)
  const up = await firesteel(['up', 'c.yaml', '--detach'], { cwd })
  if (up.code !== 0) throw new Error(up.stderr)
  try {
    const each = [process.execPath, bin, 'each', '-j2', 'true']
    return [
      await measure('xargs -P2 -n1', cwd, ['xargs', '-P2', '-n1', 'true'], items),
      await measure('firesteel each -j2', cwd, each, items),
      await measure('firesteel each -j2, a program', cwd, [...each.slice(0, -1), '/bin/true'], items),
      // It is so much slower that fewer items tell as much.
      await measure('parallel -j2', cwd, ['parallel', '-j2', 'true'], Math.ceil(items / 5)),
    ]
  } finally {
    await firesteel(['down'], { cwd })
    await rm(cwd, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function measure(
  name: string,
  cwd: string,
  [command = '', ...args]: readonly string[],
  items: number,
): Promise<EachResult> {
  const input = Array.from({ length: items }, (_, index) => `${index}\n`).join('')
  const beganMs = performance.now()
  const env = { PATH: process.env.PATH ?? '', HOME: cwd }
  const { code, stderr } = await runCommand({ command, args, cwd, env, input })
  if (code !== 0) throw new Error(`${name}: ${stderr}`)
  return { name, perSecond: (items / (performance.now() - beganMs)) * 1000 }
}
