import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Mutation, mutations as ofClusters } from './mutations.js'
import { threadMutations } from './threads/mutations.js'

/** What became of one mutation of the compiled protocol. */
export interface Verdict {
  readonly mutation: Mutation
  /** Undefined: nobody noticed. */
  readonly invariant: string | undefined
  readonly seeds: number
  readonly message: string
  /** The same history breaks the same promise without the mutation: nothing is shown. */
  readonly provesNothing?: boolean
}

export const mutations: readonly Mutation[] = [...ofClusters, ...threadMutations]

const dist = fileURLToPath(new URL('../..', import.meta.url))
const root = join(dist, '..')

/** Runs the simulator over a copy of the build in which one line is another. */
export async function tryMutation(mutation: Mutation, seed: number, seeds: number): Promise<Verdict> {
  // Beside the build, so that packages are found from it.
  const folder = await mkdtemp(join(root, 'dist-mutant-'))
  try {
    for (const part of ['actors', 'runtime', 'test/simulation', 'test/harness', 'test/tools'])
      await cp(join(dist, part), join(folder, part), {
        recursive: true,
        filter: (path) => !/\.(d\.ts|map)$/.test(path),
      })
    await mutate(folder, mutation)
    const found = await firstFailure(folder, mutation, seed, seeds)
    if (typeof found === 'string') return { mutation, invariant: undefined, seeds, message: found }
    const without = await firstFailure(dist, mutation, found.seed, 1)
    return { mutation, ...found, provesNothing: typeof without !== 'string' }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Failure {
  readonly seed: number
  readonly seeds: number
  readonly invariant: string
  readonly message: string
}

/** What was said instead, where no history failed. */
async function firstFailure(
  folder: string,
  { faults, script, explores, chaosMs = 60_000 }: Mutation,
  seed: number,
  seeds: number,
): Promise<Failure | string> {
  const main = join(folder, 'test/simulation', explores ?? '', 'main.js')
  const args = ['--seed', String(seed), '--seeds', String(seeds), '--json']
  if (explores === undefined) args.push('--chaos-ms', String(chaosMs))
  if (faults && faults.length > 0) args.push('--faults', faults.join(','))
  if (script) args.push('--script', script)
  const output = await outputOf([main, ...args])
  const line = output.split('\n').find((text) => text.startsWith('{'))
  return line === undefined ? output.slice(-2000) : (JSON.parse(line) as Failure)
}

/** Throws unless the text stands there exactly once: a mutation of nothing would prove nothing. */
export async function mutate(folder: string, { name, file, find, replace }: Mutation): Promise<void> {
  const path = join(folder, file)
  const text = await readFile(path, 'utf8')
  const times = text.split(find).length - 1
  if (times !== 1)
    throw new Error(`${name}: ${JSON.stringify(find)} stands ${times} times in ${file}, not once`)
  await writeFile(
    path,
    text.replace(find, () => replace),
  )
}

function outputOf(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.once('error', reject)
    child.once('close', () => resolve(output))
  })
}

async function main(): Promise<number> {
  const only = process.argv.slice(2)
  const chosen =
    only.length > 0 ? mutations.filter(({ name }) => only.some((text) => name.includes(text))) : mutations
  let missed = 0
  process.stdout.write('| mutation | found by | histories | in |\n| --- | --- | --- | --- |\n')
  for (const mutation of chosen) {
    const verdict = await tryMutation(mutation, 1, mutation.seeds ?? 60)
    const { invariant = 'NOBODY', seeds, message, provesNothing } = verdict
    const by = provesNothing ? `${invariant}, but so without it` : invariant
    process.stdout.write(`| ${mutation.name} | ${by} | ${seeds} | ${mutation.script ?? ''} |\n`)
    if (verdict.invariant !== undefined && !provesNothing) continue
    missed++
    process.stderr.write(`${mutation.name}: ${message}\n`)
  }
  process.stdout.write(`${chosen.length - missed} of ${chosen.length} found\n`)
  return missed > 0 ? 1 : 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main()
