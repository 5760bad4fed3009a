import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { MasterWorld } from '../tools/master-fixture.js'
import { addingRules } from './spark-adding-rules.js'
import { completionRules } from './spark-completion-rules.js'
import { edgeRules } from './spark-edge-rules.js'
import { failingRules } from './spark-failing-rules.js'
import { recoveryRules } from './spark-recovery-rules.js'
import { registrationRules } from './spark-registration-rules.js'
import { sparkPage } from './spark-rules.js'
import { workerEdgeRules } from './spark-worker-edge-rules.js'

const rules = [
  ...registrationRules,
  ...recoveryRules,
  ...completionRules,
  ...addingRules,
  ...workerEdgeRules,
  ...edgeRules,
  ...failingRules,
]

/** Rows and steps of each section, with a, b, c where one holds several rules. */
const rulesOf = {
  '1.3': ['1abcdefg', '2abcde', '3ab', 4, '5abc', 6, '7abc', 8, 9, '10abc', 11],
  '3.4': [1, '2ab', 3, '4ab', '5ab', '6abc', 7, 8, 9, 10, '11ab', 12, 13, 14],
  '3.5': [1, '2ab', 3],
  '3.6': Array.from({ length: 23 }, (_, at) => at + 1),
  '4.8': [1, 2, 3, 4],
  '5.6': [1, 2, 3],
} as const

const numbersOf = (section: string, entries: readonly (number | string)[]): string[] =>
  entries.flatMap((entry) => {
    const [, number, letters] = /^(\d+)([a-z]*)$/.exec(`${entry}`)!
    return letters
      ? [...letters].map((envelope) => `${section}.${number}${envelope}`)
      : [`${section}.${number}`]
  })

for (const { rule, title, as, test: check } of rules) {
  test(`Spark ${rule} ${title}: ${as === 'Spark' ? 'as Spark' : 'different'}`, () => check(new MasterWorld()))
}

test('every rule has exactly one row, in its order', () => {
  const expected = Object.entries(rulesOf).flatMap(([section, entries]) => numbersOf(section, entries))
  assert.deepEqual(
    rules.map(({ rule }) => rule),
    expected,
  )
})

test('docs/spark-standalone.md is this table: FIRESTEEL_WRITE_DOCS=1 writes it', () => {
  const page = sparkPage(rules)
  if (process.env.FIRESTEEL_WRITE_DOCS) writeFileSync('docs/spark-standalone.md', page)
  assert.equal(readFileSync('docs/spark-standalone.md', 'utf8'), page)
})
