import assert from 'node:assert/strict'
import { createHash, createSecretKey, randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { statSync } from 'node:fs'
import { parse } from 'node:querystring'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { fromBytes, listFromBytes, toBytes } from '../../actors/messages/cloneable.js'
import { declaresPrivateFields } from '../../actors/messages/private-fields.js'
import { decodeError, encodeError } from '../../actors/messages/task-error.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'
import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { startDriver } from '../tools/tasks-fixture.js'

/*
 * A value arrives whole, or is refused with the path of the part that would not: never as something less in
 * silence.
 */

const resultContext = {
  root: 'result',
  notCloneable: 'RESULT_NOT_CLONEABLE',
  tooLarge: 'RESULT_TOO_LARGE',
  maxBytes: 1e6,
  task: 't',
} as const
const inputContext = {
  ...resultContext,
  root: 'input',
  notCloneable: 'INPUT_NOT_CLONEABLE',
  tooLarge: 'INPUT_TOO_LARGE',
  list: true,
} as const

const there = (value: unknown): unknown => fromBytes(toBytes(value, resultContext))

class Money {
  readonly #cents: number
  constructor(cents: number) {
    this.#cents = cents
  }
  get cents(): number {
    return this.#cents
  }
}
class Account {
  readonly owner = 'Ada'
  readonly #cents = 5
  get cents(): number {
    return this.#cents
  }
}
class Savings extends Account {
  readonly rate = 2
}
class Point {
  readonly x = 1
  readonly y = 2
  #norm(): number {
    return this.x + this.y
  }
  get norm(): number {
    return this.#norm()
  }
}
const circular = (): unknown => {
  const a: Record<string, unknown> = { n: 1, list: [] }
  a.self = a
  ;(a.list as unknown[]).push(a)
  return a
}
const shared = (): unknown => {
  const url = new URL('https://example.org/')
  return { one: url, two: url, list: [url] }
}

const withHole = (): unknown[] => {
  const list = [1, 2, 3]
  delete list[1]
  return list
}

const equal: Record<string, () => unknown> = {
  URL: () => new URL('https://user:pw@example.org/a?b=1#c'),
  'a URL inside': () => ({ page: new URL('https://example.org/a?b=1'), n: [new URL('file:///x')] }),
  URLSearchParams: () => new URLSearchParams('a=1&a=2&b=%20'),
  'a Map and a Set of them': () =>
    new Map<unknown, unknown>([[new URL('http://a/'), new Set([new URLSearchParams('x=1')])]]),
  'views beside a URL': () => ({
    url: new URL('http://a/'),
    buffer: Buffer.from('hello').subarray(1, 3),
    views: [
      new Float64Array([1, 2]),
      new BigInt64Array(2),
      new DataView(new ArrayBuffer(3)),
      new Uint8Array(0),
    ],
  }),
  'one URL in three places': shared,
  'a plain object': () => ({ a: 1, b: [true, null, undefined, 'é', '𝄞', 2n ** 80n, -0] }),
  'an empty one': () => [{}, []],
  'what querystring gives': () => ({ ...parse('a=1&b=2') }),
  'a Date, a RegExp, a Map, a Set': () => [new Date(0), /a+/gi, new Map([[1, { a: 1 }]]), new Set([1n])],
  'boxed primitives': () => [new Number(1), new String('ab'), new Boolean(false), Object(1n)],
  'buffers and views': () => [Buffer.from('x'), new Float32Array(2), new Uint8Array([1, 2]).buffer],
  'what refers to itself': circular,
  'holes and fields of an array': () => Object.assign(withHole(), { index: 5 }),
  'the key __proto__': () => JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}'),
  'the key __proto__ beside a URL': () =>
    Object.assign(JSON.parse('{"__proto__": {"polluted": 1}}'), { url: new URL('http://a/') }),
  'a lone surrogate': () => ['a\ud800b', { 'a\udfff': 1 }],
  'a million numbers': () => Array.from({ length: 1e5 }, (_, index) => index / 3),
}
for (const [what, make] of Object.entries(equal)) {
  test(`arrives whole: ${what}`, () => {
    const value = make()
    assert.deepEqual(there(value), value)
    assert.deepEqual(listFromBytes(toBytes([value, 1], inputContext))[0], value)
  })
}

