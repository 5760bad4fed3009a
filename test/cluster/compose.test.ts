import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from '../../runtime/process/child.js'
import { HostNetwork } from '../harness/host-network.js'
import { startRedisAt } from '../harness/redis-server.js'
import { type CommandOutcome, runCommand } from '../harness/run-command.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, folder } from '../tools/command-fixture.js'
import { OWN_FILES, OWN_PATH } from '../tools/own-files.js'
import { processSpace, processSpaceRefused } from '../tools/process-space.js'
import { type ComposeService, composePath, nodesOf, readCompose } from '../tools/ship-files.js'

/*
 * The services of config/docker/compose.yaml with their very commands, variables, secret, volumes and health
 * checks: each in a container that this test makes, with a network, processes, files and a user of its own.
 */

const skip = processSpaceRefused() || (await HostNetwork.refused())
const root = fileURLToPath(new URL('../../../', import.meta.url))
const compose = readCompose()
const services = nodesOf(compose)
const MASTERS = ['m1', 'm2', 'm3']

/** `$1`, `$2`, `$3` as in OWN_FILES; then its host name, its variables, and the command of the service. */
const CONTAINER = `${OWN_FILES}
hostname $4
cp $1/hosts /etc/hosts
cp $1/cluster.yaml /etc/firesteel/cluster.yaml
mkdir /run/secrets
install -m 0444 $1/secret /run/secrets/secret
install -d -m 0700 -o 1000 -g 1000 /var/lib/firesteel
cd /var/lib/firesteel
shift 4
exec setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs --bounding-set=-all env -i PATH=${OWN_PATH} HOME=/tmp "$@"
`

interface Container {
  readonly name: string
  readonly child: Child
  readonly address: string
  /** As `docker compose exec` does. */
  exec(...command: string[]): Promise<CommandOutcome>
  signal(signal: NodeJS.Signals): void
}

const variables = ({ environment = {} }: ComposeService): string[] =>
  Object.entries(environment).map(([name, value]) => `${name}=${value}`)

async function startContainer(
  t: TestContext,
  path: string,
  network: HostNetwork,
  [name, service]: readonly [string, ComposeService],
): Promise<Container> {
  const entrypoint = '/usr/local/lib/node_modules/firesteel/config/docker/entrypoint.sh'
  const words = [...variables(service), entrypoint, ...service.command]
  const unshare = ['unshare', ...processSpace, '--uts', '--', 'sh', '-c', CONTAINER, 'sh']
  const [command, ...args] = [
    ...network.prefix(name),
    ...unshare,
    path,
    root,
    process.execPath,
    service.hostname!,
    ...words,
  ]
  const child = await startChild({
    command: command!,
    args,
    cwd: path,
    env: { PATH: process.env.PATH ?? '' },
    stdout: 'ignore',
    stderr: 'ignore',
    ownGroup: true,
    followDescendants: false,
  })
  atEnd(t, () => child.stop({ graceMs: 0 }))
  const first = await waitUntil(`process 1 of ${name}`, () =>
    Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()),
  )
  const exec = (...inside: string[]): Promise<CommandOutcome> =>
    runCommand({
      command: 'nsenter',
      args: [`--target=${first}`, '--all', '--', 'env', ...variables(service), ...inside],
      cwd: '/',
      env: { PATH: OWN_PATH },
    })
  return {
    name,
    child,
    address: network.address(name),
    exec,
    signal: (signal) => void process.kill(first, signal),
  }
}

/** All services, on hosts with their names. */
async function startAll(t: TestContext): Promise<Container[]> {
  const path = await folder(t)
  const network = await HostNetwork.start(['redis', ...services.map(([name]) => name)])
  atEnd(t, () => network[Symbol.asyncDispose]())
  const redis = await startRedisAt(
    { host: network.address('redis'), prefix: network.prefix('redis') },
    { port: 6379 },
  )
  atEnd(t, () => redis.stop())
  const hosts = ['redis', ...services.map(([name]) => name)].map(
    (name) => `${network.address(name)} ${name}\n`,
  )
  const secret = randomBytes(32).toString('base64')
  return Promise.all(
    services.map((service) => {
      const [name] = service
      const own = join(path, name)
      mkdirSync(own)
      writeFileSync(join(own, 'hosts'), `127.0.0.1 localhost\n${hosts.join('')}`)
      writeFileSync(join(own, 'secret'), secret)
      copyFileSync(join(dirname(composePath), 'cluster.yaml'), join(own, 'cluster.yaml'))
      return startContainer(t, own, network, service)
    }),
  )
}

interface Status {
  readonly leader: string
  readonly masters: readonly { readonly address: string; readonly state: string }[]
  readonly workers: readonly { readonly state: string }[]
}

const isHealthy = async ({ name, exec }: Container): Promise<boolean> => {
  const [kind, ...check] = compose.services[name]!.healthcheck.test
  assert.equal(kind, 'CMD')
  return (await exec(...check)).code === 0
}

/** What a browser of the machine gets from a published port: it knows the container as localhost. */
function published(host: string, port: number, path: string): Promise<number | undefined> {
  const headers = { host: `localhost:${port}` }
  return new Promise((resolve, reject) => {
    get({ host, port, path, headers }, (answer) => resolve(answer.resume().statusCode)).on('error', reject)
  })
}

test('the compose file: every service becomes healthy, work runs, a Master that dies is replaced, and all stop in order', {
  skip,
}, async (t) => {
  const containers = await startAll(t)
  const of = (name: string): Container => containers.find((container) => container.name === name)!
  for (const container of containers)
    await waitUntil(`${container.name} to be healthy`, () => isHealthy(container))
  const status = async (at: string): Promise<Status> => {
    const { code, stdout, stderr } = await of(at).exec('firesteel', 'status', '--json')
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout) as Status
  }
  const first = await waitUntil('six nodes', async () => {
    const now = await status('w1')
    const alive = now.workers.filter(({ state }) => state === 'ALIVE').length
    return now.masters.length === 3 && alive === 3 ? now : undefined
  })
  assert.equal(await published(of('m2').address, 8080, '/readyz'), 200)
  const submit = ['firesteel', 'submit', '--wait', '--no-code', '--memory', '64m', '/usr/bin/id']
  const { code, stdout, stderr } = await of('m1').exec(...submit)
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^uid=1000/m)

  const leader = MASTERS.find((name) => first.leader.includes(`${name}:`))!
  assert.ok(leader, first.leader)
  of(leader).signal('SIGKILL')
  await of(leader).child.exited
  const next = await waitUntil('another leader', async () => {
    const now = await status('w1')
    return now.leader !== first.leader ? now : undefined
  })
  assert.ok(next.masters.some(({ address, state }) => address === next.leader && state === 'ALIVE'))

  const rest = containers.filter(({ name }) => name !== leader)
  for (const container of [...rest].sort((a, b) => b.name.localeCompare(a.name))) {
    container.signal('SIGTERM')
    assert.deepEqual(await container.child.exited, { code: 0, signal: null }, container.name)
  }
})
