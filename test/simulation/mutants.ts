import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runProgram, wholeOption } from '../tools/command-line.js'
import { type Mutation, mutations as ofClusters } from './mutations.js'
import { accessMutations } from './mutations-access.js'
import { budgetMutations } from './mutations-budgets.js'
import { deploymentMutations } from './mutations-deployments.js'
import { passMutations } from './mutations-passes.js'
import { peerMutations } from './mutations-peers.js'
import { restartMutations } from './mutations-restarts.js'
import { timeoutMutations } from './mutations-timeouts.js'
import { upgradeMutations } from './mutations-upgrades.js'
import { plant, unknownNameIn, unplantable } from './planting.js'
import { threadMutations } from './threads/mutations.js'
import { failureIn, firstFailedTest } from './unit-tests.js'

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
  /** It names what is not there, so that something else failed than the mistake that it says. */
  readonly isBroken?: boolean
}

export const mutations: readonly Mutation[] = [
  ...ofClusters,
  ...accessMutations,
  ...peerMutations,
  ...deploymentMutations,
  ...budgetMutations,
  ...passMutations,
  ...restartMutations,
  ...timeoutMutations,
  ...upgradeMutations,
  ...threadMutations,
]

const dist = fileURLToPath(new URL('../..', import.meta.url))
const root = join(dist, '..')

/** The parts of the build that the simulator runs. */
const simulated = ['actors', 'runtime', 'test/simulation', 'test/harness', 'test/tools']
const whole = ['.']

/** Runs the simulator over a copy of the build that has the mistake. */
export function tryMutation(mutation: Mutation, seed: number, seeds: number): Promise<MutationResult> {
  const { test } = mutation
  if (test !== undefined) return withMutant(mutation, whole, (folder) => tryTest(folder, mutation, test))
  return withMutant(mutation, simulated, (folder) => trySeeds(folder, mutation, seed, seeds))
}

/** What this program of the simulator says when it plays with the mistake. */
export function outputWith(mutation: Mutation, [program, ...args]: readonly [string, ...string[]]) {
  return withMutant(mutation, simulated, (folder) => outputOf([join(folder, program), ...args]))
}

async function tryTest(folder: string, mutation: Mutation, test: string): Promise<MutationResult> {
  const failure = await failureIn(folder, test)
  if (failure === undefined) return { mutation, invariant: undefined, seeds: 0, message: `${test} passes` }
  const unknown = unknownNameIn(failure.text)
  if (unknown !== undefined) return broken(mutation, unknown)
  const provesNothing = (await failureIn(dist, test)) !== undefined
  return { mutation, invariant: test, seeds: 0, message: 'the unit test fails', provesNothing }
}

async function trySeeds(
  folder: string,
  mutation: Mutation,
  seed: number,
  seeds: number,
): Promise<MutationResult> {
  const found = await firstFailure(folder, mutation, seed, seeds)
  if (typeof found === 'string') return { mutation, invariant: undefined, seeds, message: found }
  const unknown = unknownNameIn(found.message)
  if (unknown !== undefined) return broken(mutation, unknown)
  const without = await firstFailure(dist, mutation, found.seed, 1)
  return { mutation, ...found, provesNothing: typeof without !== 'string' }
}

const broken = (mutation: Mutation, why: string): MutationResult => ({
  mutation,
  ...{ invariant: undefined, seeds: 0, message: `it is not planted: ${why}`, isBroken: true },
})

/** The build, or these parts of it, with the mistake, for the duration of `use`. */
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
    await plant(folder, mutation)
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
  const refusals = await unplantable(dist, chosen)
  process.stdout.write(`| mutation | found by | histories | in |${units ? ' unit test |' : ''}\n`)
  process.stdout.write(`| --- | --- | --- | --- |${units ? ' --- |' : ''}\n`)
  for (const mutation of chosen) {
    const refusal = refusals.get(mutation)
    const result = refusal
      ? broken(mutation, refusal)
      : await tryMutation(mutation, 1, mutation.seeds ?? seeds)
    const { invariant = result.isBroken ? 'NOT PLANTED' : 'NOBODY', provesNothing } = result
    const by = provesNothing ? `${invariant}, but so without it` : invariant
    const test =
      units && !result.isBroken
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