test('a sparse array costs what it holds', () => {
  const list: unknown[] = []
  list[4_000_000_000] = { far: new URL('http://a/') }
  const back = there(list) as unknown[]
  assert.deepEqual(Object.keys(back), ['4000000000'])
  assert.deepEqual(back[4_000_000_000], { far: new URL('http://a/') })
  assert.ok(Number.isNaN((there(new Date(Number.NaN)) as Date).getTime()))
  assert.deepEqual(there(Object.assign(Object.create(null), { a: 1 })), { a: 1 })
})

test('what is mentioned twice is one object there, also if it is ours', () => {
  const back = there(shared()) as { one: URL; two: URL; list: URL[] }
  assert.equal(back.one, back.two)
  assert.equal(back.one, back.list[0])
  const error = new Error('x')
  const [one, two] = there([error, error]) as Error[]
  assert.equal(one, two)
})

test('documented: own fields of an instance arrive without its class; symbols and accessors do not', () => {
  assert.deepEqual(there(new Point()), { x: 1, y: 2 })
  assert.deepEqual(there({ [Symbol('s')]: 1, a: 1 }), { a: 1 })
  assert.deepEqual(there(statSync('/')), Object.fromEntries(Object.entries(statSync('/'))))
  assert.deepEqual(there(runInNewContext('({ a: [1, {}], m: new Map([[1, {}]]) })')), {
    a: [1, {}],
    m: new Map([[1, {}]]),
  })
  let reads = 0
  const computed = {
    get seven() {
      reads++
      return 7
    },
  }
  assert.deepEqual(there(computed), { seven: 7 })
  assert.ok(reads > 0)
})

