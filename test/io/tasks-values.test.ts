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
import { NoRetry } from '../../actors/messages/no-retry.js'
import { declaresPrivateFields } from '../../actors/messages/private-fields.js'
import { decodeError, encodeError } from '../../actors/messages/task-error.js'
import type { TaskOutcome } from '../../actors/tasks/dispatch-types.js'
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
class Lru extends Map<string, number> {
  readonly #max = 3
  get max(): number {
    return this.#max
  }
}
class Tags extends Set<string> {
  readonly #max = 3
  get max(): number {
    return this.#max
  }
}
class Zoned extends Date {
  readonly #zone = 'CET'
  get zone(): string {
    return this.#zone
  }
}
class Stack extends Array<number> {
  readonly #max = 3
  get max(): number {
    return this.#max
  }
}
class Pixels extends Uint8Array {
  readonly #width = 3
  get width(): number {
    return this.#width
  }
}
class Page extends URL {
  readonly #note = 'n'
  get note(): string {
    return this.#note
  }
}
class Bus extends EventTarget {
  readonly name = 'bus'
}
/** It is none of the platform, whatever it calls itself. */
class Fake {
  readonly href = 'http://a/'
  get [Symbol.toStringTag](): string {
    return 'URL'
  }
}
class Words extends Array<string> {}
class Table extends Map<string, number> {}
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
  'a field that is undefined': () => ({ a: undefined }),
  'a field of the name then': () => JSON.parse('{"then": 5}'),
  'long text that is not Latin-1': () => `${'x'.repeat(2000)}é€`,
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
  'buffers of every length': () => [0, 1, 24, 25, 100, 5000].map((length) => Buffer.alloc(length, 7)),
  'a million numbers': () => Array.from({ length: 1e5 }, (_, index) => index / 3),
}
for (const [what, make] of Object.entries(equal)) {
  test(`arrives whole: ${what}`, () => {
    const value = make()
    assert.deepEqual(there(value), value)
    assert.deepEqual(listFromBytes(toBytes([value, 1], inputContext))[0], value)
  })
}

test('of a class that extends a container, and holds nothing else, the contents arrive', () => {
  assert.deepEqual(there([Words.of('a', 'b'), new Table([['a', 1]])]), [['a', 'b'], new Map([['a', 1]])])
  assert.deepEqual(there(new (class Link extends URL {})('http://a/')), new URL('http://a/'))
})

test('a typed array has a buffer of its own there, with its bytes alone', () => {
  const parts = [new Uint8Array(16).fill(7), new Float64Array([0.5]), new DataView(new ArrayBuffer(24), 8, 8)]
  for (const part of [...parts, new Uint8Array(100_000)]) {
    const [beside, back] = listFromBytes(toBytes(['x', part], inputContext)) as [string, typeof part]
    assert.deepEqual([beside, back.buffer.byteLength, back.byteOffset], ['x', part.byteLength, 0])
    assert.deepEqual((there({ part }) as { part: typeof part }).part.buffer, back.buffer)
  }
  const [url, bytes] = there([new URL('http://a/'), new Uint8Array(3)]) as [URL, Uint8Array]
  assert.deepEqual([url.href, bytes.buffer.byteLength], ['http://a/', 3])
})

