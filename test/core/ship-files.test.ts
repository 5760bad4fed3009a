import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { createProgram } from '../../runtime/launch/cli/cli.js'
import { defaultPorts } from '../../runtime/launch/config/deployment.js'
import { limits } from '../../runtime/limits.js'
import { SECRET_FILE } from '../../runtime/state-folder.js'
import { parseDurationMs, parseMemoryMib } from '../../runtime/units.js'
import { composePath, nodesOf, readCompose, shippedDeployment } from '../tools/ship-files.js'
import { parseUnitFile, settingOf } from '../tools/unit-file.js'

/* Units, container image and compose file, held against our own command line, deployment file and limits. */

const { version, files } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  version: string
  files: string[]
}
const deployment = shippedDeployment('config/docker/cluster.yaml')
const compose = readCompose()
const units = readdirSync('config/systemd').filter((name) => name.endsWith('.service'))

const durationMs = (text: string): number => parseDurationMs(text, { what: 'the unit' })
const memoryMib = (text: string): number => parseMemoryMib(text, { what: 'the compose file' })

/** Throws what the command line says of these words. Nothing is run. */
async function parseWords(words: readonly string[]): Promise<void> {
  let ran = false
  const run = async (): Promise<void> => {
    ran = true
  }
  const program = await createProgram(words, run, { out: () => undefined, err: () => undefined })
  await program.parseAsync([...words], { from: 'user' })
  assert.ok(ran, words.join(' '))
}

for (const name of units) {
  test(`${name}: what it runs and grants is what Firesteel has`, async () => {
    const unit = parseUnitFile(readFileSync(join('config/systemd', name), 'utf8'))
    const service = (key: string): string => settingOf(unit, 'Service', key)
    const [program, ...words] = service('ExecStart').replaceAll('%i', 'n1').split(' ')
    assert.equal(program, 'firesteel', 'found in the search path of systemd, wherever npm has put it')
    await parseWords(words)
    assert.deepEqual([service('Type'), service('NotifyAccess')], ['notify', 'all'])
    assert.match(service('LoadCredential'), new RegExp(`^${SECRET_FILE}:/`))
    assert.equal(service('WorkingDirectory'), `%S/${service('StateDirectory')}`)
    assert.notEqual(service('User'), 'root')
    // The launcher stops Workers first, and then Masters.
    const stops = words[0] === 'up' ? 2 : 1
    const drainMs = words[0] === 'master' ? 0 : limits.drainOnStopMs
    assert.ok(durationMs(service('TimeoutStopSec')) > drainMs + stops * limits.stopGraceMs)
    // 16,384 are enough for the most that a node ever takes (docs/operating.md).
    assert.ok(Number(service('LimitNOFILE')) >= 16_384)
    assert.equal(service('RestartPreventExitStatus'), '2 4')
    if (words[0] === 'master') return
    // Its work outlives the announced restart that a reload is, and the exit 0 of that is no end.
    assert.deepEqual(
      [service('ExecReload'), service('KillMode'), service('Restart')],
      ['kill -USR2 $MAINPID', 'process', 'always'],
    )
    assert.ok(2 * durationMs(service('RestartSec')) < limits.workerRestartMs)
  })
}

test('there is a unit for a whole machine, for a Master and for a Worker, with one user', () => {
  assert.deepEqual(units, ['firesteel-master@.service', 'firesteel-worker@.service', 'firesteel.service'])
  assert.match(readFileSync('config/systemd/sysusers.conf', 'utf8'), /^u firesteel /m)
})

test('the compose file runs every node of its deployment file, and nothing else of ours', async () => {
  const wanted = [
    ...deployment.masters.map((node) => ['master', node] as const),
    ...deployment.workers.map((node) => ['worker', node] as const),
  ]
  assert.deepEqual([deployment.masters.length, deployment.workers.length], [3, 3])
  assert.deepEqual(
    nodesOf(compose).map(([name]) => name),
    wanted.map(([, { name }]) => name),
  )
  for (const [role, { name, host, web }] of wanted) {
    const service = compose.services[name]!
    assert.deepEqual(service.command, [role, '/etc/firesteel/cluster.yaml', '--name', name])
    await parseWords(service.command)
    assert.equal(host, name, 'the name of its container')
    const check = `fetch('http://' + os.hostname() + ':${web}/`
    assert.ok(service.healthcheck.test.at(-1)!.startsWith(check), name)
    assert.equal(service.hostname, name)
    assert.equal(service.image, `firesteel:${version}`)
    for (const port of service.ports ?? []) assert.match(port, new RegExp(`^127\\.0\\.0\\.1:\\d+:${web}$`))
    assert.ok(durationMs(service.stop_grace_period!) > limits.stopGraceMs)
  }
})

test('what the services of the compose file are given exists, and is where a node looks', () => {
  const masters = deployment.masters.map(({ host, port }) => `${host}:${port}`)
  for (const [name, service] of nodesOf(compose)) {
    assert.deepEqual(service.secrets, [SECRET_FILE], name)
    assert.deepEqual(service.environment, {
      CREDENTIALS_DIRECTORY: '/run/secrets',
      FIRESTEEL_MASTER: `firesteel://${masters.join(',')}`,
    })
    for (const volume of service.volumes!) {
      const [source, target] = volume.split(':')
      assert.ok(existsSync(join(dirname(composePath), source!)), source)
      assert.equal(target, '/etc/firesteel/cluster.yaml')
    }
  }
  assert.deepEqual(compose.secrets, { [SECRET_FILE]: { environment: 'FIRESTEEL_SECRET' } })
  for (const { name, memoryMib: offered } of deployment.workers)
    assert.ok(memoryMib(compose.services[name]!.mem_limit!) >= offered! + 1024, name)
  const { redis } = compose.services
  assert.deepEqual(redis!.command.slice(1), [
    ...['--appendonly', 'yes', '--appendfsync', 'always'],
    ...['--maxmemory-policy', 'noeviction'],
  ])
  assert.equal(new URL(deployment.recovery.redis!).hostname, 'redis')
})

test('the container image runs the entry point of the package as a user without rights', () => {
  const lines = readFileSync('Dockerfile', 'utf8').split('\n')
  const only = (word: string): string => {
    const found = lines.filter((line) => line.startsWith(`${word} `))
    assert.equal(found.length, 1, word)
    return found[0]!.slice(word.length + 1)
  }
  const [entry] = JSON.parse(only('ENTRYPOINT')) as string[]
  const path = entry!.replace('/usr/local/lib/node_modules/firesteel/', '')
  assert.ok(existsSync(path) && files.includes(path.split('/')[0]!), path)
  assert.equal(only('USER'), 'node')
  const { master, masterWeb, workerWeb } = defaultPorts
  assert.equal(only('EXPOSE'), [master, masterWeb, workerWeb].join(' '))
  for (const line of lines.filter((text) => text.startsWith('# ') && text.includes('firesteel:')))
    assert.ok(line.includes(`firesteel:${version}`), line)
  assert.ok(files.includes('Dockerfile'))
})
