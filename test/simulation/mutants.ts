import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runProgram, wholeOption } from '../tools/command-line.js'
import { type Mutation, mutations as ofClusters } from './mutations.js'
import { accessMutations } from './mutations-access.js'
import { deploymentMutations } from './mutations-deployments.js'
import { restartMutations } from './mutations-restarts.js'
import { threadMutations } from './threads/mutations.js'
import { failsIn, firstFailedTest } from './unit-tests.js'

/** The result for one mutation of the compiled protocol. */
export interface MutationResult {
  readonly mutation: Mutation
  /** Or the unit test. Undefined: nothing found it. */
  readonly invariant: string | undefined
  /** 0 for a unit test. */
  readonly seeds: number
  readonly message: string
  /** The same history breaks the same promise without the mutation, so it proves nothing. */
  readonly provesNothing?: boolean
}

export const mutations: readonly Mutation[] = [
  ...ofClusters,
  ...accessMutations,
  ...deploymentMutations,
  ...restartMutations,
  ...threadMutations,
]

const dist = fileURLToPath(new URL('../..', import.meta.url))
const root = join(dist, '..')

/** The parts of the build that the simulator runs. */
const simulated = ['actors', 'runtime', 'test/simulation', 'test/harness', 'test/tools']
const whole = ['.']

/** Runs the simulator over a copy of the build in which one line is changed. */
export function tryMutation(mutation: Mutation, seed: number, seeds: number): Promise<MutationResult> {
  const { test } = mutation
  if (test !== undefined) return withMutant(mutation, whole, (folder) => tryTest(folder, mutation, test))
  return withMutant(mutation, simulated, (folder) => trySeeds(folder, mutation, seed, seeds))
}

async function tryTest(folder: string, mutation: Mutation, test: string): Promise<MutationResult> {
  const isFound = await failsIn(folder, test)
  const message = isFound ? 'the unit test fails' : `${test} passes`
  const provesNothing = isFound && (await failsIn(dist, test))
  return { mutation, invariant: isFound ? test : undefined, seeds: 0, message, provesNothing }
}

async function trySeeds(
  folder: string,
  mutation: Mutation,
  seed: number,
  seeds: number,
): Promise<MutationResult> {
  const found = await firstFailure(folder, mutation, seed, seeds)
  if (typeof found === 'string') return { mutation, invariant: undefined, seeds, message: found }
  const without = await firstFailure(dist, mutation, found.seed, 1)
  return { mutation, ...found, provesNothing: typeof without !== 'string' }
}

/** The build, or these parts of it, with one line changed, for the duration of `use`. */
async function withMutant<T>(
  mutation: Mutation,
  parts: readonly string[],
  use: (folder: string) => Promise<T>,
): Promise<T> {
  // Beside the build, so that packages are found from it.
  const folder = await mkdtemp(join(root, 'dist-mutant-'))
  try {
    const filter = (path: string): boolean => !/\.(d\.ts|map)$/.test(path)
    for (const part of parts) await cp(join(dist, part), join(folder, part), { recursive: true, filter })
    await mutate(folder, mutation)
    return await use(folder)
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

/** The output, if no history failed. */
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

/** Throws unless the text occurs exactly once: a mutation of nothing would prove nothing. */
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
    const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    }
    child.once('error', reject)
    child.once('close', () => resolve(output))
  })
}

interface CommandLine {
  readonly chosen: readonly Mutation[]
  /** Histories for mutations that name no number. */
  readonly seeds: number
  readonly units: boolean
}

const SEEDS = 60

const usage = `npm run sim:mutations [-- OPTIONS NAMES]
  NAMES       parts of the names of those that are tried (default: all)
  --list FILE mutations in JSON, as in mutations.ts, in place of those of the project
  --seeds N   histories for each that does not say itself (default: ${SEEDS})
  --units     tell also which unit test finds it first
`

function parse(args: readonly string[]): () => Promise<CommandLine> {
  const options = { list: { type: 'string' }, seeds: { type: 'string' }, units: { type: 'boolean' } } as const
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const { list, units = false } = values
  const seeds = wholeOption('seeds', values.seeds, 1) ?? SEEDS
  return async () => {
    const all = list ? (JSON.parse(await readFile(list, 'utf8')) as Mutation[]) : mutations
    const isChosen = ({ name }: Mutation): boolean => positionals.some((text) => name.includes(text))
    return { chosen: positionals.length > 0 ? all.filter(isChosen) : all, seeds, units }
  }
}

async function main(read: () => Promise<CommandLine>): Promise<number> {
  const { chosen, seeds, units } = await read()
  let missed = 0
  process.stdout.write(`| mutation | found by | histories | in |${units ? ' unit test |' : ''}\n`)
  process.stdout.write(`| --- | --- | --- | --- |${units ? ' --- |' : ''}\n`)
  for (const mutation of chosen) {
    const result = await tryMutation(mutation, 1, mutation.seeds ?? seeds)
    const { invariant = 'NOBODY', provesNothing } = result
    const by = provesNothing ? `${invariant}, but so without it` : invariant
    const test = units
      ? await withMutant(mutation, whole, (folder) => firstFailedTest(folder, dist, mutation))
      : ''
    const told = units ? ` ${test ?? 'NONE'} |` : ''
    process.stdout.write(
      `| ${mutation.name} | ${by} | ${result.seeds || ''} | ${mutation.script ?? ''} |${told}\n`,
    )
    if (result.invariant !== undefined && !provesNothing) continue
    missed++
    process.stderr.write(`${mutation.name}: ${result.message}\n`)
  }
  process.stdout.write(`${chosen.length - missed} of ${chosen.length} found\n`)
  return missed > 0 ? 1 : 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runProgram({ usage, parse, main })