const refused: Record<string, [() => unknown, string, RegExp?]> = {
  Headers: [
    () => [{ headers: new Headers({ a: '1' }) }],
    'input[0].headers',
    /Headers.*nothing would arrive/,
  ],
  FormData: [() => new FormData(), 'input', /FormData/],
  Request: [() => ({ a: { b: new Request('http://a/') } }), 'input.a.b', /Request/],
  Response: [() => new Map([['r', new Response('x')]]), 'input.get("r")', /Response/],
  Blob: [() => [new Blob(['a'])], 'input[0]'],
  AbortSignal: [() => ({ signal: new AbortController().signal }), 'input.signal', /AbortSignal/],
  AbortController: [() => new AbortController(), 'input', /AbortController/],
  MessagePort: [
    () => {
      const { port1 } = new MessageChannel()
      port1.close()
      return { port1 }
    },
    'input.port1',
  ],
  ReadableStream: [() => ({ body: new ReadableStream() }), 'input.body'],
  'a stream of Node': [() => ({ body: Readable.from([1]) }), 'input.body._read'],
  TextEncoder: [() => [new TextEncoder()], 'input[0]', /TextEncoder/],
  KeyObject: [() => ({ key: createSecretKey(randomBytes(8)) }), 'input.key'],
  'a class with private fields only': [() => ({ price: new Money(5) }), 'input.price', /Money.*nothing/],
  'a class with private fields too': [() => [1, new Account()], 'input[1]', /Account, whose private fields/],
  'a class that extends such a one': [() => new Savings(), 'input', /Savings, whose private fields/],
  'a class without fields': [() => [new (class Empty {})()], 'input[0]', /Empty/],
  'a Map with fields': [
    () => ({ cache: Object.assign(new Map(), { max: 3 }) }),
    'input.cache',
    /Map with fields/,
  ],
  'a Date with fields': [() => [Object.assign(new Date(), { zone: 'x' })], 'input[0]', /Date with fields/],
  Math: [() => ({ Math }), 'input.Math', /nothing would arrive/],
  'a function': [() => ({ a: [() => 1] }), 'input.a[0]'],
  'a symbol': [() => ({ a: Symbol('x') }), 'input.a'],
  'a promise': [() => ({ p: Promise.resolve(1) }), 'input.p'],
  'a WeakMap': [() => [new WeakMap()], 'input[0]'],
  'a Proxy': [() => ({ p: new Proxy({ a: 1 }, {}) }), 'input.p'],
  'a generator': [() => ({ g: (function* () {})() }), 'input.g'],
  'shared memory': [() => [new SharedArrayBuffer(4)], 'input[0]'],
  'a getter that throws': [
    () => ({
      get a() {
        throw new Error('no')
      },
    }),
    'input.a',
  ],
  'a Headers beside a URL': [() => [new URL('http://a/'), new Headers()], 'input[1]', /Headers/],
  'one of many': [
    () => Array.from({ length: 500 }, (_, index) => (index === 321 ? { h: new Headers() } : { index })),
    'input[321].h',
  ],
  'behind a cycle': [() => Object.assign(circular() as object, { h: new Headers() }), 'input.h'],
  'the field of an array': [() => Object.assign([1], { h: new Headers() }), 'input.h'],
}
for (const [what, [make, place, message]] of Object.entries(refused)) {
  test(`is refused with its path: ${what}`, () => {
    const value = make()
    assert.throws(
      () => toBytes([value], inputContext),
      (error) =>
        isFiresteelError(error, 'INPUT_NOT_CLONEABLE') &&
        error.place === place &&
        (!message || message.test(error.message)),
    )
    assert.throws(() => toBytes(value, resultContext), {
      code: 'FIRESTEEL_RESULT_NOT_CLONEABLE',
      place: place.replace('input', 'result'),
    })
    assert.throws(() => toBytes([0, value], inputContext), { place: place.replace('input', 'input[1]') })
  })
}

test('values that are mentioned far more often than they have bytes are looked at once', () => {
  let value: unknown = { leaf: 1 }
  for (let depth = 0; depth < 60; depth++) value = [value, value]
  assert.ok(toBytes(value, resultContext).length < 1000, 'otherwise this test would never end')
})

// Without dates: two invalid ones are not equal.
test('V8 reads what has nothing of ours in it, and we read what V8 writes', () => {
  fc.assert(
    fc.property(
      fc.anything({ withMap: true, withSet: true, withTypedArray: true, withBigInt: true }),
      (value) => {
        const bytes = serialize(value)
        assert.deepEqual(fromBytes(bytes), deserialize(bytes))
        assert.deepEqual(deserialize(toBytes(value, resultContext)), deserialize(bytes))
      },
    ),
  )
})

test('a URL anywhere in any value arrives, and the rest with it', () => {
  const leaf = fc.oneof(
    fc.webUrl().map((text) => new URL(text)),
    fc.string(),
    fc.integer(),
    fc.uint8Array(),
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'medium' },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.string(), tie('tree'), { maxKeys: 3 }),
      fc.array(fc.tuple(fc.string(), tie('tree')), { maxLength: 3 }).map((entries) => new Map(entries)),
    ),
  }))
  fc.assert(fc.property(tree, (value) => isDeepStrictEqual(there(value), withoutPrototypes(value))))
})

