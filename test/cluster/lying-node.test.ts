import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseActorAddress } from '../../runtime/addresses.js'
import { limits } from '../../runtime/limits.js'
import { dial } from '../../runtime/transport/dial.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { createTestCluster, startRedis, type TestCluster } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'

/*
 * A node's key is no access to the store: what its holder says of epochs ends no leadership and poisons
 * nothing.
 */

const ABSURD = Number.MAX_SAFE_INTEGER - 1

/** Says to every node, as a Worker and as a Master, that there is another leadership. */
async function lie(cluster: TestCluster, epoch: number): Promise<void> {
  const secret = (await readFile(join(cluster.directory, '.firesteel', 'secret'), 'utf8')).trim()
  const key = deriveKey(secret, 'node')
  const { cluster: name } = JSON.parse(
    await readFile(join(cluster.directory, '.firesteel', 'cluster.json'), 'utf8'),
  ) as { cluster: string }
  const master = 'firesteel://127.0.0.1:9'
  const owner = 'liar-1'
  const position = { epoch, seq: 1 }
  const changed = { type: 'MasterChanged', master, web: null, masters: [master] }
  for (const { role, address } of cluster.nodes) {
    for (const subject of role === 'master' ? [undefined, MASTER_SUBJECT] : [MASTER_SUBJECT]) {
      const incarnation = `liar-${randomBytes(8).toString('hex')}`
      const identity = { cluster: name, incarnation, advertise: '127.0.0.1:9' }
      const link = await dial({
        ...parseActorAddress(address),
        identity,
        role: 'node',
        subject,
        tls: undefined,
        key,
      })
      const tell = (message: object, to: string): void => {
        link.send({ from: '/user/Master', to, message, id: 1, trace: 1, epoch, seq: 1 })
      }
      let isAnswered = false
      link.setReceiver({
        envelope: () => {
          isAnswered = true
        },
        payload() {},
        drain() {},
        closed() {},
      })
      if (role !== 'master') tell(changed, '/user/Worker')
      else if (subject) tell(changed, '/user/Master')
      else {
        tell({ type: 'StaleEpoch', epoch, owner }, '/user/Master')
        tell({ type: 'PositionSeen', position, owner }, '/user/Master')
      }
      // A Master speaks first on each link: it has taken the link in.
      if (role === 'master') await waitUntil('the Master speaks', () => isAnswered)
      link.close('it has lied')
    }
  }
}

test('a node lies about epochs: the leader stays, the next is elected just above it, and Workers obey them', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  await using cluster = await createTestCluster({ masters: 3, workers: 1, redis: redis.url })
  const first = await cluster.waitAlive({ standbys: 2 })
  const aliveAtMs = performance.now()
  const epochOf = async (): Promise<number> => (await cluster.status()).epoch
  const epoch = await epochOf()
  await waitUntil('a leader in office', () => performance.now() - aliveAtMs > limits.claimBeliefMs + 1000)
  for (let n = 0; n < 5; n++) for (const told of [epoch + 1, ABSURD]) await lie(cluster, told)
  assert.equal((await cluster.leader())?.name, first.name)
  assert.equal(await epochOf(), epoch)

  await cluster.kill(first)
  const second = await cluster.waitAlive()
  const next = await epochOf()
  assert.ok(next > epoch && next <= epoch + 4, `epoch ${next} after ${epoch}`)
  const script = join(cluster.directory, 'job.mjs')
  await writeFile(script, '')
  const said = (await cluster.cli(['submit', '--wait', '--json', '--memory', '64m', script])).stdout
  const { id } = JSON.parse(said.split('\n')[0]!) as { id: string }
  assert.match(id, new RegExp(`-${next}-`))
  assert.notEqual(second.name, undefined)
})
