import { text } from 'node:stream/consumers'
import { CertificateTarget } from './certificate-target.js'
import { ConfigTarget } from './config-target.js'
import { DecoderTarget } from './decoder-target.js'
import { readFinding } from './finding-file.js'
import { HandshakeTarget } from './handshake-target.js'
import { HttpTarget } from './http-target.js'
import { MasterTarget } from './master-target.js'
import { type PartName, type PartOrders, type PlantedName, parts, planted } from './options.js'
import { plantedTarget } from './planted-targets.js'
import { resultText } from './report.js'
import { loose, PartRun, textOf } from './run-part.js'
import { SocketTarget } from './socket-target.js'
import type { AnyTarget } from './target.js'
import { TlsTarget } from './tls-target.js'
import { Watchdog } from './watchdog.js'

/* The process that fuzzes one part. It gets its orders on standard input. */

/** Its code of exit where a part fails outside of its inputs. */
const BROKEN = 3
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

/** Tells its result on standard output. */
async function fuzz({ part, ...options }: PartOrders, watchdog: Watchdog): Promise<boolean> {
  const { seed, from, seconds, settleMs } = options
  const inputs = isPlanted(part) ? PLANTED_INPUTS : options.inputs[part]
  const plan = { part: allParts.indexOf(part), seed, from, inputs, seconds, settleMs }
  const result = await new PartRun(targetOf(part), plan, watchdog, say).run()
  process.stdout.write(resultText(result))
  return result.found.length === 0
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

const orders = JSON.parse(await text(process.stdin)) as PartOrders
const { seed, hangMs, progressFile, replay: file } = orders
process.on('uncaughtException', (error) => loose.push(error))
process.on('unhandledRejection', (error) => loose.push(error))
const watchdog = new Watchdog({ seed, parts: allParts, hangMs, progressFile })
await watchdog.ready
try {
  const isClean = file === undefined ? await fuzz(orders, watchdog) : await replay(file, watchdog)
  process.exit(isClean ? 0 : 1)
} catch (error) {
  // What the part does outside of its inputs. The handlers above would let this process end with 0.
  say(textOf(error))
  process.exit(BROKEN)
}
