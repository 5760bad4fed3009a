import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planSetup, redisTooOld, type SystemNeed } from '../setup/system-needs.js'

const needs: SystemNeed[] = [
  { name: 'A', commands: ['a', 'a-cli'], packages: ['a-package'], elsewhere: 'A 7' },
  { name: 'B', commands: ['b'], packages: ['b-package', 'a-package'], elsewhere: 'B 1' },
]
const machine = (isRoot: boolean, ...commands: string[]) => ({
  isRoot,
  has: (command: string) => commands.includes(command),
})

test('all there: nothing to do, as whoever', () => {
  assert.deepEqual(planSetup(needs, machine(false, 'a', 'a-cli', 'b')), { kind: 'ready' })
})

test('root with apt installs what is missing, and no more', () => {
  const plan = planSetup(needs, machine(true, 'apt-get', 'a', 'b'))
  assert.ok(plan.kind === 'install')
  assert.deepEqual(plan.names, ['A'])
  assert.deepEqual(plan.commands.at(-1), ['apt-get', 'install', '-y', '--no-install-recommends', 'a-package'])
  const all = planSetup(needs, machine(true, 'apt-get'))
  assert.deepEqual(all.kind === 'install' && all.commands.at(-1)?.slice(-2), ['a-package', 'b-package'])
})

test('others are told: the command where there is apt, else what to install', () => {
  const user = planSetup(needs, machine(false, 'apt-get', 'b'))
  assert.match(
    user.kind === 'tell' ? user.text : '',
    /A.*As root:\n {2}apt-get update\n {2}apt-get install .*a-package$/s,
  )
  const elsewhere = planSetup(needs, machine(true))
  assert.match(elsewhere.kind === 'tell' ? elsewhere.text : '', /Install A 7 and B 1\./)
})

test('an old Redis is told of', () => {
  assert.equal(redisTooOld('Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64'), undefined)
  assert.equal(redisTooOld('Redis server v=10.2.0 sha=0'), undefined)
  assert.match(redisTooOld('Redis server v=6.2.14 sha=0') ?? '', /6\.2\.14/)
  assert.match(redisTooOld('') ?? '', /unknown/)
})
