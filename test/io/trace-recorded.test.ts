import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { Console } from '../../runtime/launch/cli/console.js'
import { showRecordedTrace, writeTrace } from '../../runtime/launch/cli/recorded-trace.js'
import { checkTraceOptions, type TraceOptions } from '../../runtime/launch/cli/trace-options.js'
import type { TracedMessage } from '../../runtime/trace/merged-trace.js'
import { pathOf } from '../tools/trace-fixture.js'

const message: TracedMessage = {
  ...{ atMs: Date.UTC(2026, 0, 2), id: 7, from: pathOf('a:1'), to: pathOf('b:2', 'Worker'), epoch: 2 },
  ...{ message: 'LaunchDriver', trace: 5, parent: undefined, bytes: undefined, tookUs: undefined },
  payload: { driverId: 'driver-20260102030405-1-0001' },
}

async function place(t: { after(done: () => Promise<void>): void }) {
  const cwd = await mkdtemp(join(tmpdir(), 'firesteel-trace-'))
  t.after(() => rm(cwd, { recursive: true }))
  const said = { out: '' }
  const out = async (text: string | Uint8Array) => {
    said.out += text
  }
  return { cwd, said, io: { cwd, out, err: out } as Partial<Console> as Console }
}

const options = { masterTimeout: 1 }

test('a recorded trace is shown as it was, and what is missing too', async (t) => {
  const { cwd, said, io } = await place(t)
  const missing = [{ process: 'Worker w9', reason: 'it is DEAD' }]
  await writeFile(join(cwd, 'some.trace'), 'older', { mode: 0o644 })
  await writeTrace(io, 'some.trace', { cluster: 'demo', messages: [message], missing })
  assert.match(said.out, /^1 message written to some\.trace; missing: Worker w9\n$/)
  assert.equal((await stat(join(cwd, 'some.trace'))).mode & 0o777, 0o600)
  said.out = ''
  await showRecordedTrace(io, 'some.trace', { ...options, tree: true })
  assert.match(said.out, /^trace 5 .*\n {4}\+0 ms {2}LaunchDriver .*\nmissing: Worker w9: it is DEAD\n$/)
  said.out = ''
  await showRecordedTrace(io, 'some.trace', { ...options, message: ['ElectedLeader'] })
  assert.equal(said.out, 'missing: Worker w9: it is DEAD\n')
})

test('a name that no message has is said, where it disturbs no reader', async (t) => {
  const { said, io } = await place(t)
  await writeTrace(io, 'some.trace', { cluster: 'demo', messages: [message], missing: [] })
  said.out = ''
  await showRecordedTrace(io, 'some.trace', { ...options, driver: 'elt' })
  assert.equal(said.out, 'No message that a process remembers names "elt".\n')
})

test('what has no effect is refused: filters of what is recorded whole, and -f of a file', () => {
  const refused = (action: 'record' | 'show', more: Partial<TraceOptions>): string => {
    try {
      checkTraceOptions(action, 'some.trace', { ...options, ...more })
    } catch (error) {
      assert.ok(isFiresteelError(error, 'USAGE'))
      return error.message
    }
    return ''
  }
  const filters: Partial<TraceOptions>[] = [
    ...[{ message: ['A'] }, { actor: 'Master' }, { trace: 1 }, { app: 'a' }, { driver: 'd' }, { tail: 1 }],
    ...([{ tree: true }, { format: 'json' }, { payloads: true }, { quiet: true }, { json: true }] as const),
  ]
  for (const filter of filters) {
    const [name] = Object.keys(filter)
    assert.equal(
      refused('record', filter),
      `trace record writes all messages, so --${name} does not go with it.`,
    )
  }
  assert.equal(refused('record', { since: 1000 }), '')
  assert.match(refused('record', { follow: true }), /^-f does not go with record/)
  assert.match(refused('show', { follow: true }), /^-f does not go with show/)
})

test('a file above the bound is refused before it is read, and one that is absent by its name', async (t) => {
  const { cwd, io } = await place(t)
  const path = join(cwd, 'large.trace')
  await writeFile(path, '')
  await truncate(path, innerLimits.traceFileBytes + 1)
  await assert.rejects(showRecordedTrace(io, 'large.trace', options), (error: unknown) => {
    assert.ok(isFiresteelError(error, 'TRACE_FILE_INVALID'))
    assert.match(error.message, /^large\.trace has 257 MiB, and a trace of up to 256 MiB can be shown\.$/)
    return true
  })
  await assert.rejects(showRecordedTrace(io, 'none.trace', options), (error: unknown) =>
    isFiresteelError(error, 'PATH_NOT_FOUND'),
  )
})
