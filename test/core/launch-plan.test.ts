import assert from 'node:assert/strict'
import { test } from 'node:test'
import { masterFlags } from '../../runtime/launch/cli/commands/master-flags.js'
import { refuseBesideFile } from '../../runtime/launch/cli/commands/node-flags.js'
import type { Deployment } from '../../runtime/launch/config/deployment.js'
import { shareOf } from '../../runtime/launch/config/machine.js'
import { readConfig, readValue } from '../../runtime/launch/config/read.js'
import {
  firstLife,
  knownMasters,
  planNodes,
  plannedNodes,
  requireRecoveryModule,
  specFor,
  workerSpec,
} from '../../runtime/launch/node/node-plan.js'
import type { MasterSpec, WorkerSpec } from '../../runtime/launch/node/node-spec.js'
import { deploymentFile } from '../harness/deployment-file.js'

function deployment(text: string, environment: Record<string, string> = {}): Deployment {
  const { config, problems } = readConfig(text, { file: 'c.yaml', folder: '/base', environment })
  assert.deepEqual(problems, [])
  return config!
}

const threeMachines = `
recovery: {mode: REDIS, redis: "redis://10.0.0.9"}
masters:
  - {host: 192.0.2.1}
  - {host: 127.0.0.1, advertise: b.example, port: 7171}
  - {host: 192.0.2.3}
workers: [{host: 192.0.2.1}, {host: 127.0.0.1}]
`
const a = 'firesteel://192.0.2.1:7070'
const b = 'firesteel://b.example:7171'
const c = 'firesteel://192.0.2.3:7070'

test('three machines: each runs what has its address, and knows all Masters from the start', async () => {
  const found = deployment(threeMachines)
  const plan = await planNodes(found)
  assert.deepEqual(plannedNodes(plan), [
    { name: 'm2', role: 'master', address: b },
    { name: 'w2', role: 'worker' },
  ])
  assert.deepEqual(plan.otherMasters, [a, c])
  assert.deepEqual(knownMasters(plan), [b, a, c])
  const spec = specFor(plan, { deployment: found, secret: 's', workFolder: '/w', isSupervised: true })
  const master = spec('m2', [b, a, c], firstLife) as MasterSpec
  assert.deepEqual(master.masters, [b, a, c])
  assert.equal(master.recovery.redis, 'redis://10.0.0.9')
  assert.deepEqual((spec('w2', [b, a, c], firstLife) as WorkerSpec).masters, [b, a, c])
})

test('--only takes a node whatever its host; the others are elsewhere', async () => {
  const plan = await planNodes(deployment(threeMachines), ['m3'])
  assert.deepEqual(plannedNodes(plan), [{ name: 'm3', role: 'master', address: c }])
  assert.deepEqual(plan.otherMasters, [a, b])
})

test('a Master elsewhere needs a port that can be known; one here does not', async () => {
  const text =
    'recovery: {mode: REDIS, redis: "redis://r"}\nmasters: [{port: 0, web: 0}, {port: 0, web: 0}]\n'
  const both = await planNodes(deployment(text))
  assert.deepEqual(plannedNodes(both), [
    { name: 'm1', role: 'master', address: undefined },
    { name: 'm2', role: 'master', address: undefined },
  ])
  assert.deepEqual(knownMasters(both), [])
  await assert.rejects(planNodes(deployment(text), ['m1']), { code: 'FIRESTEEL_CONFIG_CONFLICT' })
})

test('the module of CUSTOM must be there when a Master starts', async () => {
  const custom = (module: string): Deployment =>
    deployment(`masters: [{}]\nrecovery: {mode: CUSTOM, module: ${JSON.stringify(module)}}\n`)
  await assert.rejects(requireRecoveryModule(custom('./no.js')), (error: Error) => {
    assert.match(error.message, /^recovery\.module \/base\/no\.js cannot be read: /)
    return (error as { code?: string }).code === 'FIRESTEEL_CONFIG_INVALID'
  })
  await requireRecoveryModule(custom(process.argv[1]!))
  await requireRecoveryModule(deployment('masters: [{}]\n'))
})

test('the flags of `master` say the same as a file', async () => {
  const flags = masterFlags({
    name: 'b',
    host: '127.0.0.1',
    advertise: '192.0.2.2',
    recovery: 'REDIS',
    sentinel: 'fs@s1:26379,s2:26379',
    election: ['redis://x', 'redis://y', `redis://:\${PW}@z`],
    replicas: 1,
    lease: 1500,
    workerTimeout: 10_000,
    peers: 'firesteel://192.0.2.1:7070,192.0.2.2:7070,192.0.2.3:7171',
    tlsCa: 'ca.pem',
    tlsCert: 'n1.pem',
    tlsKey: '/keys/n1.pem',
  })
  const { config, problems } = readValue(flags, '/base', { PW: 'hunter2' })
  assert.deepEqual(problems, [])
  assert.deepEqual(config?.recovery, {
    mode: 'REDIS',
    directory: '/base/state',
    leaseMs: 1500,
    redis: null,
    sentinel: { name: 'fs', hosts: ['s1:26379', 's2:26379'] },
    election: ['redis://x', 'redis://y', 'redis://:hunter2@z'],
    replicas: 1,
    module: null,
  })
  assert.deepEqual(config?.tls, { ca: '/base/ca.pem', cert: '/base/n1.pem', key: '/keys/n1.pem' })
  const plan = await planNodes(config!, ['b'])
  assert.deepEqual(
    plan.masters.map(({ name }) => name),
    ['b'],
  )
  assert.deepEqual(plan.otherMasters, ['firesteel://192.0.2.1:7070', 'firesteel://192.0.2.3:7171'])
})

