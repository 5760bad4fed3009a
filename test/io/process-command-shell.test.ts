import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { readPieces } from '../../runtime/process/command-outputs.js'
import { CommandShell } from '../../runtime/process/command-shell.js'
import { isRunning, readProcess, readProcessTable } from '../../runtime/process/process-table.js'
import { waitUntil } from '../harness/wait-until.js'

const folder = mkdtempSync(join(tmpdir(), 'firesteel-shell-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const env = { PATH: process.env.PATH ?? '' }

const shells: CommandShell[] = []
afterEach(() => Promise.all(shells.splice(0).map((shell) => shell.close())))
/** Where all ends on SIGTERM. A busy machine takes its time, and a grace that is over ends the shell too. */
const LONG_GRACE_MS = 30_000
async function start(graceMs = 200): Promise<CommandShell> {
  const shell = await CommandShell.start({ cwd: folder, env, graceMs })
  shells.push(shell)
  return shell
}

async function run(shell: CommandShell, command: string | Buffer) {
  const paths = shell.outputs.next()
  const bytes = Buffer.from(command)
  const { leftNothing, ...exit } = await shell.run(bytes, paths, await shell.isDirect(bytes))
  const sizes = shell.outputs.sizes(paths)
  const text = (path: string): string => Buffer.concat([...readPieces(path, 1e6)]).toString('latin1')
  const end = { ...exit, stdout: text(paths.stdout), stderr: text(paths.stderr) }
  if (leftNothing) shell.outputs.free(paths, sizes)
  else shell.outputs.discard(paths)
  return end
}

const isAlive = (pid: number): boolean => {
  const entry = readProcess(pid)
  return entry !== undefined && isRunning(entry)
}
const pidIn = (name: string): number => Number(readFileSync(join(folder, name), 'utf8'))
const appears = (name: string): Promise<unknown> =>
  waitUntil(name, () => existsSync(join(folder, name)) && pidIn(name) > 0)

test('commands one after the other: codes, signals, output apart, their own pid and parameters', async () => {
  const shell = await start()
  assert.deepEqual(await run(shell, 'echo out; echo err >&2; exit 3'), {
    code: 3,
    signal: null,
    stdout: 'out\n',
    stderr: 'err\n',
  })
  for (const [command, code, signal] of [
    ['true', 0, null],
    ['exit 137', 137, null],
    ['exit 255', 255, null],
    ['kill -9 $$', null, 'SIGKILL'],
    ['kill -TERM $$', null, 'SIGTERM'],
    ['kill -SEGV $$', null, 'SIGSEGV'],
    ['no-such-command', 127, null],
    ['(', 2, null],
    ['exec 1>&-; exec 0<&-; exit 4', 4, null],
  ] as const) {
    const end = await run(shell, command)
    assert.deepEqual([end.code, end.signal], [code, signal], command)
  }
  const { stdout } = await run(
    shell,
    'echo "$0 $# $$"; cat; for n in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && echo "open: $n"; done',
  )
  assert.match(stdout, /^\/bin\/sh 0 \d+\n$/)
  assert.equal(shell.ended, false)
})

test('every byte but NUL arrives and comes back', async () => {
  const shell = await start()
  const bytes = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1))
  const quoted = bytes.toString('latin1').replaceAll("'", "'\\''")
  const { stdout } = await run(shell, Buffer.from(`printf %s '${quoted}'`, 'latin1'))
  assert.equal(stdout, bytes.toString('latin1'))
  const long = 'x'.repeat(120_000)
  assert.equal((await run(shell, `printf %s ${long} | wc -c`)).stdout.trim(), '120000')
})