/** What arrives has the usual prototype. */
function withoutPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPrototypes)
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, withoutPrototypes(item)]))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== null) {
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
      return value
  }
  const copy: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value as object)) {
    Object.defineProperty(copy, key, {
      value: withoutPrototypes(item),
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return copy
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: they are texts of programs
test('private fields are told from all else that has a #', () => {
  const yes = [
    'class A { #a }',
    'class A { #a = 1 }',
    'class A { x = 1; #a; y() {} }',
    'class A { x = /#b}/; #a = `}${ {a: "}"} }#c` }',
    'class A { x = 4 / 2 / 1\n #a\n }',
    'class A extends B { /* #x */ m() { return `#${this.#a}` } #a = () => 1 }',
    "class A { s = '}'; #ünïcode\n }",
  ]
  const no = [
    'class A { color = "#fff" }',
    'class A { m() { return "#a" } }',
    'class A { re = /#[0-9a-f]+/; m() { return `#${1}` } }',
    'class A { #m() { return 1 } get #p() { return 1 } async #q() {} *#r() {} }',
    'class A { static #count = 0; x = 1 }',
    'class A { static is(x) { return #m in x } #m() {} }',
    'class A { // #a\n /* #b */ x = 1 }',
    'function A() { this.x = "#a" }',
    'class A { x = 1 }',
  ]
  for (const text of yes) assert.equal(declaresPrivateFields(text), true, text)
  for (const text of no) assert.equal(declaresPrivateFields(text), false, text)
})

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: they are texts of programs

// Errors

class HttpError extends Error {
  readonly status = 404
  readonly retryable = true
  readonly headers = new Headers()
  readonly url = new URL('http://a/b')
  readonly seen = new Map([['at', new Date(0)]])
  readonly socket = { write: () => undefined }
  readonly original = Object.assign(new RangeError('inner'), { code: 'E_INNER', limit: 5n })
  get thrower(): never {
    throw new Error('a getter')
  }
}

function checkHttpError(error: unknown): void {
  assert.ok(error instanceof Error)
  const { message, status, retryable, url, seen, original, headers, socket } = error as HttpError
  assert.equal(message, 'no page')
  assert.deepEqual(
    { status, retryable, url, seen },
    {
      status: 404,
      retryable: true,
      url: new URL('http://a/b'),
      seen: new Map([['at', new Date(0)]]),
    },
  )
  assert.ok(original instanceof RangeError)
  assert.deepEqual({ ...original }, { code: 'E_INNER', limit: 5n })
  // They cannot be cloned; the error arrives without them.
  assert.equal(headers, undefined)
  assert.equal(socket, undefined)
}

test('own fields of errors arrive: thrown, as a cause, in a list, and inside values', () => {
  const error = new HttpError('no page')
  checkHttpError(decodeError(encodeError(error)))
  checkHttpError(decodeError(encodeError(new Error('outer', { cause: error }))).cause)
  const together = decodeError(encodeError(new AggregateError([error], 'all'))) as AggregateError
  checkHttpError(together.errors[0])
  checkHttpError((there({ reason: error }) as { reason: unknown }).reason)
  checkHttpError((there([new Map([[1, error]])]) as Map<number, unknown>[])[0]?.get(1))
  const [settled] = listFromBytes(toBytes([[{ status: 'rejected', reason: error }]], inputContext)) as {
    reason: unknown
  }[][]
  checkHttpError(settled?.[0]?.reason)
})

test('what errors of Node and of the platform hold arrives', () => {
  const missing = (() => {
    try {
      return statSync('/does/not/exist')
    } catch (error) {
      return error
    }
  })()
  const { errno, code, syscall, path } = there(missing) as NodeJS.ErrnoException
  assert.deepEqual(
    { errno, code, syscall, path },
    { errno: -2, code: 'ENOENT', syscall: 'stat', path: '/does/not/exist' },
  )
  const aborted = there(new DOMException('gone', 'AbortError')) as Error
  assert.equal(aborted.name, 'AbortError')
  assert.equal(aborted.message, 'gone')
  assert.equal((there(runInNewContext('Object.assign(new TypeError("x"), { a: 1 })')) as { a?: number }).a, 1)
})

test('thrown objects that are no errors keep their fields', () => {
  const error = decodeError(encodeError({ status: 503, body: new Uint8Array([1]) })) as Error & {
    status: number
    body: Uint8Array
  }
  assert.equal(error.status, 503)
  assert.deepEqual(error.body, new Uint8Array([1]))
  assert.equal(decodeError(encodeError('just a text')).message, 'just a text')
})

test('fields are bounded in size, and those that have no room do not cost the others', () => {
  const error = Object.assign(new Error('large'), {
    first: 1,
    page: 'x'.repeat(limits.errorFieldsBytes + 1),
    bytes: new Uint8Array(10_000_000),
    list: Array.from({ length: 100_000 }, (_, index) => index),
    last: 'y',
  })
  const bytes = encodeError(error)
  assert.ok(bytes.length < 2 * limits.errorFieldsBytes)
  assert.deepEqual({ ...decodeError(bytes) }, { first: 1, last: 'y' })
  const many = Object.assign(
    new Error('many'),
    Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`f${n}`, 'v'.repeat(100)])),
  )
  assert.ok(encodeError(many).length < 2 * limits.errorFieldsBytes + 40_000)
})

