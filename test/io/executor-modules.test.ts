import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ModuleFailures } from '../../actors/executor/module-failures.js'
import { each } from '../../actors/tasks/each.js'
import { type TaskFunctions, tasksOf } from '../../actors/tasks/task-proxy.js'
import { type FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { waitUntil } from '../harness/wait-until.js'
import { startDriver, type TestDriver } from '../tools/tasks-fixture.js'

/*
 * Task modules as people write them: what they export is found, and what cannot be loaded costs no more than
 * it must.
 */

const folder = mkdtempSync(join(tmpdir(), 'firesteel-modules-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const file = (name: string, text: string): URL => {
  writeFileSync(join(folder, name), text)
  return pathToFileURL(join(folder, name))
}

const shared = await startDriver()
await shared.start({ cores: 1 })
after(() => shared[Symbol.asyncDispose]())

type Calls = Record<string, (input: unknown) => Promise<unknown>>
const calls = (url: URL | string, options = {}, driver: TestDriver = shared): Calls =>
  tasksOf<Calls>(driver.pool, url, { timeout: '20s', ...options }) as unknown as Calls
const call = (url: URL | string, name: string, options = {}): Promise<unknown> =>
  (calls(url, options)[name] as Calls[string])(7)

file('base.cjs', 'exports.square = (n) => n * n')
const found: Record<string, readonly [text: string, names: readonly string[]]> = {
  'exports.cjs': ['exports.square = (n) => n * n', ['square']],
  'literal.cjs': ['const square = (n) => n * n\nmodule.exports = { square }', ['square']],
  'assign.cjs': ['module.exports = Object.assign({}, { square: (n) => n * n })', ['square']],
  'require.cjs': ["module.exports = require('./base.cjs')", ['square']],
  'spread.cjs': ["module.exports = { ...require('./base.cjs'), other: 1 }", ['square']],
  'loop.cjs': [
    "const all = require('./base.cjs')\nfor (const name of Object.keys(all)) module.exports[name] = all[name]",
    ['square'],
  ],
  'instance.cjs': [
    'class Tasks { two = 2; square(n) { return n ** this.two } }\nmodule.exports = new Tasks()',
    ['square'],
  ],
  'static.cjs': [
    'module.exports = class { static two = 2; static square(n) { return n ** this.two } }',
    ['square'],
  ],
  'extends.cjs': [
    'class A { square(n) { return n * n } }\nclass B extends A {}\nmodule.exports = new B()',
    ['square'],
  ],
  'function.cjs': ['module.exports = function square(n) { return n * n }', ['square', 'default']],
  'arrow.cjs': ['module.exports = (n) => n * n', ['default']],
  'nullproto.cjs': [
    'module.exports = Object.assign(Object.create(null), { square: (n) => n * n })',
    ['square'],
  ],
  'getter.cjs': [
    'Object.defineProperty(exports, "square", { enumerable: true, get: () => (n) => n * n })',
    ['square'],
  ],
  'compiled.cjs': [
    '"use strict";\nObject.defineProperty(exports, "__esModule", { value: true });\nexports.square = void 0;\nexports.square = (n) => n * n;\nexports.default = function (n) { return n * n };',
    ['square', 'default'],
  ],
  'compiled-default.cjs': [
    'Object.defineProperty(exports, "__esModule", { value: true });\nexports.default = { square(n) { return n * this.one * n }, one: 1 };',
    ['square'],
  ],
  'compiled-star.cjs': [
    'var star = (m, e) => { for (var p in m) if (p !== "default") Object.defineProperty(e, p, { enumerable: true, get: () => m[p] }) };\nObject.defineProperty(exports, "__esModule", { value: true });\nstar(require("./base.cjs"), exports);',
    ['square'],
  ],
  'this.cjs': ['exports.two = 2\nexports.square = function (n) { return n ** this.two }', ['square']],
  'this-literal.cjs': [
    'const two = 2\nfunction square(n) { return n ** this.two }\nmodule.exports = { two, square }',
    ['square'],
  ],
  'this-method.cjs': ['module.exports = { two: 2, square(n) { return n ** this.two } }', ['square']],
  'this-function.cjs': [
    'module.exports = function main(n) { return n * n }\nmodule.exports.two = 2\nmodule.exports.square = function (n) { return n ** this.two }',
    ['square', 'main', 'default'],
  ],
  'this-compiled.cjs': [
    'Object.defineProperty(exports, "__esModule", { value: true });\nexports.default = exports.square = exports.two = void 0;\nexports.two = 2;\nexports.square = function (n) { return n ** this.two };\nexports.default = function (n) { return n ** this.two };',
    ['square', 'default'],
  ],
  'this-required.cjs': ["module.exports = require('./this.cjs')", ['square']],
  'this-late.cjs': [
    'exports.square = undefined\nexports.two = 2\nexports["squ" + "are"] = function (n) { return n ** this.two }',
    ['square'],
  ],
  'calls.cjs': [
    'exports.one = (n) => n\nexports.square = function (n) { return this.one(n) * this.one(n) }',
    ['square'],
  ],
  'proxy.cjs': [
    'module.exports = new Proxy({}, { get: () => (n) => n * n })',
    ['square', 'anything', 'default'],
  ],
  'proxy-strict.cjs': [
    'module.exports = new Proxy({}, { get(_, name) { if (name !== "square") throw new Error("no " + String(name)); return (n) => n * n } })',
    ['square'],
  ],
  'proxy-instance.cjs': [
    'class Tasks { two = 2; square(n) { return n ** this.two } }\nmodule.exports = new Proxy(new Tasks(), {})',
    ['square'],
  ],
  'proxy-parent.cjs': [
    'module.exports = Object.create(new Proxy({}, { get: () => (n) => n * n }))',
    ['square'],
  ],
  'class-getter.cjs': [
    'class Tasks { two = 2; get square() { return function (n) { return n ** this.two } } }\nmodule.exports = new Tasks()',
    ['square'],
  ],
  'prototype.cjs': [
    'function Tasks() { this.two = 2 }\nTasks.prototype.square = function (n) { return n ** this.two }\nmodule.exports = new Tasks()',
    ['square'],
  ],
  'static-inherits.cjs': [
    'class A { static two = 2; static square(n) { return n ** this.two } }\nmodule.exports = class B extends A {}',
    ['square'],
  ],
  'declared.cjs': [
    'class Tasks { two = 2; call(n) { return n ** this.two } apply(n) { return this.call(n) } toString(n) { return this.call(n) } }\nmodule.exports = new Tasks()',
    ['call', 'apply', 'toString'],
  ],
  'own.cjs': [
    'module.exports = { two: 2, valueOf(n) { return n ** this.two }, call(n) { return n ** this.two } }',
    ['valueOf', 'call'],
  ],
  'this.ts': [
    'const two: number = 2\nfunction square(this: { two: number }, n: number): number { return n ** this.two }\nmodule.exports = { two, square }',
    ['square'],
  ],
  'named.mjs': ['export const square = (n) => n * n', ['square']],
  'default-object.mjs': ['export default { two: 2, square(n) { return n ** this.two } }', ['square']],
  'default-instance.mjs': [
    'class Tasks { #two = 2; square(n) { return n ** this.#two } }\nexport default new Tasks()',
    ['square'],
  ],
  'default-function.mjs': ['export default function square(n) { return n * n }', ['default', 'square']],
  'named-default.mjs': ['const square = (n) => n * n\nexport { square as default }', ['default', 'square']],
  're-export.mjs': [
    "export * from './named.mjs'\nexport { square as other } from './named.mjs'",
    ['square', 'other'],
  ],
  'names.mjs': [
    'const f = (n) => n * n\nexport { f as length, f as name, f as apply, f as toString, f as valueOf, f as hasOwnProperty }',
    ['length', 'name', 'apply', 'toString', 'valueOf', 'hasOwnProperty'],
  ],
  'awaits.mjs': [
    'const two = await Promise.resolve(2)\nexport const square = async (n) => n ** two',
    ['square'],
  ],
  'thenable.mjs': [
    'export const then = (resolve) => resolve(1)\nexport const square = (n) => n * n',
    ['square'],
  ],
}

for (const [name, [text, names]] of Object.entries(found)) {
  test(`is found: ${name}`, async () => {
    const url = file(name, text)
    for (const one of names) assert.equal(await call(url, one), 49, one)
  })
}

test('a function that an ES module exports has no this, also if another export holds it', async () => {
  const text = `export const two = 2
    export function own() { return this === undefined ? 'none' : 'some' }
    export default { two, own, held() { return this.two } }`
  const url = file('own-this.mjs', text)
  assert.equal(await call(url, 'own'), 'none')
  assert.equal(await call(url, 'held'), 2)
})

test('exports have their this by whatever path the module is named', async () => {
  const real = file('linked.cjs', 'exports.two = 2\nexports.square = function (n) { return n ** this.two }')
  const link = pathToFileURL(join(folder, 'link.cjs'))
  symlinkSync(real, link)
  assert.equal(await call(link, 'square'), 49)
  assert.equal(await call(`${real}?v=2`, 'square'), 49)
})

test('a query or a fragment makes another module of the same file', async () => {
  const url = file('counts.mjs', 'let n = 0\nexport const next = () => ++n')
  assert.equal(await call(url, 'next'), 1)
  assert.equal(await call(`${url}?v=2`, 'next'), 1)
  assert.equal(await call(`${url}#x`, 'next'), 1)
  assert.equal(await call(url, 'next'), 2)
})

const missing: readonly (readonly [file: string, text: string, name: string, message: RegExp])[] = [
  [
    'near.mjs',
    'export const square = 1; export const cube = (n) => n; export default { root: (n) => n }',
    'cubes',
    /The export cubes of host-a:\/.*near\.mjs does not exist; did you mean cube\?/,
  ],
  ['near.mjs', '', 'xyzzy', /does not exist; there are cube, root\./],
  ['near.mjs', '', 'square', /square of .* is a number\./],
  ['near.mjs', '', 'hasOwnProperty', /does not exist/],
  ['class.mjs', 'export class Square {}', 'Square', /is a class, which cannot be called/],
  ['nothing.mjs', 'export const a = null', 'a', /is null/],
  ['nothing.mjs', '', 'b', /does not exist; the module exports no function\./],
  ['then.mjs', 'export const then = (resolve) => resolve(1)', 'toString', /does not exist/],
  ['inherits.cjs', 'module.exports = new (class { square() {} })()', 'toString', /does not exist/],
  ['common.cjs', 'module.exports = new (class Tasks { square() {} })()', 'hasOwnProperty', /does not exist/],
  ['common.cjs', '', 'valueOf', /does not exist/],
  ['common.cjs', '', '__proto__', /does not exist/],
  ['common.cjs', '', 'squares', /does not exist; did you mean square\?/],
  ['any.cjs', 'module.exports = new Proxy({}, { get: () => () => 1 })', 'toString', /does not exist/],
  ['any.cjs', '', 'hasOwnProperty', /does not exist; the module exports no function\./],
  ['any.cjs', '', '__proto__', /does not exist/],
  ['any.cjs', '', 'call', /does not exist/],
  ['statics.cjs', 'module.exports = class Tasks { static square() {} }', 'bind', /does not exist/],
  ['statics.cjs', '', 'toString', /does not exist/],
  ['statics.cjs', '', 'xyzzy', /does not exist; there are default, square\./],
  [
    'realm.cjs',
    "module.exports = require('node:vm').runInNewContext('({ square: () => 1 })')",
    'toString',
    /does not exist/,
  ],
  ['list.cjs', 'module.exports = [1, 2]', 'toString', /does not exist/],
  [
    'throws-for.cjs',
    "module.exports = { get square() { throw new Error('not now') }, cube: () => 1 }",
    'square',
    /square of .* cannot be read: not now\./,
  ],
  ['throws-for.cjs', '', 'xyzzy', /does not exist; there are cube\./],
  ['plain-function.cjs', 'module.exports = function square() {}', 'call', /does not exist; there are/],
]
for (const [name, text, wanted, message] of missing) {
  test(`is not there: ${wanted} of ${name}`, async () => {
    const url = text === '' ? pathToFileURL(join(folder, name)) : file(name, text)
    await assert.rejects(call(url, wanted), { code: 'FIRESTEEL_TASK_NOT_A_FUNCTION', message })
  })
}

const broken: readonly (readonly [file: string, text: string, message: RegExp])[] = [
  [
    'syntax.mjs',
    'export const square = (n) => n *',
    /syntax\.mjs could not be loaded: Unexpected end of input/,
  ],
  ['throws.mjs', "throw new Error('no database')", /throws\.mjs could not be loaded: no database/],
  ['rejects.mjs', "await Promise.reject(new Error('no database'))", /could not be loaded: no database/],
  [
    'dependency.mjs',
    "import x from 'left-pad-that-is-not-there'",
    /Cannot find package 'left-pad-that-is-not-there'/,
  ],
  ['syntax.cjs', 'module.exports = (', /syntax\.cjs could not be loaded: .* \(\/.*syntax\.cjs:\d+\)/],
  ['inner.mjs', "import './syntax.mjs'", /inner\.mjs could not be loaded: Unexpected end of input/],
  ['requires.cjs', "require('./not-there.cjs')", /Cannot find module '\.\/not-there\.cjs'/],
  ['names.json', '{"square": 1}', /names\.json could not be loaded/],
]
for (const [name, text, message] of broken) {
  test(`cannot be loaded: ${name}`, async () => {
    const url = file(name, text)
    const { retried } = shared.pool.stats()
    const error = await call(url, 'square').catch((caught: unknown) => caught as FiresteelError)
    assert.ok(isFiresteelError(error, 'TASK_MODULE_FAILED'), String(error))
    assert.match(error.message, message)
    assert.ok(error.place?.endsWith(name), error.place)
    assert.equal(shared.pool.stats().retried, retried, 'no retry was used up')
  })
}

const generators = file(
  'generators.mjs',
  `export const asyncGen = async function* () { yield 1 }
   export function* gen() { yield 1 }
   export const late = async () => asyncGen()
   export const thenable = (n) => ({ then(resolve) { resolve(n * n) } })
   export const then5 = () => ({ then: 5 })`,
)
for (const [name, kind] of [
  ['asyncGen', 'AsyncGenerator'],
  ['gen', 'Generator'],
  ['late', 'AsyncGenerator'],
] as const) {
  test(`a task has one result: ${name} of generators.mjs is refused, and not run again`, async () => {
    const { retried } = shared.pool.stats()
    await assert.rejects(call(generators, name), {
      code: 'FIRESTEEL_RESULT_NOT_CLONEABLE',
      message: `result ([object ${kind}] could not be cloned.) cannot be sent for ${name}.`,
      place: 'result',
    })
    assert.equal(shared.pool.stats().retried, retried)
  })
}

test('what a task returns is waited for if it can be, and is a value otherwise', async () => {
  assert.equal(await call(generators, 'thenable'), 49)
  assert.deepEqual(await call(generators, 'then5'), JSON.parse('{"then": 5}'))
})

test('a top-level await that hangs ends by the timeout of its task', async () => {
  const url = file(
    'hangs.mjs',
    'await new Promise((r) => setTimeout(r, 1e9))\nexport const square = (n) => n',
  )
  await assert.rejects(call(url, 'square', { timeout: 100, retries: 1 }), { code: 'FIRESTEEL_TASK_TIMEOUT' })
  assert.equal(await call(file('fine.mjs', 'export const square = (n) => n * n'), 'square'), 49)
})

const ending: Readonly<Record<string, readonly [text: string, reason: RegExp]>> = {
  'process.exit': [
    'process.exit(1)',
    /could not be loaded: process.exit was called, which ended its thread$/,
  ],
  'an exception beside it': [
    "setImmediate(() => { throw new Error('beside it') })\nawait new Promise(() => {})",
    /could not be loaded: beside it, which ended its thread$/,
  ],
}
for (const [index, [what, [text, reason]]] of Object.entries(ending).entries()) {
  test(`a module that ends its thread by ${what} could not be loaded: it is tried in another, at most once too`, async () => {
    const counter = join(folder, `ends-${index}.count`)
    const noted = `import { appendFileSync, readFileSync } from 'node:fs'
      appendFileSync(${JSON.stringify(counter)}, 'x')`
    const url = file(`ends-${index}.mjs`, `${noted}\n${text}\nexport const square = (n) => n * n`)
    await assert.rejects(call(url, 'square', { retries: 0 }), {
      code: 'FIRESTEEL_TASK_MODULE_FAILED',
      message: reason,
    })
    assert.equal(readFileSync(counter, 'utf8'), 'xx')
    const once = file(
      `ends-once-${index}.mjs`,
      `${noted}\nif (readFileSync(${JSON.stringify(counter)}).length < 4) {\n${text}\n}\nexport const square = (n) => n * n`,
    )
    assert.equal(await call(once, 'square', { retries: 0 }), 49)
  })
}

test('a module that ends the thread of another that is loading beside it takes none of its tasks with it', async () => {
  await using driver = await startDriver(undefined, 4)
  await driver.start({ cores: 1, tasksPerCore: 4 })
  const waits = 'await new Promise((resolve) => setTimeout(resolve, 50))'
  const ends = file('ends-beside.mjs', `${waits}\nprocess.exit(1)`)
  const fine = file('fine-beside.mjs', `${waits}\n${waits}\nexport const square = (n) => n * n`)
  const [ended, value] = await Promise.allSettled(
    [ends, fine].map((url) => calls(url, { retries: 0 }, driver).square?.(7)),
  )
  assert.equal(ended?.status === 'rejected' && isFiresteelError(ended.reason, 'TASK_MODULE_FAILED'), true)
  assert.deepEqual(value, { status: 'fulfilled', value: 49 })
})

test('what ends a thread, and nobody knows whose it is, is no failure of a module that loads beside a task', async () => {
  const [crash, runs, loads, over] = ['crash', 'crash-runs', 'crash-loads', 'crash-over'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string]
  const name = (path: string): string => JSON.stringify(path)
  for (const path of [runs, loads]) writeFileSync(path, '')
  // Its timer is of no task and of no module.
  const preload = file(
    'crashes.cjs',
    `const { existsSync, rmSync } = require('node:fs')
     if (!require('node:worker_threads').isMainThread) setInterval(() => {
       if (!existsSync(${name(crash)})) return
       rmSync(${name(crash)})
       throw new Error('of nobody')
     }, 5).unref()`,
  )
  const until = 'const until = async (is) => { while (!is()) await new Promise((go) => setTimeout(go, 5)) }'
  const runsBeside = file(
    'runs-beside.mjs',
    `import { appendFileSync, existsSync } from 'node:fs'
     ${until}
     export async function square(n) {
       appendFileSync(${name(runs)}, 'x')
       await until(() => existsSync(${name(over)}))
       return n * n
     }`,
  )
  const loadsBeside = file(
    'loads-beside.mjs',
    `import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
     ${until}
     const length = (path) => readFileSync(path).length
     appendFileSync(${name(loads)}, 'x')
     await until(() => length(${name(runs)}) >= length(${name(loads)}))
     if (length(${name(loads)}) <= 2) {
       writeFileSync(${name(crash)}, '')
       await until(() => false)
     }
     export const square = (n) => n * n`,
  )
  await using driver = await startDriver(undefined, 4)
  await driver.start({ cores: 1, tasksPerCore: 4, nodeOptions: ['--require', fileURLToPath(preload)] })
  const running = calls(runsBeside, { retries: 3 }, driver).square?.(5)
  running?.catch(() => undefined)
  assert.equal(await calls(loadsBeside, { retries: 0 }, driver).square?.(7), 49)
  writeFileSync(over, '')
  assert.equal(await running, 25)
  const causes = driver.events.flatMap((event) => (event.name === 'taskRepeated' ? [event.cause] : []))
  assert.deepEqual(causes, ['failure', 'failure'], 'only the task that ran there is charged')
})

// What failed once

/** Its import fails as often as `times` says, in whatever thread or process. */
function failsAtFirst(name: string, times: number): URL {
  const counter = join(folder, `${name}.count`)
  writeFileSync(counter, '')
  return file(
    name,
    `import { appendFileSync, readFileSync } from 'node:fs'
     appendFileSync(${JSON.stringify(counter)}, 'x')
     if (readFileSync(${JSON.stringify(counter)}).length <= ${times}) throw new Error('no database, this once')
     export const square = (n) => n * n`,
  )
}

test('an import that failed once is tried in another thread, and the task has its result: at most once too', async () => {
  assert.equal(await call(failsAtFirst('once.mjs', 1), 'square', { retries: 0 }), 49)
})

test('a thread in which an import failed takes no more tasks: not of that module, not of others', async () => {
  await using driver = await startDriver()
  for (let count = 0; count < 2; count++) await driver.start({ cores: 1 })
  const { square } = calls(failsAtFirst('black-hole.mjs', 1), { retries: 0 }, driver)
  const errors: unknown[] = []
  for await (const { error } of each(
    driver.pool,
    square as Calls[string],
    Array.from({ length: 400 }, (_, n) => n),
  )) {
    if (error) errors.push(error)
  }
  assert.deepEqual(errors, [])
  assert.equal(driver.pool.stats().accepted, 400)
})

test('what one executor cannot load runs on the others', async () => {
  await using driver = await startDriver()
  const url = file(
    'where.mjs',
    `if (process.env.HOME === '/elsewhere') throw new Error('not here')
     export const square = (n) => n * n`,
  )
  await driver.start({ cores: 1, env: { HOME: '/elsewhere' } })
  await driver.start({ cores: 1 })
  const { square } = calls(url, { retries: 0 }, driver)
  // Both are there before the first task: an executor that comes later cannot help.
  while (driver.events.filter(({ name }) => name === 'executorLinked').length < 2)
    await new Promise(setImmediate)
  let values = 0
  for await (const { value, input } of each(
    driver.pool,
    square as Calls[string],
    Array.from({ length: 200 }, (_, n) => n),
  )) {
    assert.equal(value, (input as number) ** 2)
    values++
  }
  assert.equal(values, 200)
  assert.equal(driver.pool.stats().retried, 0)
  assert.ok(driver.warnings.some((text) => /cannot load a task module/.test(text)))
})

test('a module that is broken fails all its tasks, each once, and takes few threads for it', async () => {
  await using driver = await startDriver()
  await driver.start({ cores: 2 })
  const { square } = calls(failsAtFirst('always.mjs', 1e9), {}, driver)
  let failed = 0
  for await (const { error } of each(
    driver.pool,
    square as Calls[string],
    Array.from({ length: 1000 }, (_, n) => n),
  )) {
    assert.ok(isFiresteelError(error, 'TASK_MODULE_FAILED'), String(error))
    failed++
  }
  assert.equal(failed, 1000)
  const threads = driver.warnings.filter((text) => text.includes('an import failed in it')).length
  // Some at first, then two in each `moduleRetryMs` that the tasks take.
  assert.ok(threads < failed / 10, `${threads} threads for ${failed} tasks`)
  // Another module is not touched by it.
  assert.equal(await calls(pathToFileURL(join(folder, 'named.mjs')), {}, driver).square?.(7), 49)
})

// Neighbours of an import that fails

type Sample = typeof import('./tasks-sample.js')
const atMostOnce = (driver: TestDriver): TaskFunctions<Sample> =>
  tasksOf<Sample>(driver.pool, new URL('./tasks-sample.js', import.meta.url), { retries: 0 })

test('tasks beside an import that fails go on to their end, and a fresh thread takes what comes meanwhile', async () => {
  await using driver = await startDriver(undefined, 10)
  await driver.start({ cores: 1 })
  const { waitsFor, together, lasts } = atMostOnce(driver)
  const door = join(folder, 'neighbours')
  const neighbours = Promise.all(Array.from({ length: 6 }, () => waitsFor(door)))
  neighbours.catch(() => undefined)
  await waitUntil('they run', () => driver.pool.stats().running === 6)
  const { square } = calls(file('beside.mjs', "throw new Error('no database')"), {}, driver)
  await assert.rejects(square?.(7) as Promise<unknown>, { code: 'FIRESTEEL_TASK_MODULE_FAILED' })
  // Their thread would have been ended by then.
  await lasts(2 * limits.taskAbortGraceMs)
  // The four free places are still there.
  const others = await Promise.all(Array.from({ length: 4 }, () => together(4)))
  assert.equal(Math.max(...others.map(({ most }) => most)), 4)
  assert.equal(driver.pool.stats().running, 6)
  writeFileSync(door, '')
  assert.equal(new Set(await neighbours).size, 1)
  const { lost, unknown, retried } = driver.pool.stats()
  assert.deepEqual({ lost, unknown, retried }, { lost: 0, unknown: 0, retried: 0 })
})

test('calls of a broken module without end take few threads, and their neighbours go on', async () => {
  await using driver = await startDriver(undefined, 10)
  await driver.start({ cores: 1 })
  const { waitsFor } = atMostOnce(driver)
  const door = join(folder, 'stream')
  const neighbours = Promise.all(Array.from({ length: 5 }, () => waitsFor(door)))
  neighbours.catch(() => undefined)
  await waitUntil('they run', () => driver.pool.stats().running === 5)
  const { square } = calls(failsAtFirst('stream.mjs', 1e9), {}, driver)
  for (let count = 0; count < 200; count++)
    await assert.rejects(square?.(7) as Promise<unknown>, { code: 'FIRESTEEL_TASK_MODULE_FAILED' })
  // Each import is one of another thread: two at first, then one in each `moduleRetryMs`. Two for each call
  // would be 400.
  const imports = readFileSync(join(folder, 'stream.mjs.count'), 'utf8').length
  assert.ok(imports < 40, `${imports} imports`)
  assert.equal(driver.pool.stats().running, 5)
  writeFileSync(door, '')
  await neighbours
  const { lost, unknown } = driver.pool.stats()
  assert.deepEqual({ lost, unknown }, { lost: 0, unknown: 0 })
})

// What a thread remembers otherwise

/** Its tasks import another module, whose import fails as often as `times` says. */
function importsLazily(name: string, times: number): URL {
  failsAtFirst(`${name}-inner.mjs`, times)
  const text = `export const square = async (n) => (await import('./${name}-inner.mjs')).square(n)
    export const wrapped = (n) => square(n).catch((cause) => { throw new Error('no square', { cause }) })`
  return file(`${name}.mjs`, text)
}

for (const tasksPerCore of [1, 10]) {
  for (const name of ['square', 'wrapped']) {
    test(`a thread that remembers a failed import of its tasks is replaced: ${name}, ${tasksPerCore} at a time`, async () => {
      await using driver = await startDriver(undefined, tasksPerCore)
      await driver.start({ cores: 1 })
      const url = importsLazily(`lazy-${name}-${tasksPerCore}`, 1)
      const fn = calls(url, { retries: 10, backoff: 20 }, driver)[name] as Calls[string]
      let values = 0
      for await (const { input, value, error } of each(
        driver.pool,
        fn,
        Array.from({ length: 300 }, (_, n) => n),
      )) {
        assert.equal(error, undefined)
        assert.equal(value, (input as number) ** 2)
        values++
      }
      assert.equal(values, 300)
      const [warning] = driver.warnings
      assert.match(warning ?? '', /its tasks fail with one error that it remembers: no (database|square)/)
    })
  }
}

test('a function that now and then throws one constant error keeps its thread', async () => {
  await using driver = await startDriver()
  await driver.start({ cores: 1 })
  const url = file(
    'constant.mjs',
    `import { threadId } from 'node:worker_threads'
     const NO = new Error('no')
     export const even = (n) => { if (n % 2) throw NO; return threadId }`,
  )
  const threads = new Set<unknown>()
  let failed = 0
  const even = calls(url, { retries: 0 }, driver).even as Calls[string]
  for await (const { value, error } of each(
    driver.pool,
    even,
    Array.from({ length: 5000 }, (_, n) => n),
  )) {
    if (error) failed++
    else threads.add(value)
  }
  assert.equal(failed, 2500)
  assert.equal(threads.size, 1)
})

test('failures of one time count as one; after a second one tries are rare; a success forgets them', () => {
  const failures = new ModuleFailures()
  const error = new Uint8Array([1])
  assert.equal(failures.refusal('a', 0), undefined)
  assert.equal(failures.failed('a', error, 0, 100), true)
  assert.equal(failures.failed('a', error, 50, 110), true, 'that thread was there before')
  assert.equal(failures.refusal('a', 120), undefined)
  assert.equal(failures.failed('a', error, 111, 200), false)
  assert.equal(failures.refusal('a', 201), error)
  assert.equal(failures.refusal('b', 201), undefined)
  assert.equal(failures.refusal('a', 200 + limits.moduleRetryMs), undefined)
  assert.equal(failures.failed('a', error, 1500, 1600), false)
  assert.equal(failures.refusal('a', 1601), error)
  failures.loaded('a')
  assert.equal(failures.refusal('a', 1602), undefined)
  assert.equal(failures.failed('a', error, 1700, 1800), true)
})
