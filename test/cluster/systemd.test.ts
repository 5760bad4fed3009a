import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startChild } from '../../runtime/process/child.js'
import { type CommandOutcome, runCommand } from '../harness/run-command.js'
import type { StatusReport } from '../harness/status-report.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, folder } from '../tools/command-fixture.js'
import { commandMissing } from '../tools/find-command.js'
import { OWN_FILES, OWN_PATH } from '../tools/own-files.js'
import { processSpace, processSpaceRefused } from '../tools/process-space.js'

/*
 * The units of config/systemd, started by a systemd of their own: process 1 of a space of processes, with
 * files, network and control groups of its own. Nothing of it reaches the machine.
 */

const spaces = ['--net', '--uts', '--ipc', '--cgroup'] as const
const systemd = '/usr/lib/systemd/systemd'
const skip =
  processSpaceRefused(spaces) ||
  commandMissing('systemctl') ||
  commandMissing('systemd-sysusers') ||
  (existsSync(systemd) ? false : 'systemd is not installed')
const root = fileURLToPath(new URL('../../../', import.meta.url))

/** systemd as process 1. It mounts credentials from elsewhere, so mounts are shared, within this space. */
const BOOT = `${OWN_FILES}
ip link set lo up
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cp $1/cluster.yaml /etc/firesteel/cluster.yaml
install -m 0600 $1/secret /etc/firesteel/secret
systemd-sysusers $2/config/systemd/sysusers.conf
mount --make-rshared /
exec env -i container=other SYSTEMD_UNIT_PATH=$1/units ${systemd} --system --unit=trial.target --log-target=console --log-level=warning --show-status=no
`

const CLUSTER = `
cluster: units
recovery: {mode: FILESYSTEM, directory: /var/lib/firesteel/m1/state}
masters: [{name: m1}]
workers: [{name: w1, cores: 1, memory: 512m}]
`
/** As firesteel.service needs it: its one folder holds all. */
const WHOLE = CLUSTER.replace('/m1/state', '/state')

interface Machine {
  /** Runs a command there. */
  run(...command: string[]): Promise<CommandOutcome>
  /** The same; throws unless it exits 0. Returns what it printed. */
  done(...command: string[]): Promise<string>
}

async function boot(t: TestContext, cluster: string): Promise<Machine> {
  const path = await folder(t, { 'cluster.yaml': cluster, secret: `${randomBytes(32).toString('base64')}\n` })
  mkdirSync(join(path, 'units'))
  for (const name of ['trial', 'basic', 'sysinit', 'shutdown'])
    writeFileSync(join(path, 'units', `${name}.target`), '[Unit]\nDefaultDependencies=no\n')
  for (const name of readdirSync(join(root, 'config/systemd')).filter((file) => file.endsWith('.service')))
    writeFileSync(join(path, 'units', name), readFileSync(join(root, 'config/systemd', name)))
  // There is no journal.
  const log = join(path, 'log')
  mkdirSync(join(path, 'units/service.d'))
  const output = `[Service]\nStandardOutput=append:${log}\nStandardError=append:${log}\n`
  writeFileSync(join(path, 'units/service.d/log.conf'), output)
  const child = await startChild({
    command: 'unshare',
    args: [...processSpace, ...spaces, '--', 'sh', '-c', BOOT, 'sh', path, root, process.execPath],
    cwd: path,
    env: { PATH: process.env.PATH ?? '' },
    stdout: 'inherit',
    stderr: 'inherit',
    ownGroup: true,
    followDescendants: false,
  })
  atEnd(t, () => child.stop({ graceMs: 0 }))
  const first = await waitUntil('process 1', () =>
    Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()),
  )
  const run = (...command: string[]): Promise<CommandOutcome> =>
    runCommand({
      command: 'nsenter',
      args: ['--target', String(first), '--all', '--', ...command],
      cwd: '/',
      env: { PATH: OWN_PATH, CREDENTIALS_DIRECTORY: '/etc/firesteel' },
    })
  await waitUntil('systemd', async () => (await run('systemctl', 'is-active', 'trial.target')).code === 0)
  const done = async (...command: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...command)
    const why = (): string => `${command.join(' ')}: ${stdout}${stderr}${readFileSync(log, 'utf8')}`
    assert.equal(code, 0, code === 0 ? '' : why())
    return stdout
  }
  return { run, done }
}

/** Properties of a unit. */
async function shown({ done }: Machine, unit: string): Promise<Record<string, string>> {
  const names = 'ActiveState,Result,ExecMainStatus,MainPID,NRestarts,StatusText'
  const text = await done('systemctl', 'show', '--property', names, unit)
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  )
}

