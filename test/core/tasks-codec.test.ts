import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deserialize, serialize } from 'node:v8'
import fc from 'fast-check'
import { type CloneContext, fromBytes, listFromBytes, toBytes } from '../../actors/messages/cloneable.js'
import {
  notPlain,
  plainBytes,
  plainListBytes,
  readPlain,
  readPlainList,
} from '../../actors/messages/plain-bytes.js'
import { resultStatuses } from '../../actors/messages/task-entries.js'
import { decodeError, encodeError } from '../../actors/messages/task-error.js'
import { BodyAssembly, TaskStream } from '../../actors/messages/task-stream.js'
import * as tasks from '../../actors/messages/tasks.js'
import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'

const key = fc.record({ taskId: fc.maxSafeNat(), n: fc.nat(0xffffffff) })
const body = fc.option(fc.uint8Array({ maxLength: tasks.INLINE_BYTES }), { nil: undefined })

/** All frames a writer emits. */
function frames(write: (emit: tasks.Emit) => void): Buffer[] {
  const all: Buffer[] = []
  write((parts) => all.push(Buffer.concat(parts)))
  for (const frame of all) assert.ok(frame.length <= limits.payloadChunkBytes, `${frame.length} bytes`)
  return all
}
/** Comparable: bytes as lists, no prototypes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}

test('what is written to an executor is read again', () => {
  const run = fc.record({
    taskId: fc.maxSafeNat(),
    n: fc.nat(0xffffffff),
    functionId: fc.nat(),
    timeoutMs: fc.nat(),
    input: body,
  })
  fc.assert(
    fc.property(fc.array(run, { maxLength: 50 }), fc.array(key, { maxLength: 20_000 }), (runs, keys) => {
      const read = frames((emit) => tasks.writeRun(runs, emit)).map(tasks.readToExecutor)
      assert.deepEqual(
        plain(read.flatMap((message) => (message.kind === 'run' ? message.tasks : []))),
        plain(runs),
      )
      for (const kind of ['cancel', 'ack'] as const) {
        const attempts = frames((emit) => tasks.writeAttempts(kind, keys, emit)).flatMap((frame) => {
          const message = tasks.readToExecutor(frame)
          return message.kind === kind ? message.attempts : []
        })
        assert.deepEqual(plain(attempts), plain(keys))
      }
    }),
    { numRuns: 20 },
  )
  const functions = [{ functionId: 3, url: 'file:///ä.js', name: 'wörter' }]
  assert.deepEqual(frames((emit) => tasks.writeFunctions(functions, emit)).map(tasks.readToExecutor), [
    { kind: 'functions', functions },
  ])
  assert.deepEqual(frames((emit) => tasks.writeWelcome(5, 2 ** 40, emit)).map(tasks.readToExecutor), [
    { kind: 'welcome', maxInputBytes: 5, maxResultBytes: 2 ** 40 },
  ])
  assert.deepEqual(frames((emit) => tasks.writeReason('exit', 'enough', emit)).map(tasks.readToExecutor), [
    { kind: 'exit', reason: 'enough' },
  ])
})

test('what is written by an executor is read again', () => {
  const result = fc.record({
    taskId: fc.maxSafeNat(),
    n: fc.nat(0xffffffff),
    status: fc.constantFrom(...resultStatuses),
    body,
  })
  fc.assert(
    fc.property(fc.array(result, { maxLength: 50 }), (results) => {
      const read = frames((emit) => tasks.writeResults(results, emit)).map(tasks.readFromExecutor)
      const got = read.flatMap((message) => (message.kind === 'results' ? message.results : []))
      assert.deepEqual(plain(got), plain(results))
    }),
    { numRuns: 20 },
  )
  const hello = { execId: 7, workerId: 'w', host: 'h', cores: 2, pid: 99, resources: { gpu: ['0', '1'] } }
  const [read] = frames((emit) => tasks.writeHello(hello, emit)).map(tasks.readFromExecutor)
  assert.deepEqual(plain(read), { kind: 'hello', hello })
  const held = frames((emit) => tasks.writeAttempts('held', [], emit)).map(tasks.readFromExecutor)
  assert.deepEqual(held, [{ kind: 'held', last: true, attempts: [] }])
})

test('random bytes and bent frames throw nothing but FRAME_INVALID', () => {
  const whole = frames((emit) => {
    tasks.writeRun([{ taskId: 1, n: 1, functionId: 0, timeoutMs: 0, input: new Uint8Array(9) }], emit)
    tasks.writeHello({ execId: 1, workerId: 'w', host: 'h', cores: 1, pid: 1, resources: {} }, emit)
    tasks.writeResults([{ taskId: 1, n: 1, status: 'value', body: new Uint8Array(3) }], emit)
  })
  const bent = fc
    .tuple(fc.constantFrom(...whole), fc.nat(), fc.nat(255), fc.nat(40))
    .map(([frame, at, byte, cut]) => {
      const copy = Buffer.from(frame)
      copy[at % copy.length] = byte
      return copy.subarray(0, Math.max(0, copy.length - (cut % 3 === 0 ? cut : 0)))
    })
  let refused = 0
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), bent), (bytes) => {
      for (const read of [tasks.readToExecutor, tasks.readFromExecutor]) {
        try {
          read(bytes)
        } catch (error) {
          refused++
          assert.ok(isFiresteelError(error, 'FRAME_INVALID'), String(error))
        }
      }
    }),
    { numRuns: 2000 },
  )
  assert.ok(refused > 1000)
})

test('a count that the frame cannot hold is refused before anything is allocated', () => {
  const frame = Buffer.alloc(6)
  frame[0] = 4
  frame.writeUInt32LE(0xffffffff, 2)
  assert.throws(() => tasks.readToExecutor(frame), { code: 'FIRESTEEL_FRAME_INVALID' })
})

test('large bodies go in chunks between other frames, stop at push-back, and are put together again', () => {
  const sent: Buffer[] = []
  let capacity = 3
  const stream = new TaskStream({
    sendPayload: (parts) => {
      sent.push(Buffer.concat(parts))
      return --capacity > 0
    },
  })
  const large = Buffer.alloc(200_000, 'abc')
  let done = false
  const emitEnd = (): void => {
    done = true
    tasks.writeResults([{ taskId: 9, n: 2, status: 'value', body: undefined }], stream.emit)
  }
  stream.sendBody({ taskId: 9, n: 2 }, large, () => true, emitEnd)
  assert.equal(sent.length, 3)
  assert.ok(stream.isBlocked)
  stream.push(() => tasks.writeAttempts('started', [{ taskId: 1, n: 1 }], stream.emit))
  assert.equal(sent.length, 3, 'blocked: the job waits')
  capacity = 100
  stream.drained()
  assert.ok(done)
  const read = sent.map(tasks.readFromExecutor)
  assert.deepEqual(
    read.map(({ kind }) => kind),
    ['chunk', 'chunk', 'chunk', 'started', 'chunk', 'results'],
  )
  const assembly = new BodyAssembly(() => 1e6)
  for (const message of read) if (message.kind === 'chunk') assembly.add(message.chunk)
  assert.deepEqual(assembly.take({ taskId: 9, n: 2 }), large)
  assert.throws(() => assembly.take({ taskId: 9, n: 2 }), { code: 'FIRESTEEL_FRAME_INVALID' })
  const tight = new BodyAssembly(() => 100)
  const chunk = { taskId: 1, n: 1, totalBytes: 101, bytes: new Uint8Array(1) }
  assert.throws(() => tight.add(chunk), { code: 'FIRESTEEL_FRAME_INVALID' })
})

test('plain values are written and read as V8 does', () => {
  const value = fc.oneof(
    fc.integer(),
    fc.double(),
    fc.constantFrom(-0, 2 ** 30, -(2 ** 30), 2 ** 31, Number.NaN, null, undefined, true, false, ''),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) }),
  )
  let plainOnes = 0
  fc.assert(
    fc.property(value, fc.array(value, { maxLength: 20 }), (one, list) => {
      const bytes = plainBytes(one)
      if (bytes !== undefined) {
        plainOnes++
        assert.ok(Object.is(deserialize(bytes), one))
        assert.ok(Object.is(readPlain(bytes), one))
      }
      const listBytes = plainListBytes(list)
      if (listBytes !== undefined) {
        assert.deepEqual(deserialize(listBytes), list)
        assert.deepEqual(readPlainList(listBytes), list)
      }
      for (const [bytesOfV8, read] of [[serialize(one), readPlain(serialize(one))] as const]) {
        if (read !== notPlain) assert.ok(Object.is(read, deserialize(bytesOfV8)))
      }
    }),
    { numRuns: 1000 },
  )
  assert.ok(plainOnes > 300)
})

test('bytes that are not plain are left to V8, and bent ones never throw in the plain reader', () => {
  for (const value of [{ a: 1 }, 10n, [1, { b: 2 }], new Map([[1, 2]]), 'Ω', 'x'.repeat(5000), new Date(5)]) {
    const context = { ...contextOf('input'), maxBytes: 100_000 }
    assert.deepEqual(fromBytes(toBytes(value, context)), value)
    assert.deepEqual(listFromBytes(toBytes([value, 1], { ...context, list: true })), [value, 1])
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (rest) => {
      const bytes = Buffer.from([0xff, 15, ...rest])
      readPlain(bytes)
      readPlainList(bytes)
    }),
    { numRuns: 2000 },
  )
})

const contextOf = (root: string): CloneContext => ({
  root,
  notCloneable: root === 'input' ? 'INPUT_NOT_CLONEABLE' : 'RESULT_NOT_CLONEABLE',
  tooLarge: root === 'input' ? 'INPUT_TOO_LARGE' : 'RESULT_TOO_LARGE',
  maxBytes: 1000,
  task: 'count',
})

test('what cannot be cloned is named by its path', () => {
  const loop: Record<string, unknown> = { ok: 1 }
  loop.self = loop
  loop.deep = { loop, bad: () => undefined }
  const rows: [string, unknown, string, boolean][] = [
    ['input', [{ a: [1, 2, { callback: () => undefined }] }], 'input.a[2].callback', true],
    ['input', [1, () => undefined], 'input[1]', true],
    ['input', [() => undefined], 'input', true],
    ['result', { items: [1, 2, 3, { fn: () => undefined }] }, 'result.items[3].fn', false],
    ['result', new Map([['k', Symbol('s')]]), 'result.get("k")', false],
    ['result', { 'odd key': Promise.resolve() }, 'result["odd key"]', false],
    ['result', loop, 'result.deep.bad', false],
  ]
  for (const [root, value, path, list] of rows) {
    const code = root === 'input' ? 'FIRESTEEL_INPUT_NOT_CLONEABLE' : 'FIRESTEEL_RESULT_NOT_CLONEABLE'
    assert.throws(() => toBytes(value, { ...contextOf(root), list }), { code, place: path })
  }
  assert.throws(() => toBytes('x'.repeat(1001), contextOf('input')), { code: 'FIRESTEEL_INPUT_TOO_LARGE' })
})

test('errors travel with name, code, cause and errors; what is thrown but no error too', () => {
  const inner = Object.assign(new RangeError('inner'), { code: 'E_INNER' })
  const outer = Object.assign(new TypeError('outer', { cause: inner }), { code: 5 })
  const back = decodeError(encodeError(outer)) as TypeError & { code: number }
  assert.ok(back instanceof TypeError)
  assert.equal(back.code, 5)
  assert.equal(back.stack, outer.stack)
  assert.ok(back.cause instanceof RangeError)
  assert.equal((back.cause as { code?: string }).code, 'E_INNER')
  const both = decodeError(encodeError(new AggregateError([new Error('a'), inner], 'both')))
  assert.ok(both instanceof AggregateError)
  assert.deepEqual(
    both.errors.map((error: Error) => error.message),
    ['a', 'inner'],
  )
  const own = decodeError(encodeError(new FiresteelError('FOLDER_MISSING', 'gone', { place: 'h:/x' })))
  assert.ok(isFiresteelError(own, 'FOLDER_MISSING') && own.place === 'h:/x')
  assert.equal(decodeError(encodeError({ why: 1 })).message, '{"why":1}')
  const named = new Error('m')
  named.name = 'OddError'
  assert.equal(decodeError(encodeError(named)).name, 'OddError')
})

test('errors without end are cut, and hostile ones never throw', () => {
  const loop = new Error('loop')
  loop.cause = loop
  let depth = 0
  for (let error = decodeError(encodeError(loop)); error; error = error.cause as Error) depth++
  assert.ok(depth > 2 && depth < 20)
  const hostile = Object.defineProperty(new Error('x'), 'message', {
    get: () => {
      throw new Error('no')
    },
  })
  assert.match(decodeError(encodeError(hostile)).message, /cannot be read/)
  fc.assert(fc.property(fc.uint8Array(), (bytes) => decodeError(bytes) instanceof Error))
  fc.assert(fc.property(fc.json(), (text) => decodeError(Buffer.from(text)) instanceof Error))
})

/** So many records, each of which counts when it is read. */
function counted(length: number) {
  const reads = { count: 0 }
  const list = Array.from({ length }, () => ({
    get name() {
      reads.count++
      return 'x'
    },
  }))
  return { list, reads }
}