test('a symbol on a buffer is left out as any other', () => {
  const view = Object.assign(new Uint8Array(100), { [Symbol('s')]: 1 })
  assert.deepEqual(there({ view }), { view: new Uint8Array(100) })
})

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
  'a String object with fields': [
    () => [Object.assign(new String('ab'), { note: 1 })],
    'input[0]',
    /String with fields/,
  ],
  'a Buffer with fields': [
    () => ({ file: Object.assign(Buffer.from('x'), { contentType: 'text/plain' }) }),
    'input.file',
    /Buffer with fields/,
  ],
  'a large Buffer with fields': [
    () => [Object.assign(Buffer.alloc(100_000), { contentType: 'text/plain' })],
    'input[0]',
    /Buffer with fields/,
  ],
  'a typed array with a field named like a number': [
    () => [Object.assign(new Float64Array(3), { '03': 1 })],
    'input[0]',
    /Float64Array with fields/,
  ],
  'an ArrayBuffer with fields': [
    () => ({ a: Object.assign(new ArrayBuffer(2), { note: 1 }) }),
    'input.a',
    /ArrayBuffer with fields/,
  ],
  'a DataView with fields': [
    () => [Object.assign(new DataView(new ArrayBuffer(2)), { note: 1 })],
    'input[0]',
    /DataView with fields/,
  ],
  'a URL with fields': [
    () => [Object.assign(new URL('http://a/'), { note: 1 })],
    'input[0]',
    /URL with fields/,
  ],
  'a Map with private fields': [() => ({ cache: new Lru([['a', 1]]) }), 'input.cache', /Lru, whose private/],
  'a Set with private fields': [() => [new Tags()], 'input[0]', /Tags, whose private fields/],
  'a Date with private fields': [() => [new Zoned()], 'input[0]', /Zoned, whose private fields/],
  'an array with private fields': [() => ({ a: Stack.of(1, 2) }), 'input.a', /Stack, whose private fields/],
  'a typed array with private fields': [() => [new Pixels(9)], 'input[0]', /Pixels, whose private fields/],
  'a URL with private fields': [() => [new Page('http://a/')], 'input[0]', /Page, whose private fields/],
  'a class that extends such a Map': [
    () => [new (class Small extends Lru {})()],
    'input[0]',
    /Small, whose private fields/,
  ],
  'a Response with fields': [
    () => ({ r: Object.assign(new Response('x'), { note: 1 }) }),
    'input.r',
    /Response, of which only the fields set on it would arrive/,
  ],
  'a Request with fields': [
    () => [Object.assign(new Request('http://a/'), { note: 1 })],
    'input[0]',
    /Request, of which only/,
  ],
  'a FormData with fields': [
    () => [Object.assign(new FormData(), { note: 1 })],
    'input[0]',
    /FormData, of which only/,
  ],
  'an AbortSignal with fields': [
    () => [Object.assign(new AbortController().signal, { note: 1 })],
    'input[0]',
    /AbortSignal, of which only/,
  ],
  'a TextDecoder with fields': [
    () => [Object.assign(new TextDecoder(), { note: 1 })],
    'input[0]',
    /TextDecoder, of which only/,
  ],
  'a NumberFormat with fields': [
    () => [Object.assign(new Intl.NumberFormat('de'), { note: 1 })],
    'input[0]',
    /NumberFormat/,
  ],
  'a class that extends one of the platform': [() => ({ bus: new Bus() }), 'input.bus', /Bus, of which only/],
  'an Event': [() => [new Event('x')], 'input[0]', /Event/],
  'what calls itself a URL': [() => [new Fake()], 'input[0]', /Fake, of which only/],
  Math: [() => ({ Math }), 'input.Math', /nothing would arrive/],
  'a function': [() => ({ a: [() => 1] }), 'input.a[0]'],
  'a symbol': [() => ({ a: Symbol('x') }), 'input.a'],
  'a promise': [() => ({ p: Promise.resolve(1) }), 'input.p'],
  'a WeakMap': [() => [new WeakMap()], 'input[0]'],
  'a Proxy': [() => ({ p: new Proxy({ a: 1 }, {}) }), 'input.p'],
  'a Proxy of a function': [() => ({ f: new Proxy(() => 1, {}) }), 'input.f'],
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

/** As jsdom and whatwg-url make them: what they hold is under a symbol. */
function ofPackage(tag: string, parts: object = {}): object {
  const made = class {
    constructor() {
      Object.assign(this, { [Symbol('implementation')]: {} })
    }
    get [Symbol.toStringTag]() {
      return tag
    }
  }
  Object.defineProperty(made, 'name', { value: tag.split('.').at(-1) })
  Object.defineProperties(made.prototype, Object.getOwnPropertyDescriptors(parts))
  return new made()
}

