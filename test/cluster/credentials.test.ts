import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseActorAddress } from '../../runtime/addresses.js'
import { dial } from '../../runtime/transport/dial.js'
import { newIncarnation, type Role } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { createTestCluster, type TestCluster } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'

/* What a credential opens that is not that of a client, tried on real nodes. */

interface Answer {
  readonly type: string
  readonly code?: string
  readonly activeDrivers?: readonly { readonly id: string }[]
}

/** Links to the first Master; `ask` answers with what it says. */
async function enter(
  cluster: TestCluster,
  as: { role: Role; subject?: string; incarnation?: string; secret?: string },
) {
  const { role, subject, incarnation = newIncarnation('intruder'), secret = cluster.secret } = as
  const { cluster: name } = await cluster.status()
  const link = await dial({
    ...parseActorAddress(cluster.address),
    identity: { cluster: name, incarnation },
    role,
    subject,
    tls: undefined,
    key: deriveKey(secret, role, subject),
  })
  const answers: { readonly answer?: string; readonly message: Answer }[] = []
  link.setReceiver({
    envelope: (raw) => void answers.push(raw as never),
    payload() {},
    drain() {},
    closed() {},
  })
  let id = 0
  const ask = async (message: object): Promise<Answer> => {
    const at = ++id
    link.send({
      from: '/user/Client',
      to: '/user/Master',
      message,
      id: at,
      trace: at,
      ask: String(at),
      epoch: 0,
    } as never)
    await waitUntil('an answer', () => answers.some(({ answer }) => answer === String(at)))
    return answers.find(({ answer }) => answer === String(at))!.message
  }
  return { link, ask }
}

async function submit(cluster: TestCluster, name: string): Promise<string> {
  const main = join(cluster.directory, 'sleep.mjs')
  await writeFile(main, 'setInterval(() => {}, 1000)\n')
  const { stdout } = await cluster.cli([
    'submit',
    '--json',
    '--no-code',
    '--name',
    name,
    '--memory',
    '64m',
    main,
  ])
  const { id } = JSON.parse(stdout) as { id: string }
  await cluster.waitUntil('it runs', async () => {
    const { drivers } = await cluster.status()
    return drivers.some((driver) => driver.id === id && driver.state === 'RUNNING')
  })
  return id
}

test("a driver's credential opens its own driver and nothing else, and nobody takes the link of another", async () => {
  await using cluster = await createTestCluster({ workers: 1 })
  await cluster.waitAlive()
  const [mine, other] = [await submit(cluster, 'mine'), await submit(cluster, 'other')]
  const driver = await enter(cluster, { role: 'driver', subject: `${mine}/1` })
  const description = { name: 'x', main: '/x', args: [], cwd: '/', cores: 1, memoryMib: 1, resources: {} }
  const refused = [
    { type: 'RequestKillDriver', driverId: other },
    { type: 'RequestDriverStatus', driverId: other },
    {
      type: 'RequestSubmitDriver',
      key: 'k',
      description: { ...description, supervise: false, onIsolation: 'run', env: {}, nodeOptions: [] },
    },
  ]
  for (const message of refused)
    assert.equal((await driver.ask(message)).code, 'FIRESTEEL_NOT_ALLOWED', message.type)
  const { activeDrivers } = await driver.ask({ type: 'RequestMasterState' })
  assert.deepEqual(
    activeDrivers?.map(({ id }) => id),
    [mine],
  )
  await cluster.waitUntil('it is logged', () => cluster.log.includes('a message was dropped'))

  // Whoever holds the secret can make such a key. The Master knows which drivers live.
  for (const subject of ['driver-20260101000000-1-0001/1', `${mine}/7`])
    await assert.rejects(enter(cluster, { role: 'driver', subject }), { code: 'FIRESTEEL_CREDENTIAL_ENDED' })
  await cluster.cli(['kill', mine])
  await cluster.waitUntil('its link ends with it', () => !driver.link.isOpen, { deadlineMs: 60_000 })
  await assert.rejects(enter(cluster, { role: 'driver', subject: `${mine}/1` }), {
    code: 'FIRESTEEL_CREDENTIAL_ENDED',
  })

  await using app = await cluster.connect({ name: 'victim', cores: 1, executor: { memory: '64m' } })
  let lost = 0
  app.on('masterLost', () => lost++)
  const state = await (await enter(cluster, { role: 'client' })).ask({ type: 'RequestMasterState' })
  const { activeApps } = state as unknown as { activeApps: { id: string; endpoint: string }[] }
  const endpoint = activeApps.find(({ id }) => id === app.id)!.endpoint
  await assert.rejects(enter(cluster, { role: 'client', incarnation: endpoint }), {
    code: 'FIRESTEEL_HANDSHAKE_FAILED',
  })
  assert.equal(lost, 0)
  await cluster.waitUntil('it is logged', () => cluster.log.includes('it did not prove its incarnation'))
})
