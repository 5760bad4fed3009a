import type { PeerInfo } from '../../actors/master/cluster-state.js'
import { isAdmitted } from '../../actors/master/routes.js'
import { catalogue, type MasterMessage, violation } from '../../actors/messages/catalogue.js'
import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { MasterWorld } from '../tools/master-fixture.js'
import { type Shape, shaped } from './from-schema.js'
import type { Random } from './random.js'
import { must, type Target } from './target.js'

export type MasterEvent =
  | { readonly kind: 'link'; readonly who: string }
  | { readonly kind: 'unlink'; readonly who: string }
  | { readonly kind: 'time'; readonly ms: number }
  | {
      readonly kind: 'message'
      readonly who: string
      readonly message: MasterMessage
      readonly asks: boolean
    }

export interface MasterInput {
  readonly spreadOut: boolean
  readonly events: readonly MasterEvent[]
}

const EVENTS = 25
const peers: Readonly<Record<string, readonly [role: PeerInfo['role'], subject?: string]>> = {
  w1: ['node'],
  w2: ['node'],
  w3: ['node'],
  m2: ['node', 'master'],
  c1: ['client'],
  c2: ['client'],
  d1: ['driver', 'driver-20231114221320-1-0000/1'],
}
const names = Object.keys(peers)
/** Ids as this Master gives them at its time, and texts that a confused peer may send instead. */
const texts = [
  ...names,
  ...[
    'driver-20231114221320-1-0000',
    'driver-20231114221320-1-0001',
    'driver-1-1-1',
    'w1/1',
    'app-/',
    'A',
    '0',
    '%',
  ],
  ...[
    'app-20231114221320-1-0000',
    'app-20231114221320-1-0001',
    'gpu',
    'constructor',
    'x',
    '',
    '10.0.0.1',
    '::1',
  ],
  ...['firesteel://10.0.0.1:7070', 'firesteel://127.0.0.1:7070', 'firesteel://x', 'FIRESTEEL_X'],
]

const forShells = new Set(['RequestTrace', 'TraceChunk'])
const shapes = [...catalogue.master]
  .filter(([type]) => !forShells.has(type))
  .map(([type, schema]) => ({ type, shape: z.toJSONSchema(schema, { unrepresentable: 'any' }) as Shape }))
const fromAnybody = shapes.filter(({ type }) => isAdmitted('client', type))

/**
 * A leader in memory. Its peers are admitted but confused: they send well-formed messages of any content in
 * any order.
 */
export class MasterTarget implements Target<MasterInput> {
  readonly name = 'master'
  readonly atOnce = 1

  generate(random: Random): MasterInput {
    const events: MasterEvent[] = names.filter(() => !random.oneIn(4)).map((who) => ({ kind: 'link', who }))
    for (let n = 0; n < EVENTS; n++) {
      const who = random.pick(names)
      const kind = random.int(12)
      if (kind === 0) events.push({ kind: 'unlink', who })
      else if (kind === 1) events.push({ kind: 'link', who })
      else if (kind === 2) events.push({ kind: 'time', ms: random.pick([10, 1000, 5000, 61_000]) })
      else events.push(this.#message(random, who))
    }
    return { spreadOut: random.oneIn(2), events }
  }

  #message(random: Random, who: string): MasterEvent {
    const { shape } = random.pick(peers[who]?.[0] === 'node' ? shapes : fromAnybody)
    // A peer mostly names itself, because a message that names another one is refused early.
    const message = shaped(random, shape, [
      ...texts,
      ...Array.from({ length: 10 }, () => who),
    ]) as MasterMessage
    return { kind: 'message', who, message, asks: random.oneIn(2) }
  }

  run(inputs: readonly MasterInput[]): string[] {
    return inputs.flatMap((input) => this.#run(input))
  }

  #run({ spreadOut, events }: MasterInput): string[] {
    const world = new MasterWorld({ spreadOut }).elect()
    let refused = 0
    for (const event of events) {
      if (event.kind === 'link') {
        const [role, subject] = peers[event.who] ?? ['client']
        world.link(event.who, role, subject)
        if (role === 'node' && subject === undefined)
          world.registerWorker(event.who, { port: 7000 + Number(event.who[1]) })
        if (role === 'node' && subject === undefined) world.report(event.who)
      } else if (event.kind === 'unlink') world.unlink(event.who)
      else if (event.kind === 'time') world.advance(event.ms)
      else if (violation('master', event.message) !== undefined) refused++
      else if (event.asks) world.ask(event.who, event.message)
      else world.tell(event.who, event.message)
      mustBeWhole(world)
    }
    const launched = world.told.some(({ message }) => message.type.startsWith('Launch'))
    return [
      launched ? 'launches' : 'no launch',
      ...Array.from({ length: refused }, () => 'malformed message'),
    ]
  }
}

/** Protocol S4, whatever was sent: no number is negative, and the resources in use are those held. */
function mustBeWhole(world: MasterWorld): void {
  for (const worker of world.core.cluster?.workers.values() ?? []) {
    const held = [...worker.holdings.values()].reduce((sum, { cores }) => sum + cores, 0)
    must(worker.coresUsed === held, `${worker.id} uses ${worker.coresUsed} cores and holds ${held}`)
    must(worker.coresFree >= 0 && worker.memoryFreeMib >= 0, `${worker.id} has less than nothing free`)
  }
  const entries = (world.lastStep?.puts.length ?? 0) + (world.lastStep?.deletes.length ?? 0)
  must(entries <= limits.commitEntries, `a step of ${entries} entries`)
  world.snapshot()
}