test('what a command leaves behind ends before its result, within the grace or by force', async () => {
  const patient = await start(LONG_GRACE_MS)
  await run(patient, 'sleep 600 >/dev/null 2>&1 & echo $! > mild')
  assert.equal(isAlive(pidIn('mild')), false)
  assert.equal(patient.ended, false)
  // A process that closes all descriptors it inherited is found as well.
  const hidden = `${process.execPath} -e "require('fs').writeFileSync('hidden', String(process.pid)); process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)" </dev/null >/dev/null 2>&1 & while ! [ -s hidden ]; do sleep 0.01; done`
  const impatient = await start()
  await run(impatient, hidden)
  assert.equal(isAlive(pidIn('hidden')), false)
  assert.equal(impatient.ended, true)
  assert.equal((await run(await start(), 'echo on')).stdout, 'on\n')
})

test('stop ends the command with its group and with what left the group; the shell is of use again', async () => {
  const shell = await start(LONG_GRACE_MS)
  const running = run(shell, 'setsid sleep 600 & echo $! > left; sleep 600 & echo $! > inside; wait')
  await appears('inside')
  await shell.stop()
  const { code, signal } = await running
  assert.deepEqual([code, signal], [null, 'SIGTERM'])
  assert.deepEqual([isAlive(pidIn('left')), isAlive(pidIn('inside'))], [false, false])
  assert.equal((await run(shell, 'echo on')).stdout, 'on\n')

  const impatient = await start()
  const stubborn = run(impatient, `trap '' TERM; echo $$ > stubborn; while :; do sleep 600; done`)
  await appears('stubborn')
  await impatient.stop()
  assert.equal((await stubborn).signal, 'SIGKILL')
  assert.equal(isAlive(pidIn('stubborn')), false)
  assert.equal(impatient.ended, true)
})

test('a process that leaves its group as the command is stopped is told as well', async () => {
  const shell = await start(LONG_GRACE_MS)
  // At one moment after the other, because nobody sees when `setsid` leaves.
  for (let turn = 0; turn < 40; turn++) {
    rmSync(join(folder, 'leaving'), { force: true })
    const running = run(shell, 'setsid sleep 600 & echo $! > leaving; wait')
    await waitUntil('it may leave', () => existsSync(join(folder, 'leaving')), { everyMs: 0 })
    await shell.stop()
    assert.deepEqual([(await running).signal, shell.ended], ['SIGTERM', false])
  }
})

test('a command that signals its own group is told from its shell', async () => {
  const shell = await start()
  assert.equal((await run(shell, 'kill 0; sleep 600')).signal, 'SIGTERM')
  assert.equal((await run(shell, "trap '' TERM; kill 0; echo lives")).stdout, 'lives\n')
  assert.equal((await run(shell, 'kill -9 0')).signal, 'SIGKILL')
  assert.equal(shell.ended, true)
})

test('a shell that is killed takes its command with it, and leaves no folder', async () => {
  const shell = await start()
  const running = run(shell, 'echo $PPID > parent; echo $$ > child; sleep 600')
  await appears('child')
  process.kill(pidIn('parent'), 'SIGKILL')
  assert.equal((await running).signal, 'SIGKILL')
  assert.equal(isAlive(pidIn('child')), false)
  const group = [...readProcessTable().values()].filter(({ groupId }) => groupId === pidIn('parent'))
  assert.deepEqual(group.filter(isRunning), [])
  await shell.close()
  assert.equal(existsSync(shell.outputs.folder), false)
})

test('a folder for outputs that is gone is said, not mistaken for the end of the command', async () => {
  const shell = await start()
  rmSync(shell.outputs.folder, { recursive: true })
  await assert.rejects(run(shell, 'echo x'), { code: 'FIRESTEEL_SPAWN_FAILED' })
})