const told = { toJSON: () => '2024-01-01' }
class Price {
  readonly #cents = 5
  readonly currency = 'EUR'
  toJSON() {
    return `${this.currency} ${this.#cents}`
  }
}

const helps: readonly (readonly [object, string, string])[] = [
  [
    ofPackage('URL', { toJSON: () => 'http://a/' }),
    'URL',
    'Send its href, and make new URL(href) of it there.',
  ],
  [
    ofPackage('URLSearchParams'),
    'URLSearchParams',
    'Send its text, String(params), and make new URLSearchParams(text) of it there.',
  ],
  [ofPackage('Temporal.PlainDate', told), 'PlainDate', 'Send what its toJSON() gives.'],
  [new Price(), 'Price', 'Send what its toJSON() gives.'],
  [ofPackage('Node'), 'Node', 'Send plain data; the path in the message names the part.'],
]
for (const [value, name, help] of helps) {
  test(`a ${name} that keeps what it is from a clone is refused with its path, and with what to send instead`, () => {
    assert.throws(
      () => toBytes([{ made: value }], inputContext),
      (error) =>
        isFiresteelError(error, 'INPUT_NOT_CLONEABLE') &&
        error.place === 'input.made' &&
        error.message.startsWith(`input.made is an instance of ${name}, `) &&
        error.help === help,
    )
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

test('fields of an error that are named as those of every error, but hold something else, arrive', () => {
  // As Mongoose and others have it: a reason for each field.
  const reasons = Object.assign(new Error('v'), { errors: { name: 'required' }, status: 4 })
  assert.deepEqual({ ...decodeError(encodeError(reasons)) }, { errors: { name: 'required' }, status: 4 })
  const nested = there([new Error('outer', { cause: reasons })]) as Error[]
  assert.deepEqual({ ...(nested[0]?.cause as object) }, { errors: { name: 'required' }, status: 4 })
  const held = Object.assign(new Error('v'), { errors: { age: new RangeError('too old') } })
  const { errors } = decodeError(encodeError(held)) as typeof held
  assert.ok(errors.age instanceof RangeError)
  for (const odd of [5, 'required', null, new Map([['name', 'required']]), ['required', { at: 1 }], []])
    assert.deepEqual(
      { ...decodeError(encodeError(Object.assign(new Error('v'), { errors: odd }))) },
      {
        errors: odd,
      },
    )
  const coded = Object.assign(new Error('v'), { code: { http: 404 } })
  assert.deepEqual({ ...decodeError(encodeError(coded)) }, { code: { http: 404 } })
  const counted = Object.assign(new Error('v'), { code: Number.POSITIVE_INFINITY })
  assert.deepEqual({ ...decodeError(encodeError(counted)) }, { code: Number.POSITIVE_INFINITY })
})

test('a list of errors arrives without another type for the error that has it', () => {
  const errors = [new RangeError('a'), 'b', { at: 'c' }]
  const back = decodeError(encodeError(Object.assign(new TypeError('v'), { errors }))) as AggregateError
  assert.ok(back instanceof TypeError)
  assert.ok(back.errors[0] instanceof RangeError)
  assert.deepEqual(back.errors.slice(1), ['b', { at: 'c' }])
  const final = decodeError(encodeError(Object.assign(new NoRetry('v'), { errors })))
  assert.ok(final instanceof NoRetry)
  const all = decodeError(encodeError(new AggregateError(['b', undefined, new Error('d')], 'all')))
  assert.ok(all instanceof AggregateError)
  assert.deepEqual(all.errors.slice(0, 2), ['b', undefined])
  assert.equal(all.errors[2].message, 'd')
  assert.deepEqual(Object.keys(all), [])
})

test('a cause that is no error arrives as what it is, and as an error if it cannot', () => {
  const causeOf = (cause: unknown): unknown => decodeError(encodeError(new Error('v', { cause }))).cause
  for (const cause of ['text', 404, 0, '', null, false, { status: 4, at: new Date(0) }, [1, [2]]])
    assert.deepEqual(causeOf(cause), cause)
  const cannot = causeOf({ status: 4, send: () => undefined }) as Error & { status: number }
  assert.ok(cannot instanceof Error)
  assert.equal(cannot.status, 4)
  const loop: { of?: unknown; n: number } = { n: 1 }
  const error = new Error('v', { cause: loop })
  loop.of = error
  assert.equal((decodeError(encodeError(error)).cause as typeof loop).n, 1)
  // An earlier release reads the same record as it did: it does not know `value`.
  const record = JSON.parse(encodeError(new Error('v', { cause: { status: 4 } })).toString())
  delete record.cause.value
  const earlier = decodeError(Buffer.from(JSON.stringify(record))).cause as Error & { status: number }
  assert.equal(earlier.message, '{"status":4}')
  assert.equal(earlier.status, 4)
})

test('name, message and stack of an error are texts there, whatever they were', () => {
  const shown = { name: { first: 'A' }, message: { why: 'b' }, stack: ['at x', 'at y'] }
  const { name, message, stack } = decodeError(encodeError(Object.assign(new Error(), shown)))
  assert.deepEqual(
    { name, message, stack },
    { name: '{"first":"A"}', message: '{"why":"b"}', stack: 'at x\nat y' },
  )
  const unnamed = Object.assign(new Error('v'), { name: Object.create(null) })
  assert.equal(decodeError(encodeError(unnamed)).message, 'v')
  const long = Object.assign(new Error('v'), { code: 'c'.repeat(2 * limits.errorTextLength) })
  assert.equal((decodeError(encodeError(long)) as typeof long).code.length, limits.errorTextLength + 3)
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

// Depth

const DEEP = limits.valueDepth

/** The value that is nested `levels` deep. */
function nested(levels: number, wrap: (inner: unknown) => object): unknown {
  let value: unknown = {}
  for (let level = 1; level < levels; level++) value = wrap(value)
  return value
}
const wraps: Record<string, (inner: unknown) => object> = {
  objects: (a) => ({ a }),
  arrays: (a) => [a],
  'sparse arrays': (a) => Object.assign([], { 70: a }),
  Maps: (a) => new Map([[1, a]]),
  'keys of Maps': (a) => new Map([[a, 1]]),
  Sets: (a) => new Set([a]),
  'objects beside a URL': (a) => ({ url: new URL('http://a/'), a }),
}

for (const [what, wrap] of Object.entries(wraps)) {
  test(`${what} arrive from the deepest level that may travel, and are refused from the next`, () => {
    const fits = nested(DEEP, wrap)
    const back = there(fits)
    assert.equal(levelsOf(back), DEEP)
    assert.equal(levelsOf(listFromBytes(toBytes([fits], inputContext))[0]), DEEP)
    assert.equal(levelsOf(listFromBytes(toBytes([1, fits], inputContext))[1]), DEEP)
    for (const levels of [DEEP + 1, 2500, 20_000]) {
      const deep = nested(levels, wrap)
      const message = /nested more than 1000 levels deep \(valueDepth\)/
      assert.throws(() => toBytes(deep, resultContext), {
        code: 'FIRESTEEL_RESULT_NOT_CLONEABLE',
        message,
        place: /^result.{194}\.\.\.$/,
      })
      assert.throws(() => toBytes([deep], inputContext), {
        code: 'FIRESTEEL_INPUT_NOT_CLONEABLE',
        message,
        place: /^input.{195}\.\.\.$/,
      })
    }
  })
}

function levelsOf(value: unknown): number {
  let levels = 0
  for (let at: unknown = value; typeof at === 'object' && at !== null; at = insideOf(at)) levels++
  return levels
}
function insideOf(value: object): unknown {
  if (value instanceof Map) {
    const [[key, item]] = [...value] as [[unknown, unknown]]
    return typeof key === 'object' ? key : item
  }
  if (value instanceof Set) return [...value][0]
  return Object.values(value).at(-1)
}

interface Linked {
  readonly n: number
  next?: Linked
  before?: Linked
}
/** Nodes that are linked in both directions, the first one to the second one and so on. */
function linked(length: number): Linked[] {
  const nodes: Linked[] = Array.from({ length }, (_, n) => ({ n }))
  for (const [index, node] of nodes.entries()) {
    const next = nodes[index + 1]
    if (next === undefined) continue
    node.next = next
    next.before = node
  }
  return nodes
}

test('what is linked is as deep as V8 goes down in it, whatever shorter ways there are', () => {
  const fits = linked(DEEP - 1)
  const back = there(fits) as Linked[]
  assert.equal(back.length, DEEP - 1)
  assert.equal(back[7]?.next, back[8])
  assert.equal(back[8]?.before, back[7])
  assert.throws(() => there(linked(DEEP)), {
    code: 'FIRESTEEL_RESULT_NOT_CLONEABLE',
    place: /^result\[0\]\.next\.next\.next/,
  })
  // From its end V8 finds each next one already written, so the list is flat.
  const oneWay = linked(5000).map((node) => {
    delete node.before
    return node
  })
  assert.equal((there(oneWay.toReversed()) as Linked[]).length, 5000)
})

test('a cycle is as deep as its objects', () => {
  const ring = (length: number): Linked => {
    const nodes = linked(length)
    ;(nodes.at(-1) as Linked).next = nodes[0] as Linked
    return nodes[0] as Linked
  }
  const back = there(ring(DEEP)) as Linked
  let at = back
  for (let step = 0; step < DEEP; step++) at = at.next as Linked
  assert.equal(at, back)
  assert.throws(() => there(ring(DEEP + 1)), { code: 'FIRESTEEL_RESULT_NOT_CLONEABLE' })
})

test('what is refused for another reason is not called too deep', () => {
  const headers = nested(DEEP - 5, (a) => ({ h: new Headers(), a }))
  assert.throws(() => there(headers), { place: 'result.h' })
  assert.throws(() => there(nested(20_000, (a) => ({ h: new Headers(), a }))), { place: 'result.h' })
  assert.throws(() => there([nested(500, (a) => [a]), () => 1]), { place: 'result[1]' })
})

test('of an error what is nested too deep is left out, and the error arrives', () => {
  const fits = nested(limits.errorValueDepth, (a) => ({ a }))
  for (const levels of [limits.errorValueDepth + 1, 2500, 20_000]) {
    const deep = nested(levels, (a) => ({ a }))
    const error = Object.assign(new Error('v', { cause: deep }), { fits, deep })
    const back = decodeError(encodeError(error)) as typeof error
    assert.equal(back.message, 'v')
    assert.ok(back.cause instanceof Error)
    assert.equal(levelsOf(back.fits), limits.errorValueDepth)
    assert.deepEqual(Object.keys(back), ['fits'])
    const together = new AggregateError([deep, error], 'all')
    assert.equal((decodeError(encodeError(together)) as AggregateError).errors[1].message, 'v')
  }
  let cause: unknown = 'root'
  for (let count = 0; count < 3000; count++) cause = new Error(`e${count}`, { cause })
  assert.equal((decodeError(encodeError(cause)).cause as Error).message, 'e2998')
  assert.equal((there({ cause }) as { cause: Error }).cause.message, 'e2999')
})

test('what V8 refuses inside an error is left out, and the error arrives in a value as it does alone', () => {
  const cause = { status: 4, send: () => undefined }
  const back = there({ reasons: [new Error('v', { cause })], url: new URL('http://a/') }) as {
    reasons: Error[]
  }
  const [reason] = back.reasons as [Error]
  assert.equal(reason.message, 'v')
  assert.equal((reason.cause as { status?: number }).status, 4)
  // Beside it, what is refused is refused, and named.
  const error = new Error('v', { cause })
  assert.throws(() => there({ error, list: [1, () => 1] }), { place: 'result.list[1]' })
  assert.throws(() => there({ error, proxy: new Proxy({ a: 1 }, {}) }), { place: 'result.proxy' })
  assert.throws(() => there({ error, headers: new Headers() }), {
    code: 'FIRESTEEL_RESULT_NOT_CLONEABLE',
  })
})

/** Errors in fields of errors, each in the deepest place of what holds it. */
function deepestErrors(levels: number): unknown {
  const inner = (error: Error): unknown => {
    let value: unknown = error
    for (let level = 1; level < limits.errorValueDepth; level++) value = [value]
    return value
  }
  let error = new Error('e0')
  for (let depth = 1; depth <= limits.errorFieldDepth; depth++)
    error = Object.assign(new Error(`e${depth}`), { inner: inner(error) })
  let value: unknown = error
  for (let level = 1; level < levels; level++) value = Object.assign([], { 70: value })
  return value
}

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

test('values of every depth are answered in both directions, and those that may travel arrive', async () => {
  for (const [what, wrap] of Object.entries(wraps)) {
    const fits = nested(DEEP, wrap)
    assert.equal(levelsOf(await sample.echo(fits)), DEEP, what)
    await assert.rejects(sample.echo(nested(DEEP + 1, wrap)), { code: 'FIRESTEEL_INPUT_NOT_CLONEABLE' }, what)
  }
  for (const kind of ['object', 'array', 'map'] as const) {
    assert.equal(levelsOf(await sample.nested(kind, DEEP)), DEEP)
    for (const levels of [DEEP + 1, 2000, 2500, 3000, 20_000]) {
      await assert.rejects(sample.nested(kind, levels), {
        code: 'FIRESTEEL_RESULT_NOT_CLONEABLE',
        message: /nested more than 1000 levels deep \(valueDepth\); it cannot be sent for nested\./,
        place: /^result.{194}\.\.\.$/,
      })
    }
  }
  const failed = (await sample.failsDeep(2500).catch((error: unknown) => error)) as FiresteelError
  assert.ok(isFiresteelError(failed, 'TASK_FAILED'))
  assert.deepEqual({ ...(failed.cause as object) }, { status: 4 })
  // The stack of both sides carries the deepest value with the deepest errors in it.
  let at: unknown = await sample.echo(deepestErrors(DEEP))
  for (let level = 1; level < DEEP; level++) at = (at as unknown[])[70]
  for (let depth = limits.errorFieldDepth; depth > 0; depth--) {
    assert.equal((at as Error).message, `e${depth}`)
    at = (at as { inner: unknown }).inner
    for (let level = 1; level < limits.errorValueDepth; level++) at = (at as unknown[])[0]
  }
  assert.equal((at as Error).message, 'e0')
})

test('an input that cannot be read fails its task for good, at its first attempt', async () => {
  // Not even the start of a value. An earlier release sends what is too deep for a thread, with the same end.
  const input = new Uint8Array([0xff, 15])
  const fn = { url: new URL('./tasks-sample.js', import.meta.url).href, name: 'echo' }
  const { end, attempts } = await new Promise<TaskOutcome>((onEnd) => {
    driver.pool.submit({ fn, input, retries: 3, timeoutMs: 0, group: 0, onEnd })
  })
  assert.equal(attempts, 1)
  assert.ok(end.kind === 'failed')
  assert.match(decodeError(end.body).message, /^The input of echo cannot be read: /)
})
