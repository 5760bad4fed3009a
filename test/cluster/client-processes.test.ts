import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { DriverBoot } from '../../actors/client/boot.js'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { CLUSTER, FakeMaster, SECRET } from '../tools/client-fake-master.js'

const program = fileURLToPath(new URL('./client-program.js', import.meta.url))

interface Outcome {
  readonly code: number | null
  readonly output: string
}

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
  boot?: DriverBoot,
): Promise<Outcome> {
  const child = await startChild({
    command: process.execPath,
    args: [program, ...args],
    cwd: tmpdir(),
    env: childEnvironment(env),
    stdout: 'pipe',
    stderr: 'inherit',
    ownGroup: true,
    ...(boot && { boot: `${JSON.stringify(boot)}\n` }),
  })
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await child.closed
  return { code: (await child.exited).code, output: output.trim() }
}

test('a driver finds its credential on descriptor 3, registers as itself, and ends by itself', async (t) => {
  const master = await FakeMaster.start({
    epoch: 1,
    on: (message) => {
      if (message.type === 'RegisterApplication') {
        return { type: 'RegisteredApplication', appId: 'app-1', registration: message.registration }
      }
      if (message.type === 'UnregisterApplication') return { type: 'UnregisteredApplication', appId: 'app-1' }
      return undefined
    },
  })
  t.after(() => master.stop())
  const driver = { id: 'driver-1', generation: 2, attempt: 1 }
  const boot: DriverBoot = {
    cluster: CLUSTER,
    masters: [master.address],
    role: 'driver',
    subject: 'driver-1/2',
    key: deriveKey(SECRET, 'driver', 'driver-1/2').toString('base64'),
    driver,
  }
  const { code, output } = await run(['connect'], { FIRESTEEL_MASTER: master.address }, boot)
  assert.deepEqual({ code, output }, { code: 0, output: 'app-1' })
  const [register] = master.received
  assert.ok(register?.type === 'RegisterApplication')
  assert.deepEqual(register.driver, driver)
  assert.equal(master.received.at(-1)?.type, 'UnregisterApplication')
})

test('a FIRESTEEL_MASTER of the user, without a boot line, needs a secret like any other', async () => {
  const { code, output } = await run(['connect'], { FIRESTEEL_MASTER: 'firesteel://127.0.0.1:1' })
  assert.deepEqual({ code, output }, { code: 0, output: 'FIRESTEEL_SECRET_MISSING' })
})

test("connect('local') runs tasks in a cluster of its own and leaves nothing behind", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-test-'))
  t.after(() => rm(folder, { recursive: true }))
  const { code, output } = await run(['local'], { TMPDIR: folder })
  assert.deepEqual({ code, output }, { code: 0, output: '49' })
  assert.deepEqual(await readdir(folder), [])
})
