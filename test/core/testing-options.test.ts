import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ClusterProcesses } from '../harness/cluster-processes.js'
import * as testing from '../harness/index.js'
import { TestCluster } from '../harness/test-cluster.js'

/*
 * Each call of `firesteel/testing` that takes options refuses one that does not exist: it would have no
 * effect, and a test would wait, or run, as nobody had asked for.
 */

type Call = (options: never) => unknown

const up = { secret: 'x', ca: undefined, directory: '', registry: { master: 'firesteel://127.0.0.1:1' } }
const cluster = new TestCluster(up as unknown as ClusterProcesses)
const never = (): never => assert.fail('nothing may begin')

/** Each with an option that does not exist, and what the message says then. */
const calls: Readonly<Record<string, readonly [call: Call, option: string, message: string]>> = {
  createTestCluster: [
    (options) => testing.createTestCluster(options),
    'worker',
    'createTestCluster() has no option worker; did you mean workers? It has masters, workers, cores, memory, ' +
      'recovery, redis, sentinel, election, lease, replicas, module, workerTimeout, orphanGrace, tls, cluster, directory.',
  ],
  startRedis: [
    (options) => testing.startRedis(options),
    'prot',
    'startRedis() has no option prot; did you mean port? ' +
      'It has appendfsync, maxmemory, password, tls, replicaOf, extra, port, dir.',
  ],
  startSentinels: [
    (options) => testing.startSentinels(options),
    'downAfter',
    'startSentinels() has no option downAfter; did you mean downAfterMs? ' +
      'It has primaryPort, name, count, downAfterMs, password, sentinelPassword.',
  ],
  waitUntil: [
    (options) => testing.waitUntil('nothing', never, options),
    'timeoutMs',
    'waitUntil() has no option timeoutMs; it has deadlineMs, everyMs.',
  ],
  testCustomRecovery: [
    (options) => testing.testCustomRecovery('none', undefined as never, options),
    'lease',
    'testCustomRecovery() has no option lease; it has leaseMs, dispose.',
  ],
  'TestCluster.connect': [
    (options) => cluster.connect(options),
    'nmae',
    'connect() has no option nmae; did you mean name? It has name, cores, executor, executors, signal, ' +
      'masterTimeout, secret, tls, token, listen, code, limits, local, summaries, output, log.',
  ],
  'TestCluster.waitUntil': [
    (options) => cluster.waitUntil('nothing', never, options),
    'deadline',
    'waitUntil() has no option deadline; did you mean deadlineMs? It has deadlineMs, everyMs.',
  ],
  'TestCluster.waitAlive': [
    (options) => cluster.waitAlive(options),
    'standby',
    'waitAlive() has no option standby; did you mean standbys? It has workers, standbys, deadlineMs, everyMs.',
  ],
  'TestCluster.isComplete': [
    (options) => cluster.isComplete(options),
    'deadlineMs',
    'isComplete() has no option deadlineMs; it has workers, standbys.',
  ],
  'TestCluster.cli': [
    (options) => cluster.cli(['status'], options),
    'timeout',
    'cli() has no option timeout; did you mean timeoutMs? It has input, timeoutMs, signal, cwd, env.',
  ],
}

for (const [name, [call, option, message]] of Object.entries(calls)) {
  test(`${name} refuses an option that does not exist, before it does anything`, async () => {
    const refusal = { code: 'FIRESTEEL_USAGE', place: option, message }
    await assert.rejects(async () => call({ [option]: 5 } as never), refusal)
    for (const options of [null, [], 'x'] as never[]) {
      const what = message.slice(0, message.indexOf(' '))
      const notAnObject = { code: 'FIRESTEEL_USAGE', message: `The options of ${what} must be an object.` }
      await assert.rejects(async () => call(options), notAnObject)
    }
  })
}

/** `NAME(PARAMETERS)` of a declaration whose parameters are options, or an object of which it takes some. */
const takesOptions = /^(?: {4}|export declare function )(\w+)(?:<[^(]*>)?\(([^;]*(?:Options|\{)[^;]*)\):/gm

/** Functions, and methods of classes and interfaces, that the entry gives to its users. */
function publicCalls(): string[] {
  const entry = readFileSync(new URL('../harness/index.d.ts', import.meta.url), 'utf8')
  const isPublic = (name: string): boolean => new RegExp(`^export .*\\b${name}\\b`, 'm').test(plain(entry))
  const found: string[] = []
  for (const folder of ['harness', 'conformance']) {
    const path = fileURLToPath(new URL(`../${folder}/`, import.meta.url))
    for (const file of readdirSync(path).filter((name) => name.endsWith('.d.ts'))) {
      const text = readFileSync(`${path}${file}`, 'utf8').replaceAll(/\/\*.*?\*\//gs, '')
      for (const part of text.split(/^(?=export )/m)) {
        const name = /^export (?:declare )?(?:class|interface|function) (\w+)/.exec(part)?.[1]
        if (name === undefined || !isPublic(name)) continue
        for (const [, call = ''] of part.matchAll(takesOptions))
          found.push(call === name ? name : `${name}.${call}`)
      }
    }
  }
  return found
}

/** With each export on one line. */
const plain = (entry: string): string =>
  entry.replaceAll(/\{[^{}]*\}/g, (names) => names.replaceAll(/\s+/g, ' '))

test('no call that takes options is missing above', () => {
  assert.deepEqual(publicCalls().toSorted(), Object.keys(calls).toSorted())
  const functions = Object.entries(testing).filter(([, value]) => typeof value === 'function')
  assert.deepEqual(functions.map(([name]) => name).toSorted(), [
    'createTestCluster',
    'startRedis',
    'startSentinels',
    'testCustomRecovery',
    'waitUntil',
  ])
})