test('a plain command is started without another shell, and ends as it would with one', async () => {
  const shell = await start()
  const own = await start()
  const byItself = async (command: string) => {
    const paths = own.outputs.next()
    const { leftNothing: _, ...exit } = await own.run(Buffer.from(command), paths)
    const text = (path: string): string => Buffer.concat([...readPieces(path, 1e6)]).toString('latin1')
    return { ...exit, stdout: text(paths.stdout), stderr: text(paths.stderr) }
  }
  for (const command of [
    'true',
    'false',
    "echo 'a  b' c",
    'ls /no-such-folder',
    "printf '%s-' 'it'\\''s' 'two\nlines' '$$' caf'\xc3\xa9'",
    'cat',
    'env A=b printenv A',
    'sh -c "exit 7"',
    'no-such-command a',
  ]) {
    for (const time of [1, 2, 3]) {
      assert.deepEqual(await run(shell, command), await byItself(command), `${command} (${time})`)
    }
  }
  const isDirect = (command: string): Promise<boolean> => shell.isDirect(Buffer.from(command))
  for (const command of ['cat', 'ls x', 'env', 'true', 'echo x']) {
    assert.equal(await isDirect(command), true, command)
  }
  // A builtin could say something of the shell that runs it, or read `$$` out of its words.
  await run(shell, "eval 'echo $$'")
  await run(shell, "eval 'echo $$'")
  for (const command of ['no-such-command x', 'eval x', 'cat $$']) {
    assert.equal(await isDirect(command), false, command)
  }
  assert.equal((await run(shell, "trap 'echo told' EXIT")).stdout, 'told\n')
  assert.equal((await run(shell, 'true')).stdout, '')
})

function isSleeper(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1') === ['sleep', '613.5', ''].join('\0')
  } catch {
    return false
  }
}

test('a signal ends a plain command, and its shell goes on', async () => {
  const shell = await start(LONG_GRACE_MS)
  for (const _ of [1, 2]) await run(shell, 'sleep 0')
  const running = run(shell, 'sleep 613.5')
  await waitUntil('it runs', () => [...readProcessTable().keys()].some((pid) => isSleeper(pid)))
  await shell.stop()
  assert.deepEqual([(await running).signal, (await run(shell, 'echo on')).stdout], ['SIGTERM', 'on\n'])
})

const files = (shell: CommandShell): string[] => readdirSync(shell.outputs.folder).sort()

test('empty files are used again; what was written into is not', async () => {
  const shell = await start()
  const { outputs } = shell
  const leavesNothing = async (): Promise<boolean> => {
    const paths = outputs.next()
    const { leftNothing } = await shell.run(Buffer.from('true'), paths, true)
    if (leftNothing) outputs.free(paths, outputs.sizes(paths))
    else outputs.discard(paths)
    return leftNothing
  }
  // Where others start processes at that moment, or time passes, the shell is not certain.
  await waitUntil('it is certain that nothing is left', leavesNothing)
  const first = files(shell)
  assert.equal(first.length, 2)
  const again = outputs.next()
  assert.deepEqual(
    Object.values(again)
      .map((path) => basename(path))
      .sort(),
    first,
  )
  outputs.free(again, { stdout: 1, stderr: 0 })
  assert.deepEqual(
    files(shell),
    first.filter((name) => name.endsWith('stderr')),
  )
  const next = outputs.next()
  assert.deepEqual([next.stderr === again.stderr, next.stdout === again.stdout], [true, false])
  outputs.discard(next)
  assert.deepEqual(files(shell), [])
  const fresh = outputs.next()
  assert.deepEqual([fresh.stderr === again.stderr, fresh.stdout === next.stdout], [false, false])
})

test('a process that nobody can tell from a stranger never writes into the output of the next command', async () => {
  const shell = await start()
  const stray = ': > here; while ! [ -e go ]; do sleep 0.01; done; echo stray; echo stray >&2; : > said'
  // It has left the session before its command ends.
  await run(shell, `(setsid sh -c '${stray}' &); while ! [ -e here ]; do :; done`)
  const next = await run(shell, ': > go; while ! [ -e said ]; do sleep 0.01; done; echo mine')
  assert.deepEqual([next.stdout, next.stderr], ['mine\n', ''])
})
