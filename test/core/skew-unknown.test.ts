import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { recordSchemas } from '../../actors/master/records.js'
import { catalogue, checked, type Receiver } from '../../actors/messages/catalogue.js'
import { readFromExecutor, readToExecutor } from '../../actors/messages/tasks.js'
import type { MessageLine } from '../fixtures/messages.js'
import { currentRelease, readLines } from '../fixtures/releases.js'
import type { TaskLine } from '../fixtures/tasks.js'
import { bytesOfBinary } from '../fixtures/wire-frame.js'
import { type Node, nodeOf, withMore } from '../tools/message-schema.js'

/*
 * The rule of each conversation for what a later release adds within one protocol (docs/compatibility.md):
 * fields of messages are ignored, fields of records are kept, bytes behind a task message are ignored.
 * Nothing of it is refused.
 */

const ofTheFuture = { fieldOfTheFuture: { since: 2 } }

/** Objects with fields of their own that let no others in. A map from names to values has none. */
function* closed(node: Node, path: string): Generator<string> {
  if (node.properties && node.additionalProperties === false) yield path
  for (const [key, child] of Object.entries(node.properties ?? {})) yield* closed(child, `${path}.${key}`)
  for (const child of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.prefixItems ?? [])])
    yield* closed(child, path)
  if (node.items) yield* closed(node.items, `${path}[]`)
  if (typeof node.additionalProperties === 'object') yield* closed(node.additionalProperties, `${path}{}`)
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
      const more = withMore(message, nodeOf(schema), () => ofTheFuture)
      const known = withMore(message, nodeOf(schema), (_, isOpen) => (isOpen ? ofTheFuture : {}))
      // What is let in has them in descriptions that are stored, and nowhere else.
      assert.deepEqual(checked(receiver, more), { message: known }, JSON.stringify(more))
      tried++
    }
    assert.ok(tried > 50, `${tried} messages were tried`)
  })
})

/* That it is kept when a record is written again: skew-rewritten. */
describe('records: a field that is not known is no violation', () => {
  for (const [table, schema] of Object.entries(recordSchemas))
    test(`a ${table} is read with it`, () => assert.deepEqual([...closed(nodeOf(schema), table)], []))
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