const wrongFlags: readonly (readonly [Parameters<typeof masterFlags>[0], RegExp])[] = [
  [{ tlsCa: 'ca.pem' }, /security\.tls\.cert/],
  [{ recovery: 'REDIS' }, /needs recovery\.redis or recovery\.sentinel/],
  [{ recovery: 'REDIS', sentinel: 's1:26379' }, /recovery\.sentinel\.name must have at least 1 character/],
  [{ recovery: 'REDIS', redis: `redis://:\${NOPE}@a` }, /needs the environment variable NOPE/],
  [{ recovery: 'FILESYSTEM', redis: 'redis://a' }, /recovery\.redis is for recovery\.mode REDIS/],
  [{ peers: 'firesteel://127.0.0.1:7171' }, /recovery\.mode NONE allows one Master, not 2/],
  [
    { recovery: 'REDIS', redis: 'redis://a', peers: 'firesteel://192.0.2.1' },
    /Masters on other machines cannot/,
  ],
]
for (const [flags, message] of wrongFlags) {
  test(`flags of master: ${message.source}`, () => {
    const { problems } = readValue(masterFlags(flags), '/base', {})
    assert.match(problems.map((problem) => problem.message).join('; '), message)
  })
}

test('options that describe a node are refused beside a file that describes it', () => {
  const options = { port: 7999, web: false, webHost: 'a', name: 'w1', json: true }
  assert.throws(() => refuseBesideFile('c.yaml', options), {
    code: 'FIRESTEEL_USAGE',
    message: /^--port, --no-web, --web-host describe a node without a file, and c\.yaml describes this one/,
  })
  refuseBesideFile(undefined, options)
  refuseBesideFile('c.yaml', { name: 'w1', json: true })
})

test('the file of a test cluster is valid in every mode', () => {
  const common = {
    cluster: 't',
    workers: 2,
    cores: 2,
    memory: '1g',
    workerTimeout: '10s',
    orphanGrace: undefined,
  }
  const sentinel = { name: 'fs', hosts: ['127.0.0.1:1'] }
  const election = ['redis://a:1', 'redis://a:2', 'redis://a:3']
  for (const [masters, recovery] of [
    [1, { mode: 'NONE' }],
    [1, { mode: 'FILESYSTEM' }],
    [3, { mode: 'REDIS', redis: 'redis://127.0.0.1:1/0', election, lease: '1s', replicas: 1 }],
    [3, { mode: 'REDIS', sentinel }],
    [2, { mode: 'CUSTOM', module: './x.js' }],
  ] as const) {
    const {
      recovery: plan,
      masters: nodes,
      scheduling,
    } = deployment(deploymentFile({ ...common, masters, recovery }))
    assert.deepEqual([plan.mode, nodes.length, scheduling.workerTimeoutMs], [recovery.mode, masters, 10_000])
    if (recovery.mode === 'CUSTOM') assert.equal(plan.module, `${process.cwd()}/x.js`)
  }
})

test('Workers of one host share what the others leave, and each gets something', () => {
  const shares = (total: number, ...given: (number | null)[]): number[] =>
    given.map((amount, index) => amount ?? shareOf(total, given, index))
  assert.deepEqual(shares(8, null), [8])
  assert.deepEqual(shares(7, null, null), [4, 3])
  assert.deepEqual(shares(2, null, null, null), [1, 1, 1])
  assert.deepEqual(shares(8, 6, null, null), [6, 2, 2], 'at least an equal part of the whole')
  assert.deepEqual(shares(8, 2, null, null), [2, 3, 3])
  assert.deepEqual(shares(8, 100, null), [100, 4])
})

test('two Workers without figures offer the machine once, wherever they are started', () => {
  const found = deployment('masters: [{}]\nworkers: [{}, {}, {host: 10.9.9.9}]\n')
  const context = { deployment: found, secret: 's'.repeat(16), workFolder: '/w', isSupervised: false }
  const specs = found.workers.map((worker) => workerSpec(worker, context, firstLife, []))
  const [first, second, alone] = specs
  assert.equal((first?.memoryMib ?? 0) + (second?.memoryMib ?? 0), alone?.memoryMib)
  assert.equal((first?.cores ?? 0) + (second?.cores ?? 0), Math.max(2, alone?.cores ?? 0))
})
