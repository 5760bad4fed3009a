import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { TestAuthority } from '../tools/test-authority.js'
import { launchers, logReaders } from './attacks/askers.js'
import type { AttackOrder } from './attacks/attacker.js'
import { codePeers } from './attacks/code-peers.js'
import type { Lag, LagReading } from './attacks/lag-probe.js'
import { memoryMibOf, readLag } from './attacks/lag-reader.js'
import { LegalPeer } from './attacks/legal-peer.js'
import { nodes, peers } from './attacks/peers.js'
import { type Stage, setStage, type Victim } from './attacks/stage.js'
import { strangers } from './attacks/strangers.js'
import { tlsStrangers } from './attacks/tls-strangers.js'
import { work } from './attacks/work.js'

/*
 * Measures how late the event loop of a Master, a Worker and a driver is while a peer without access to the
 * store attacks it, and how long an honest peer takes to link meanwhile.
 */

const MEASURED_MS = 5_000
const LOOK_EVERY_MS = 100
const WARM_UP_MS = 300

export interface AttackResult {
  readonly victim: string
  readonly attack: string
  readonly reading: LagReading
  readonly peakMib: number
  /** The longest time that an honest peer took to link, from the attacker's address and from another one. */
  readonly legalMs: { readonly sameAddress: number; readonly otherAddress: number }
  /** What the attacker made. */
  readonly counts: Readonly<Record<string, number>>
  /** Leaderships that ended meanwhile. */
  readonly elections: number
}

export interface AttackChoice {
  /** Absent: all of them. */
  readonly victim?: string | undefined
  /** Part of the names of the attacks; absent: all of them. */
  readonly attack?: string | undefined
  readonly measuredMs?: number
  /** True: all speak TLS, and the attacks are those on TLS. */
  readonly isSecure?: boolean
}

/** Yields each result as soon as it is there. */
export async function* benchAttacks(choice: AttackChoice = {}): AsyncGenerator<AttackResult> {
  const authority = choice.isSecure ? await TestAuthority.make() : undefined
  await using stage = await setStage(await authority?.files('node'))
  for (const victim of stage.victims) {
    if (choice.victim !== undefined && victim.name !== choice.victim) continue
    for (const attack of choice.isSecure ? tlsAttacksOn(victim) : attacksOn(victim)) {
      if (choice.attack !== undefined && !attack.includes(choice.attack)) continue
      yield await measure(stage, victim, attack, choice.measuredMs ?? MEASURED_MS)
    }
  }
  authority?.remove()
}

/** A driver has no HTTP. */
const tlsAttacksOn = ({ target }: Victim): string[] =>
  Object.keys(tlsStrangers).filter((name) => target.web !== undefined || !name.startsWith('HTTP'))

/** Only executors have a key for a driver's executor listener, and it has no HTTP. */
function attacksOn({ target }: Victim): string[] {
  return [
    ...Object.keys(strangers).filter((name) => target.web !== undefined || !name.startsWith('HTTP')),
    ...Object.keys(peers),
    ...(target.appId === undefined ? Object.keys(nodes) : []),
    ...(target.output === undefined ? [] : Object.keys(logReaders)),
    ...(target.actor === '/user/Master' ? Object.keys(launchers) : []),
    ...(target.actor === '/user/Worker' ? Object.keys(codePeers) : []),
    ...(target.actor === '/user/Master' ? Object.keys(work) : []),
  ]
}

async function measure(
  stage: Stage,
  { name, target, probe }: Victim,
  attack: string,
  measuredMs: number,
): Promise<AttackResult> {
  const epoch = await stage.epoch()
  const attacker = fork(fileURLToPath(new URL('./attacks/attacker.js', import.meta.url)))
  const order: AttackOrder = { attack, target }
  attacker.send(order)
  await delay(WARM_UP_MS)
  const { pid } = await readLag(probe)
  const legal = [new LegalPeer(target, '127.0.0.1'), new LegalPeer(target, '127.0.0.2')] as const
  let peakMib = 0
  const endMs = performance.now() + measuredMs
  while (performance.now() < endMs) {
    await delay(LOOK_EVERY_MS)
    peakMib = Math.max(peakMib, memoryMibOf(pid))
  }
  const legalMs = { sameAddress: legal[0].stop(), otherAddress: legal[1].stop() }
  const reading = await readLag(probe)
  const told = once(attacker, 'message') as Promise<[Record<string, number>]>
  attacker.send('end')
  const [counts] = await told
  await once(attacker, 'exit')
  const elections = (await stage.epoch()) - epoch
  return { victim: name, attack, reading, peakMib, legalMs, counts, elections }
}

const lagText = ({ p50, p99, max }: Lag): string => `${p50} / ${p99} / ${max}`

export const attackHeader =
  'victim | attack | lag p50/p99/max ms | of its own work | load | RSS MiB | legal peer in, at most, ms (same / other address) | connections | elections'

export function attackLine(result: AttackResult): string {
  const { victim, attack, reading, peakMib, legalMs, counts, elections } = result
  return [
    victim,
    attack,
    lagText(reading.clockMs),
    lagText(reading.processorMs),
    reading.load,
    peakMib,
    `${legalMs.sameAddress} / ${legalMs.otherAddress}`,
    counts.connections ?? 0,
    elections,
  ].join(' | ')
}

/** `attacks.bench.js [--tls] [VICTIM|all [PART_OF_ATTACK [SECONDS]]]` */
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const isSecure = process.argv[2] === '--tls'
  const [victim = 'all', attack, seconds] = process.argv.slice(isSecure ? 3 : 2)
  console.log(attackHeader)
  const choice = {
    victim: victim === 'all' ? undefined : victim,
    attack,
    isSecure,
    ...(seconds !== undefined && { measuredMs: Number(seconds) * 1000 }),
  }
  for await (const result of benchAttacks(choice)) console.log(attackLine(result))
}
