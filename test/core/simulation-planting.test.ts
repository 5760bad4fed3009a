import assert from 'node:assert/strict'
import { test } from 'node:test'
import { complaintsIn, unknownNameIn } from '../simulation/planting.js'

/* A planted mistake that names what is not there fails everywhere, and proves nothing of the tests. */

test('who fails for a name that is not there has found nothing', () => {
  const renamed = 'defect: ReferenceError: room is not defined\n    at SharedRing.write'
  assert.equal(unknownNameIn(renamed), 'defect: ReferenceError: room is not defined')
  for (const text of [
    'result: task 3 ({"kind":"text"}) failed with: room is not defined',
    "  error: 'this.#ring.room is not a function'\n  name: 'TypeError'",
    'TypeError: Room is not a constructor',
    "ReferenceError: Cannot access 'room' before initialization",
  ])
    assert.ok(unknownNameIn(text), text)
})

test('every other failure may be a find', () => {
  for (const text of [
    'defect: RangeError [ERR_OUT_OF_RANGE]: The value of "offset" is out of range.',
    "defect: TypeError: Cannot read properties of undefined (reading 'cores')",
    'SyntaxError: Unexpected end of JSON input',
    'The listener of onTask is not a function.',
  ])
    assert.equal(unknownNameIn(text), undefined, text)
})

test('of what the compiler says, unknown names and broken programs count, and not its opinion of types', () => {
  const output = [
    "ring.0.js(12,3): error TS2304: Cannot find name 'room'.",
    "ring.0.js(13,9): error TS2365: Operator '+' cannot be applied to types 'bigint' and 'number'.",
    "  Type 'bigint' is not assignable to type 'number'.",
    "ring.1.js(7,1): error TS1005: ')' expected.",
    "ring.2.js(7,1): error TS1313: The body of an 'if' statement cannot be the empty statement.",
    '',
  ]
  assert.deepEqual(
    [...complaintsIn(output.join('\n'))],
    [
      ['ring.0.js', ["TS2304: Cannot find name 'room'."]],
      ['ring.1.js', ["TS1005: ')' expected."]],
    ],
  )
})

test('a compiler that has looked at no file has not found all of them right', () => {
  assert.throws(
    () => complaintsIn("error TS5023: Unknown compiler option 'checkJss'."),
    /^Error: the compiler says: error TS5023/,
  )
})
