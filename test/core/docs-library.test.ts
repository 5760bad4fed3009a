import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { AppEvents } from '../../actors/client/app.js'
import * as client from '../../actors/client/index.js'
import type { ExecutorInfo } from '../../actors/executor/task.js'
import * as task from '../../actors/executor/task.js'
import { waitingReasons } from '../../actors/messages/launch-failures.js'
import type { BackoffOptions } from '../../actors/tasks/backoff-option.js'
import type { EachResult } from '../../actors/tasks/each.js'
import type { LimitOptions } from '../../actors/tasks/limit-option.js'
import type { CallOptions, TaskOptions, TaskProgress } from '../../actors/tasks/task-options.js'
import { errorCodes } from '../../runtime/errors.js'
import type { TestClusterOptions } from '../harness/index.js'
import * as testing from '../harness/index.js'
import type { TestCluster } from '../harness/test-cluster.js'
import { sectionOf } from '../tools/page-section.js'

/*
 * docs/library.md and the tables of docs/tasks.md against the types. docs-pages.test.ts holds the first
 * column of each table against its type, this one what stands in their cells. Each list is written so that a
 * key that is missing, or is too many, does not compile.
 */

const page = readFileSync('docs/library.md', 'utf8')
const tasksPage = readFileSync('docs/tasks.md', 'utf8')

const codesIn = (text: string): string[] =>
  [...text.matchAll(/`(\w+)(?:\([^)]*\))?`/g)].map(([, name]) => name!)