test('errors that hold themselves, or one another, end', () => {
  const error: Error & { self?: unknown; other?: unknown } = new Error('a')
  const other: Error & { back?: unknown } = new Error('b')
  error.self = error
  error.other = other
  other.back = error
  const back = decodeError(encodeError(error)) as typeof error
  assert.equal((back.self as Error).message, 'a')
  assert.equal((back.other as Error).message, 'b')
  fc.assert(
    fc.property(
      fc.object(),
      (fields) => decodeError(encodeError(Object.assign(new Error('f'), fields))) instanceof Error,
    ),
  )
})

test('the fields of an error cannot pollute anything', () => {
  const error = Object.assign(new Error('x'), JSON.parse('{"__proto__": {"polluted": 1}, "toString": 3}'))
  Object.defineProperty(error, '__proto__', { value: { polluted: 1 }, enumerable: true })
  const back = decodeError(encodeError(error))
  assert.ok(back instanceof Error)
  assert.equal(({} as { polluted?: number }).polluted, undefined)
  assert.equal((back as { polluted?: number }).polluted, undefined)
  const own = decodeError(
    encodeError(new FiresteelError('FOLDER_MISSING', 'gone', { place: 'h:/x', help: 'make it' })),
  )
  assert.ok(isFiresteelError(own, 'FOLDER_MISSING') && own.place === 'h:/x' && own.help === 'make it')
})

test('whatever is no instance of ours goes by the same rules', () => {
  assert.throws(() => there(createHash('md5').copy), { code: 'FIRESTEEL_RESULT_NOT_CLONEABLE' })
  assert.deepEqual(Object.keys(there(new EventEmitter()) as object).includes('_eventsCount'), true)
})

// With real executors

type Sample = typeof import('./tasks-sample.js')
const driver = await startDriver()
after(() => driver[Symbol.asyncDispose]())
await driver.start({ cores: 1 })
const sample = tasksOf<Sample>(driver.pool, new URL('./tasks-sample.js', import.meta.url), { retries: 0 })

test('in inputs, results and errors alike', async () => {
  const url = new URL('http://a/b')
  assert.deepEqual(await sample.echo({ url, params: new URLSearchParams('a=1') }), {
    url,
    params: new URLSearchParams('a=1'),
  })
  await assert.rejects(sample.echo([{ headers: new Headers() }]), {
    code: 'FIRESTEEL_INPUT_NOT_CLONEABLE',
    place: 'input[0].headers',
  })
  await assert.rejects(sample.headersOf('x'), {
    code: 'FIRESTEEL_RESULT_NOT_CLONEABLE',
    place: 'result.page.headers',
  })
  const failed = await sample.failsWithStatus(404).catch((error: unknown) => error as FiresteelError)
  assert.ok(isFiresteelError(failed, 'TASK_FAILED'))
  assert.deepEqual({ ...(failed.cause as object) }, { status: 404, retryable: false, url })
})
