import { text } from 'node:stream/consumers'
import { CertificateTarget } from './certificate-target.js'
import { ConfigTarget } from './config-target.js'
import { DecoderTarget } from './decoder-target.js'
import { readFinding } from './finding-file.js'
import { HandshakeTarget } from './handshake-target.js'
import { HttpTarget } from './http-target.js'
import { MasterTarget } from './master-target.js'
import { type FuzzOptions, type PartName, type PlantedName, parts, planted } from './options.js'
import { plantedTarget } from './planted-targets.js'
import { tables } from './report.js'
import { loose, type PartResult, PartRun } from './run-part.js'
import { SocketTarget } from './socket-target.js'
import type { AnyTarget } from './target.js'
import { TlsTarget } from './tls-target.js'
import { Watchdog } from './watchdog.js'

/* The process that fuzzes. It gets its orders on standard input. */

const PLANTED_INPUTS = 200
const allParts: readonly (PartName | PlantedName)[] = [...parts, ...planted]

const makers: Readonly<Record<PartName, () => unknown>> = {
  decoder: () => new DecoderTarget(),
  handshake: () => new HandshakeTarget(),
  master: () => new MasterTarget(),
  socket: () => new SocketTarget(),
  http: () => new HttpTarget(),
  config: () => new ConfigTarget(),
  certificates: () => new CertificateTarget(),
  tls: () => new TlsTarget(),
}

const isPlanted = (name: PartName | PlantedName): name is PlantedName =>
  (planted as readonly string[]).includes(name)

// A target takes only the inputs that it makes itself.
const targetOf = (name: PartName | PlantedName): AnyTarget =>
  isPlanted(name) ? plantedTarget(name) : (makers[name]() as AnyTarget)

const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function fuzz(options: FuzzOptions, watchdog: Watchdog): Promise<boolean> {
  const { seed, from, seconds, settleMs } = options
  const results: PartResult[] = []
  for (const name of options.parts) {
    const inputs = isPlanted(name) ? PLANTED_INPUTS : options.inputs[name]
    const plan = { part: allParts.indexOf(name), seed, from, inputs, seconds, settleMs }
    results.push(await new PartRun(targetOf(name), plan, watchdog, say).run())
  }
  process.stdout.write(tables(results))
  return results.every(({ found }) => found.length === 0)
}

async function replay(file: string, watchdog: Watchdog): Promise<boolean> {
  const found = readFinding(file)
  const name = found.part as PartName | PlantedName
  const plan = {
    part: allParts.indexOf(name),
    seed: found.seed,
    from: found.indexes[0] ?? 0,
    inputs: 0,
    seconds: 0,
    settleMs: 0,
  }
  const run = new PartRun(targetOf(name), plan, watchdog, say)
  const again = await run.replay(found.inputs ?? run.generate(found.indexes))
  process.stdout.write(again.length === 0 ? 'it does not happen again\n' : 'it happens again\n')
  return again.length === 0
}

const options = JSON.parse(await text(process.stdin)) as FuzzOptions & { readonly progressFile: string }
const { seed, hangMs, progressFile } = options
process.on('uncaughtException', (error) => loose.push(error))
process.on('unhandledRejection', (error) => loose.push(error))
const watchdog = new Watchdog({ seed, parts: allParts, hangMs, progressFile })
await watchdog.ready
const isClean =
  options.replay === undefined ? await fuzz(options, watchdog) : await replay(options.replay, watchdog)
process.exit(isClean ? 0 : 1)