/** Cells of each row by the name in its first cell. */
function rowsOf(text: string): Map<string, string[]> {
  const rows = [...text.matchAll(/^\| (`.*) \|$/gm)].map(([, row = '']) => row.split(' | '))
  return new Map(
    rows.flatMap(([first = '', ...cells]) => codesIn(first).map((name) => [name, cells] as const)),
  )
}

const keysOf = (keys: object): string[] => Object.keys(keys).toSorted()

const executor = { id: true, workerId: true, host: true, cores: true } as const
const events = {
  executorAdded: executor,
  executorReady: executor,
  executorDecommissioned: { id: true, workerId: true, host: true, cores: true, reason: true },
  executorLost: { ...executor, reason: true, tasks: true },
  executorFailed: {
    id: true,
    workerId: true,
    host: true,
    reason: true,
    failures: true,
    excluded: true,
    retryAt: true,
  },
  waiting: { reason: true, message: true, workers: true },
  taskRepeated: { task: true, executor: true, cause: true },
  taskQuarantined: { task: true, executors: true },
  masterChanged: { address: true, epoch: true },
  masterLost: { reason: true },
  workerRemoved: { id: true, host: true, reason: true },
  closed: { error: true },
} satisfies { [K in Exclude<keyof AppEvents, 'removed'>]: Record<keyof AppEvents[K], true> }

test('docs/library.md names what comes with each event', () => {
  const rows = rowsOf(sectionOf(page, '## Events'))
  let same: string[] = []
  for (const [event, keys] of Object.entries(events)) {
    const [with_ = ''] = rows.get(event) ?? []
    const named = codesIn(with_)
    const found = with_.startsWith('the same') ? [...same, ...named] : named
    assert.deepEqual(found.toSorted(), keysOf(keys), event)
    if (!with_.startsWith('the same')) same = found
  }
  assert.deepEqual(rows.get('removed')?.[0], 'the error')
})

test('both pages say which options tasks() takes, and which only a call', () => {
  const both = { retries: true, backoff: true, retryIf: true, timeout: true } satisfies Record<
    keyof TaskOptions,
    true
  >
  const all = {
    ...both,
    onProgress: true,
    signal: true,
    concurrency: true,
    limit: true,
  } satisfies Record<keyof CallOptions, true>
  for (const section of [sectionOf(page, '### Options of calls'), sectionOf(tasksPage, '## Options')]) {
    const rows = rowsOf(section)
    assert.deepEqual([...rows.keys()].toSorted(), keysOf(all))
    for (const [name, [tasks, call]] of rows) {
      assert.deepEqual([tasks, call], [name in both ? 'yes' : 'no', 'yes'], name)
    }
  }
})

test('docs/tasks.md has the keys of backoff and of limit', () => {
  const backoff = { first: true, factor: true, most: true, jitter: true } satisfies Record<
    keyof BackoffOptions,
    true
  >
  assert.deepEqual([...rowsOf(sectionOf(tasksPage, '## Retries')).keys()].toSorted(), keysOf(backoff))
  const limit = { key: true, concurrency: true, perSecond: true } satisfies Record<keyof LimitOptions, true>
  assert.deepEqual([...rowsOf(sectionOf(tasksPage, '## Limits by key')).keys()].toSorted(), keysOf(limit))
})

test('docs/tasks.md says what each reason of an application that waits means', () => {
  const reasons = [...waitingReasons, 'ASKS_NONE'] satisfies AppEvents['waiting']['reason'][]
  const section = sectionOf(tasksPage, '## An application that waits')
  // The first row is the head of the table.
  assert.deepEqual([...rowsOf(section).keys()].slice(1).toSorted(), reasons.toSorted())
})

test('docs/library.md names what onProgress gets, what each yields, and what an executor has', () => {
  const progress = {
    done: true,
    failed: true,
    retried: true,
    running: true,
    atExecutors: true,
    waiting: true,
    total: true,
    task: true,
  } satisfies Record<keyof TaskProgress, true>
  const calls = rowsOf(sectionOf(page, '### Options of calls'))
  assert.deepEqual(codesIn(calls.get('onProgress')?.at(-1) ?? '').toSorted(), keysOf(progress))

  type Keys<T> = T extends unknown ? keyof T : never
  const result = { index: true, input: true, value: true, error: true, attempts: true } satisfies Record<
    Keys<EachResult<unknown, unknown>>,
    true
  >
  const [each = ''] = rowsOf(sectionOf(page, '## The application')).get('each') ?? []
  assert.deepEqual(
    [...new Set(each.match(/\b[a-z]+\b/g))].filter((word) => word in result).toSorted(),
    keysOf(result),
  )

  const where = { id: true, host: true, cores: true, resources: true } satisfies Record<
    keyof ExecutorInfo,
    true
  >
  const inside = rowsOf(sectionOf(page, '## Inside a task'))
  assert.deepEqual(codesIn(inside.get('executor')?.[0] ?? '').toSorted(), keysOf(where))
})

test('docs/library.md has every error that belongs to a task or an application', () => {
  const rows = rowsOf(sectionOf(page, '## Errors'))
  const theirs = Object.keys(errorCodes).filter((name) =>
    /^(APPLICATION|TASK|INPUT|RESULT|CALLBACK)_/.test(name),
  )
  assert.ok(theirs.length > 10)
  assert.deepEqual(
    theirs.filter((name) => !rows.has(`FIRESTEEL_${name}`)),
    [],
  )
})

test('docs/library.md names every value that the package exports', () => {
  const named = new Set(page.match(/\b\w+\b/g))
  // The thread that runs tasks shares this one with the entry.
  const exported = [client, task, testing].flatMap(Object.keys).filter((name) => name !== 'taskContexts')
  assert.ok(exported.includes('connect') && exported.includes('NoRetry') && exported.includes('startRedis'))
  assert.deepEqual(
    exported.filter((name) => !named.has(name)),
    [],
  )
})

test('docs/library.md has the options and the members of a test cluster', () => {
  const options = {
    masters: true,
    workers: true,
    cores: true,
    memory: true,
    recovery: true,
    redis: true,
    sentinel: true,
    election: true,
    lease: true,
    replicas: true,
    module: true,
    workerTimeout: true,
    orphanGrace: true,
    tls: true,
    cluster: true,
    directory: true,
  } satisfies Record<keyof TestClusterOptions, true>
  assert.deepEqual(
    [...rowsOf(sectionOf(page, '### Options of createTestCluster')).keys()].toSorted(),
    keysOf(options),
  )
  const members = {
    secret: true,
    ca: true,
    directory: true,
    address: true,
    nodes: true,
    log: true,
    node: true,
    connect: true,
    kill: true,
    freeze: true,
    thaw: true,
    waitUntil: true,
    leader: true,
    waitAlive: true,
    isComplete: true,
    status: true,
    cli: true,
    stop: true,
  } satisfies Record<Exclude<keyof TestCluster, symbol>, true>
  assert.deepEqual([...rowsOf(sectionOf(page, '### A test cluster')).keys()].toSorted(), keysOf(members))
})
