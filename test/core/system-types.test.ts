import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActorContext } from '../../runtime/system/actor-system.js'
import type { Handler } from '../../runtime/system/behavior.js'
import type { AnyRef, Message, Ref } from '../../runtime/system/ref.js'
import type { ActorSystem } from '../../runtime/system/system.js'
import type { Terminated } from '../../runtime/system/system-messages.js'
import { fixture } from '../tools/system-fixture.js'

interface Red {
  readonly type: 'Red'
  readonly depth: number
}
interface Blue {
  readonly type: 'Blue'
}
interface Answer {
  readonly type: 'Answer'
  readonly value: number
}

/** Checked by the compiler alone: an unused `@ts-expect-error` fails the build. */
export async function references(system: ActorSystem, red: Ref<Red>, both: Ref<Red | Blue>): Promise<void> {
  system.tell(red, { type: 'Red', depth: 1 })
  system.tell(both, { type: 'Blue' })
  // @ts-expect-error a Ref<Red> accepts no Blue
  system.tell(red, { type: 'Blue' })
  // @ts-expect-error nor a Red without its fields
  system.tell(red, { type: 'Red' })

  // Who accepts more may stand where less is asked, never the reverse.
  const narrowed: Ref<Red> = both
  // @ts-expect-error a Ref<Red> does not accept Blue
  const widened: Ref<Red | Blue> = red
  // @ts-expect-error another protocol
  const other: Ref<Blue> = red
  // @ts-expect-error any message at all
  const anything: Ref<Message> = red
  const identity: AnyRef = red
  // @ts-expect-error an identity accepts nothing
  system.tell(identity, { type: 'Red', depth: 1 })
  // @ts-expect-error a path is no reference
  const forged: Ref<Red> = { path: '/user/red' }

  const inferred: Answer = await system.ask(red, { type: 'Red', depth: 1 })
  const explicit = await system.ask<Answer, Red>(red, { type: 'Red', depth: 1 })
  // @ts-expect-error a question is a message of the protocol
  const wrong: Answer = await system.ask(red, { type: 'Blue' })
  void [narrowed, widened, other, anything, forged, inferred.value, explicit.value, wrong]
}

export function contexts(context: ActorContext<Red>, watcher: ActorContext<Red | Terminated>): void {
  context.timers.start('tick', 10, { type: 'Red', depth: 1 })
  // @ts-expect-error a timer sends what the actor understands
  context.timers.start('tick', 10, { type: 'Blue' })
  // @ts-expect-error who watches must understand Terminated
  context.watch(context.self)
  watcher.watch(context.self)
  // @ts-expect-error self is a reference to this protocol
  context.tell(context.self, { type: 'Blue' })
}

export function behaviors(system: ActorSystem): void {
  const red: Ref<Red> = system.spawn<Red>('red', () => ({ receive: (message) => void message.depth }))
  // @ts-expect-error a handler of another protocol
  system.spawn<Red>('wrong', (): Handler<Blue> => ({ receive: () => {} }))
  void red
}

test('an object that looks like a reference is refused at run time too', () => {
  const { system } = fixture()
  const forged = { path: '/user/red' } as unknown as Ref<Red>
  assert.throws(() => system.tell(forged, { type: 'Red', depth: 1 }), { code: 'FIRESTEEL_INTERNAL' })
})
