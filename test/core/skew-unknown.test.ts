import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as records from '../../actors/master/records.js'
import { catalogue, type Receiver, violation } from '../../actors/messages/catalogue.js'
import { readFromExecutor, readToExecutor } from '../../actors/messages/tasks.js'
import * as z from '../../runtime/zod.js'
import type { MessageLine } from '../fixtures/messages.js'
import { currentRelease, readLines } from '../fixtures/releases.js'
import type { TaskLine } from '../fixtures/tasks.js'
import { bytesOfBinary } from '../fixtures/wire-frame.js'
import { MasterWorld } from '../tools/master-fixture.js'

/*
 * The rule of each conversation for what a later release adds within one protocol (docs/compatibility.md):
 * fields of messages are ignored, fields of records are kept, bytes behind a task message are ignored.
 * Nothing of it is refused.
 */

interface Node {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | boolean
  readonly items?: Node
  readonly prefixItems?: readonly Node[]
  readonly anyOf?: readonly Node[]
  readonly oneOf?: readonly Node[]
}

const nodeOf = (schema: z.ZodType): Node =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Node

/** Objects with fields of their own that let no others in. A map from names to values has none. */
function* closed(node: Node, path: string): Generator<string> {
  if (node.properties && node.additionalProperties === false) yield path
  for (const [key, child] of Object.entries(node.properties ?? {})) yield* closed(child, `${path}.${key}`)
  for (const child of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.prefixItems ?? [])])
    yield* closed(child, path)
  if (node.items) yield* closed(node.items, `${path}[]`)
  if (typeof node.additionalProperties === 'object') yield* closed(node.additionalProperties, `${path}{}`)
}

/** The same value with a field more in each of its objects that has fields of its own. */
function withMore(value: unknown, node: Node): unknown {
  const alternatives = node.anyOf ?? node.oneOf
  if (alternatives) {
    const fits = alternatives.find(({ type, properties }) =>
      value === null
        ? type === 'null'
        : typeof value === 'object'
          ? properties !== undefined || type === 'array'
          : false,
    )
    return fits ? withMore(value, fits) : value
  }
  if (Array.isArray(value)) return value.map((item) => (node.items ? withMore(item, node.items) : item))
  if (typeof value !== 'object' || value === null || !node.properties) return value
  const { properties } = node
  const fields = Object.entries(value).map(([key, child]) => [key, withMore(child, properties[key] ?? {})])
  return { ...Object.fromEntries(fields), fieldOfTheFuture: { since: 2 } }
}

describe('messages: a field that is not known is ignored', () => {
  for (const [receiver, schemas] of Object.entries(catalogue)) {
    for (const [type, schema] of schemas)
      test(`${receiver}.${type}`, () => assert.deepEqual([...closed(nodeOf(schema), type)], []))
  }

  test('every recorded message, with a field more in each of its objects', async () => {
    let tried = 0
    for (const line of readLines<MessageLine>(currentRelease, 'messages.jsonl')) {
      const { message } = line.meaning as { message?: object } & object
      if (!message) continue
      const receiver = line.receiver as Receiver
      const schema = catalogue[receiver].get(line.type)
      assert.ok(schema)
      const more = withMore(message, nodeOf(schema))
      assert.equal(violation(receiver, more), undefined, JSON.stringify(more))
      tried++
    }
    assert.ok(tried > 50, `${tried} messages were tried`)
  })
})

describe('records: a field that is not known is kept', () => {
  const schemas = {
    worker: records.workerRecord,
    app: records.applicationRecord,
    driver: records.driverRecord,
    ended: records.endedRecord,
    key: records.keyRecord,
  } as const
  for (const [table, schema] of Object.entries(schemas))
    test(`a ${table} is read with it`, () => assert.deepEqual([...closed(nodeOf(schema), table)], []))

  test('and is still there when a Master that does not know it writes the record again', () => {
    const world = new MasterWorld().elect()
    world.worker('w1', { cores: 4 })
    const id = world.submitted({ supervise: true, cores: 1 })
    const rows = world.store.get('driver')!
    rows.set(id, { ...rows.get(id)!, priorityOfTheFuture: 7 })
    const written = rows.get(id)
    world.failover().elect()
    world.worker('w1', { cores: 4 })
    world.advance(2000)
    world.ask('c', { type: 'RequestKillDriver', driverId: id })
    const rewritten = world.store.get('driver')!.get(id)!
    assert.notDeepEqual(rewritten, written, 'the record was written again')
    assert.equal((rewritten as { priorityOfTheFuture?: number }).priorityOfTheFuture, 7)
  })
})

test('tasks: bytes behind a message are ignored, but behind a chunk, which is all that its frame holds', () => {
  for (const line of readLines<TaskLine>(currentRelease, 'tasks.jsonl')) {
    // A chunk is all that its frame holds.
    if (line.kind === 'chunk') continue
    const body = bytesOfBinary(line).subarray(5)
    const longer = Buffer.concat([body, Buffer.from([1, 2, 3])])
    const read = line.to === 'executor' ? readToExecutor : readFromExecutor
    assert.deepEqual(read(longer), read(body), `${line.to} ${line.kind}`)
  }
})
