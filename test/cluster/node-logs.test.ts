import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firesteel, folder, startUp, type Up } from '../tools/command-fixture.js'

/* What nodes log: who says it, under which leadership, about which message; and how little it is. */

const DRIVERS = 3
const clusterWith = (format: 'json' | 'text'): string => `
cluster: test
recovery: {mode: FILESYSTEM}
masters: [{name: m1, port: 0, web: 0}]
workers: [{name: w1, port: 0, web: 0, cores: 2, memory: 1g}]
logging: {level: info, format: ${format}}
`

type Line = Readonly<Record<string, unknown>>

const logOf = (up: Up): Line[] =>
  up
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)

test('each line names node, role and epoch, and the message that it is about; messages have none', async (t) => {
  const cwd = await folder(t, { 'c.yaml': clusterWith('json') })
  const up = await startUp(t, cwd, ['c.yaml'])
  await up.ready()
  const submit = ['submit', '--wait', '--memory', '16m', '/bin/true']
  for (let driver = 0; driver < DRIVERS; driver++) await firesteel(submit, { cwd })
  const said = logOf(up).map(({ message }) => message)
  // A driver has a line for its beginning and one for its end. Heartbeats, launches and reports have none.
  const ofOne = ['driver submitted', 'driver ended FINISHED']
  const expected = ['I have been elected leader! New state: ALIVE', 'worker registered']
  for (let driver = 0; driver < DRIVERS; driver++) expected.push(...ofOne)
  assert.deepEqual(said, expected)
  up.signal('SIGTERM')
  await up.exited

  const lines = logOf(up)
  const roles = { m1: 'master', w1: 'worker' } as const
  for (const line of lines) {
    assert.equal(line.role, roles[line.node as keyof typeof roles], JSON.stringify(line))
    assert.ok(Number.isSafeInteger(line.epoch), JSON.stringify(line))
  }
  // The last thing that the Master says, at SIGTERM, while it handles the end of its leadership.
  const revoked = lines.filter(({ message }) => String(message).startsWith('RevokedLeadership'))
  assert.equal(revoked.length, 1, up.stderr())
  const { node, epoch, trace } = revoked[0] as Line
  assert.deepEqual({ node, epoch }, { node: 'm1', epoch: 1 })
  assert.ok(Number.isSafeInteger(trace), JSON.stringify(revoked[0]))
})

test('lines of text begin with role and node', async (t) => {
  const cwd = await folder(t, { 'c.yaml': clusterWith('text') })
  const up = await startUp(t, cwd, ['c.yaml'])
  await up.ready()
  up.signal('SIGTERM')
  await up.exited
  assert.match(
    up.stderr(),
    /^\d\d:\d\d:\d\d\.\d{3} info {2}\[master m1\] RevokedLeadership.* epoch=1 trace=\d+/m,
  )
})
