import { parseArgs } from 'node:util'
import { namesOption, wholeOption } from '../tools/command-line.js'

export const parts = [
  'decoder',
  'handshake',
  'socket',
  'http',
  'config',
  'master',
  'certificates',
  'tls',
] as const
export type PartName = (typeof parts)[number]

/** Defects planted to show that the fuzzer finds each kind. */
export const planted = [
  'planted-throw',
  'planted-rejection',
  'planted-hang',
  'planted-slow',
  'planted-leak',
  'planted-socket',
  'planted-crash',
  'planted-broken',
] as const
export type PlantedName = (typeof planted)[number]

export interface FuzzOptions {
  readonly parts: readonly (PartName | PlantedName)[]
  readonly inputs: Readonly<Record<PartName, number>>
  /** Seconds per part. */
  readonly seconds: number
  readonly seed: number
  readonly from: number
  readonly hangMs: number
  /** How long leftovers may take to end by themselves before they count as growth. */
  readonly settleMs: number
  readonly replay: string | undefined
}

/** What the process of one part is to do. */
export interface PartOrders extends FuzzOptions {
  /** Unused with `replay`, whose file names it. */
  readonly part: PartName | PlantedName
  /** How far it has come, in case it dies. */
  readonly progressFile: string
}

const FULL: FuzzOptions['inputs'] = {
  decoder: 5_000_000,
  handshake: 5_000_000,
  socket: 100_000,
  http: 100_000,
  config: 100_000,
  master: 100_000,
  certificates: 1_000_000,
  tls: 100_000,
}
/** They take half a minute in all. */
const SHORT: FuzzOptions['inputs'] = {
  decoder: 80_000,
  handshake: 20_000,
  socket: 1000,
  http: 1000,
  config: 1000,
  master: 500,
  certificates: 400,
  tls: 160,
}

export const usage = `npm run fuzz [-- OPTIONS]
  --inputs N      of each part (default: decoder and handshake 5,000,000, the others 100,000)
  --seconds S     of each part at most (default: no bound)
  --seed X        what all inputs are made from (default: a random one, printed)
  --only LIST     of ${parts.join(',')} (default: all)
  --short         the form of the tests: half a minute
  --from N        number of the first input (default 0)
  --hang-ms MS    an input that takes longer hangs (default 20000)
  --settle-ms MS  what is still there so long after the last input has grown (default 10000)
  --replay FILE   the inputs of a finding again, instead of all this
`

/** Throws an Error that says what is wrong. */
export function parseCommandLine(args: readonly string[], randomSeed: number): FuzzOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      inputs: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      short: { type: 'boolean', default: false },
      from: { type: 'string' },
      'hang-ms': { type: 'string' },
      'settle-ms': { type: 'string' },
      replay: { type: 'string' },
    },
  })
  const inputs = values.short ? SHORT : FULL
  const each = wholeOption('inputs', values.inputs, 1)
  return {
    parts: namesOption('only', values.only, [...parts, ...planted], parts) ?? parts,
    inputs:
      each === undefined
        ? inputs
        : (Object.fromEntries(parts.map((part) => [part, each])) as FuzzOptions['inputs']),
    seconds: wholeOption('seconds', values.seconds, 1) ?? Number.POSITIVE_INFINITY,
    seed: wholeOption('seed', values.seed, 0) ?? randomSeed,
    from: wholeOption('from', values.from, 0) ?? 0,
    hangMs: wholeOption('hang-ms', values['hang-ms'], 100) ?? 20_000,
    settleMs: wholeOption('settle-ms', values['settle-ms'], 100) ?? 10_000,
    replay: values.replay,
  }
}