test('the units of a Master and a Worker: ready, with the secret as a credential, restarted, and stopped in order', {
  skip,
}, async (t) => {
  const machine = await boot(t, CLUSTER)
  const { run, done } = machine
  const [master, worker] = ['firesteel-master@m1', 'firesteel-worker@w1']
  // These return when the nodes have said that they are ready.
  await done('systemctl', 'start', master)
  await done('systemctl', 'start', worker)
  const before = await shown(machine, worker)
  assert.equal(before.StatusText, 'The worker w1 is ready')
  assert.equal((await shown(machine, master)).StatusText, 'The master m1 is ready')
  assert.equal(await done('stat', '--format=%U', `/proc/${before.MainPID}`), 'firesteel\n')
  const said = await done('firesteel', 'submit', '--wait', '--no-code', '--memory', '64m', '/usr/bin/id')
  assert.match(said, /^uid=\d+\(firesteel\)/m)
  await done('systemctl', 'kill', '--kill-whom=main', '--signal=KILL', worker)
  const after = await waitUntil('the Worker to run again', async () => {
    const now = await shown(machine, worker)
    return now.ActiveState === 'active' && now.MainPID !== before.MainPID ? now : undefined
  })
  assert.equal(after.NRestarts, '1')
  for (const unit of [worker, master]) {
    await done('systemctl', 'stop', unit)
    const { ActiveState, Result, ExecMainStatus } = await shown(machine, unit)
    assert.deepEqual([ActiveState, Result, ExecMainStatus], ['inactive', 'success', '0'], unit)
  }
  assert.equal((await run('pgrep', '--uid', 'firesteel')).stdout, '', 'nothing of them is left')
})

/** A driver that runs until it is ended. Returns its process. */
async function startDriver({ run, done }: Machine, seconds: number): Promise<string> {
  const words = ['submit', '--supervise', '--no-code', '--memory', '64m', '/usr/bin/sleep', String(seconds)]
  await done('firesteel', ...words)
  return waitUntil('the driver', async () => (await run('pgrep', '--exact', 'sleep')).stdout.trim())
}

const driversOf = async ({ run }: Machine): Promise<string> =>
  (await run('pgrep', '--exact', 'sleep')).stdout.trim()

/** The next process of the unit is ready. */
const renewed = (machine: Machine, unit: string, before: string | undefined) =>
  waitUntil(`${unit} to run again`, async () => {
    const now = await shown(machine, unit)
    return now.ActiveState === 'active' && now.MainPID !== before ? now : undefined
  })

for (const [file, nodes] of [
  [CLUSTER, ['firesteel-master@m1', 'firesteel-worker@w1']],
  [WHOLE, ['firesteel']],
] as const) {
  const unit = nodes.at(-1)!
  test(`${unit}: work outlives its reload, and ends with its kill and with its stop`, { skip }, async (t) => {
    const machine = await boot(t, file)
    const { run, done } = machine
    for (const one of nodes) await done('systemctl', 'start', one)
    const driver = await startDriver(machine, 3600)
    const { MainPID: first } = await shown(machine, unit)
    await done('systemctl', 'reload', unit)
    const { MainPID: second } = await renewed(machine, unit, first)
    assert.equal(await driversOf(machine), driver, 'the same process')
    const status = async () => JSON.parse(await done('firesteel', 'status', '--json')) as StatusReport
    assert.deepEqual(
      (await status()).workers.map(({ name, state }) => [name, state]),
      [['w1', 'ALIVE']],
    )
    await done('firesteel', 'restart', 'worker', 'w1')
    assert.equal(await driversOf(machine), driver, 'the same process')
    const { MainPID: third } =
      unit === 'firesteel' ? { MainPID: second } : await renewed(machine, unit, second)
    await done('systemctl', 'kill', '--kill-whom=main', '--signal=KILL', unit)
    await renewed(machine, unit, third)
    await waitUntil('the work to begin anew', async () => !['', driver].includes(await driversOf(machine)))
    await done('systemctl', 'stop', unit)
    const { ActiveState, Result, ExecMainStatus } = await shown(machine, unit)
    assert.deepEqual([ActiveState, Result, ExecMainStatus], ['inactive', 'success', '0'])
    assert.equal(await driversOf(machine), '')
    for (const one of nodes) await done('systemctl', 'stop', one)
    assert.equal((await run('pgrep', '--uid', 'firesteel')).stdout, '', 'nothing of them is left')
  })
}

test('the unit of a whole machine: its nodes are ready together, and its stop leaves nothing', {
  skip,
}, async (t) => {
  const machine = await boot(t, WHOLE)
  const { run, done } = machine
  await done('systemctl', 'start', 'firesteel')
  assert.match((await shown(machine, 'firesteel')).StatusText!, /^Cluster units is ready: firesteel:\/\//)
  await done('systemctl', 'stop', 'firesteel')
  const { ActiveState, Result, ExecMainStatus } = await shown(machine, 'firesteel')
  assert.deepEqual([ActiveState, Result, ExecMainStatus], ['inactive', 'success', '0'])
  assert.equal((await run('pgrep', '--uid', 'firesteel')).stdout, '')
})

test('a wrong deployment file: the unit fails once, and is not started again', { skip }, async (t) => {
  const machine = await boot(t, CLUSTER.replace('masters', 'mastres'))
  const { code } = await machine.run('systemctl', 'start', 'firesteel-master@m1')
  assert.equal(code, 1)
  const { ActiveState, ExecMainStatus, NRestarts } = await shown(machine, 'firesteel-master@m1')
  assert.deepEqual([ActiveState, ExecMainStatus, NRestarts], ['failed', '2', '0'])
})