const fieldsThatCannotTravel: Record<string, (list: object[]) => unknown> = {
  'a function before it': (list) => ({ callback: () => {}, list }),
  'a function after it': (list) => ({ list, callback: () => {} }),
  'a function in an error before it': (list) => ({
    error: Object.assign(new Error('inner'), { callback: () => {} }),
    list,
  }),
  'nothing but too many records': (list) => ({ list }),
  'a Map of them': (list) => new Map(list.map((item) => [item, item])),
  'a Set of them': (list) => new Set(list),
  'an object of them': (list) => ({ ...list }),
}

for (const [what, field] of Object.entries(fieldsThatCannotTravel)) {
  test(`a field of an error that is too large is left out after ${limits.errorFieldsBytes} parts: ${what}`, () => {
    const { list, reads } = counted(4 * limits.errorFieldsBytes)
    const thrown = Object.assign(new Error('no'), { request: field(list), status: 503 })
    const back = decodeError(encodeError(thrown)) as Error & { request?: unknown; status?: number }
    assert.equal(back.status, 503)
    assert.ok(!('request' in back))
    assert.ok(reads.count <= limits.errorFieldsBytes, `${reads.count} records were read`)
  })
}

test('fields of an error that just fit arrive: parts, mentions, characters, bytes, and holes that take none', () => {
  const one = { n: 1 }
  const holes: unknown[] = new Array(limits.errorFieldsBytes * 10)
  holes[limits.errorFieldsBytes * 5] = one
  const fields = {
    numbers: Array.from({ length: 30_000 }, (_, index) => index % 64),
    mentions: Array.from({ length: 20_000 }, () => one),
    text: 'x'.repeat(limits.errorFieldsBytes - 100),
    bytes: new Uint8Array(limits.errorFieldsBytes - 100),
    holes,
  }
  for (const [key, value] of Object.entries(fields)) {
    const back = decodeError(encodeError(Object.assign(new Error('no'), { [key]: value })))
    assert.deepEqual((back as unknown as Record<string, unknown>)[key], value, key)
  }
})
