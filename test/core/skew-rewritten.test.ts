import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type RecordTable, recordViolations } from '../../actors/master/records.js'
import { driverDescription } from '../../actors/messages/samples.js'
import type { DriverReport } from '../../actors/messages/workers.js'
import { newTokenId } from '../../runtime/transport/token.js'
import { MasterWorld } from '../tools/master-fixture.js'

/*
 * Fields of records that this release does not know are still there when a Master writes the record again
 * (docs/compatibility.md): each table, and each way in which a record of it is rewritten.
 */

const ofTheFuture = { fieldOfTheFuture: { since: 2 } }

/** All that there is gets a field, in each record and in its descriptions, and another Master leads. */
function marked(world: MasterWorld): MasterWorld {
  for (const rows of world.store.values())
    for (const [id, row] of rows) {
      const { description } = row as { description?: object }
      rows.set(id, {
        ...row,
        ...(description && { description: { ...description, ...ofTheFuture } }),
        ...ofTheFuture,
      })
    }
  return world.failover().elect()
}

/** Another leader, whose Worker runs what it ran before. */
function led(world: MasterWorld, drivers: DriverReport[] = []): MasterWorld {
  marked(world)
  world.link('w1')
  world.report('w1', { drivers })
  return world.advance(2000)
}

const running = (world: MasterWorld, driverId: string, parts: Partial<DriverReport> = {}): DriverReport => ({
  driverId,
  generation: 1,
  attempt: 1,
  state: 'RUNNING',
  resources: {},
  cores: 1,
  memoryMib: 128,
  launchedAt: { ...world.position, owner: 'm1' },
  ...parts,
})

/** A driver that runs on w1, of a leader who has been told so. */
function driven(): { world: MasterWorld; id: string } {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 4 })
  const id = world.submitted({ supervise: true, cores: 1 })
  led(world, [running(world, id)])
  return { world, id }
}

const drain = (world: MasterWorld): void => {
  world.link('cli', 'client')
  world.ask('cli', { type: 'DecommissionWorkers', workers: ['w1'], by: 'ann' })
}

function applying(from: string, world: MasterWorld, text: string, after: number): void {
  world.link(from, 'client')
  const file = { file: 'c.yaml', folder: '/', text }
  const answer = world.ask(from, { type: 'BeginDeployment', ...file, by: from, changes: [], after })
  assert.equal(answer?.type, 'DeploymentBegun', JSON.stringify(answer))
}

/** Does what rewrites a record, and returns its id. */
type Rewrite = () => { readonly world: MasterWorld; readonly id: string; readonly before: object }

/** Plays `act` on a world whose records have the field. */
const after = (world: MasterWorld, table: RecordTable, id: string, act: () => void) => {
  const before = world.store.get(table)!.get(id)!
  act()
  return { world, id, before }
}

const ofDriver =
  (act: (world: MasterWorld, id: string) => void): Rewrite =>
  () => {
    const { world, id } = driven()
    return after(world, 'driver', id, () => act(world, id))
  }

const ofWorker =
  (act: (world: MasterWorld) => void): Rewrite =>
  () => {
    const world = new MasterWorld().elect()
    world.worker('w1', { cores: 4 })
    led(world)
    return after(world, 'worker', 'w1', () => act(world))
  }

const life = { starts: 2, failedAtMs: [5] }
const lastExit = { atMs: 5, generation: 1, attempt: 1, code: 1, signal: null }

const rewrites: Readonly<Record<RecordTable, Readonly<Record<string, Rewrite>>>> = {
  worker: {
    'it restarts as announced': ofWorker((world) =>
      world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 1, restartMs: 1000 }),
    ),
    'it does not restart after all': ofWorker((world) => {
      world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 1, restartMs: 1000 })
      world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 2 })
    }),
    'it has restarted, with another offer': ofWorker((world) =>
      world.registerWorker('w1', { cores: 8, restarts: { count: 1, gapMs: 5 } }),
    ),
    'it tells of restarts': ofWorker((world) => world.report('w1', { restarts: { count: 3, gapMs: 5 } })),
  },
  app: {
    'it gets executors': () => {
      const world = new MasterWorld().elect()
      const id = world.application('app', { executorLimit: 1 })
      marked(world)
      world.worker('w1', { cores: 4 })
      return after(world, 'app', id, () => {
        world.link('app', 'client')
        const { registration, description } = world.core.cluster!.apps.get(id)!.record
        world.tell('app', {
          type: 'RegisterApplication',
          registration,
          description,
          listen: { port: 5000 },
        })
        world.advance(2000)
      })
    },
  },
  driver: {
    'it is launched': () => {
      const world = new MasterWorld().elect()
      const id = world.submitted({ supervise: true, cores: 1 })
      marked(world)
      return after(world, 'driver', id, () => {
        world.worker('w1', { cores: 4 })
        world.advance(2000)
      })
    },
    'its Worker was not in the store': () => {
      const world = new MasterWorld().elect()
      world.worker('w1', { cores: 4 })
      const id = world.submitted({ supervise: true, cores: 1 })
      world.store.get('worker')!.clear()
      marked(world)
      return after(world, 'driver', id, () => {
        world.worker('w1', { cores: 4 })
        world.report('w1', { drivers: [running(world, id)] })
      })
    },
    'its process has failed': ofDriver((world, driverId) =>
      world.tell('w1', {
        type: 'DriverProgressed',
        workerId: 'w1',
        driverId,
        generation: 1,
        progress: { phase: 'resting', life: { ...life, lastExit } },
      }),
    ),
    'its restart is asked for': ofDriver((world, driverId) => {
      world.link('cli', 'client')
      world.ask('cli', { type: 'RequestRestartDriver', driverId, request: 'r1' })
    }),
    'its end is asked for': ofDriver((world, driverId) => {
      world.link('cli', 'client')
      world.ask('cli', { type: 'RequestKillDriver', driverId })
    }),
    'its Worker is lost': ofDriver((world) => world.worker('w2', { cores: 4 })),
    'its Worker is drained': ofDriver((world) => {
      world.worker('w2', { port: 7002, cores: 4 })
      drain(world)
    }),
    'its Worker has no room': ofDriver((world, driverId) =>
      world.tell('w1', {
        type: 'DriverStateChanged',
        workerId: 'w1',
        change: 1,
        driverId,
        generation: 1,
        attempt: 1,
        state: 'ERROR',
        noRoom: true,
      }),
    ),
    'its content is replaced': () => {
      const world = new MasterWorld().elect()
      world.worker('w1', { cores: 4 })
      applying('ann', world, 'a', 0)
      const deploy = (content: string) => {
        const description = { ...driverDescription, name: 'api', args: [content], supervise: true }
        const to = { key: `deployment/api/${content}`, description }
        world.ask('ann', { type: 'DeploySubmission', deployment: 1, name: 'api', to })
      }
      deploy('one')
      const [id] = world.store.get('driver')!.keys()
      led(world, [running(world, id!)])
      return after(world, 'driver', id!, () => {
        applying('ann', world, 'a', 0)
        deploy('two')
        world.tell('w1', {
          type: 'DriverStateChanged',
          workerId: 'w1',
          change: 1,
          driverId: id!,
          generation: 1,
          attempt: 1,
          state: 'KILLED',
        })
        assert.equal(world.core.cluster!.drivers.get(id!)!.record.key, 'deployment/api/two')
      })
    },
    'its Worker runs a later generation': () => {
      const { world, id } = driven()
      return after(world, 'driver', id, () => {
        const { description } = world.core.cluster!.drivers.get(id)!.record
        world.failover().elect()
        world.link('w1')
        const launchedAt = { epoch: 2, seq: 99, owner: 'another' }
        world.report('w1', { drivers: [running(world, id, { generation: 2, description, launchedAt })] })
        assert.equal(world.core.cluster!.drivers.get(id)!.record.generation, 2)
      })
    },
  },
  drain: {
    'it is said again': () => {
      const world = new MasterWorld().elect()
      world.worker('w1', { cores: 4 })
      drain(world)
      led(world)
      return after(world, 'drain', 'w1@10.0.0.1', () => drain(world))
    },
    'its Worker is being stopped': () => {
      const world = new MasterWorld().elect()
      world.worker('w1', { cores: 4 })
      drain(world)
      led(world)
      return after(world, 'drain', 'w1@10.0.0.1', () =>
        world.tell('w1', { type: 'WorkerDecommissioning', workerId: 'w1', deadlineMs: 1 }),
      )
    },
  },
  deployment: {
    'another link goes on with it': () => {
      const world = new MasterWorld().elect()
      applying('ann', world, 'a', 0)
      led(world).advance(5000)
      return after(world, 'deployment', '1', () => applying('bob', world, 'a', 0))
    },
    'another one begins': () => {
      const world = new MasterWorld().elect()
      applying('ann', world, 'a', 0)
      led(world).advance(5000)
      return after(world, 'deployment', '1', () => applying('bob', world, 'b', 1))
    },
    'it ends': () => {
      const world = new MasterWorld().elect()
      applying('ann', world, 'a', 0)
      led(world)
      return after(world, 'deployment', '1', () => {
        world.link('ann', 'client')
        world.ask('ann', { type: 'EndDeployment', number: 1, state: 'APPLIED' })
      })
    },
  },
  token: {
    'it is revoked': () => {
      const world = new MasterWorld().elect()
      world.link('cli', 'client')
      const id = newTokenId('submit', undefined)
      world.ask('cli', { type: 'RequestCreateToken', id, name: 'ann' })
      marked(world).advance(2000)
      world.link('cli', 'client')
      return after(world, 'token', id, () => world.ask('cli', { type: 'RequestRevokeToken', token: id }))
    },
  },
  // An end is written once.
  ended: {},
  key: {},
}

for (const [table, ways] of Object.entries(rewrites)) {
  describe(`a ${table} whose record has a field of the future`, () => {
    for (const [way, play] of Object.entries(ways))
      test(way, () => {
        const { world, id, before } = play()
        const row = world.store.get(table as RecordTable)!.get(id)!
        assert.notDeepEqual(row, before, 'the record was written again')
        const { fieldOfTheFuture, description } = row as Record<string, unknown>
        assert.deepEqual(fieldOfTheFuture, ofTheFuture.fieldOfTheFuture)
        if (description && way !== 'its content is replaced')
          assert.deepEqual(
            (description as Record<string, unknown>).fieldOfTheFuture,
            ofTheFuture.fieldOfTheFuture,
          )
        assert.equal(recordViolations[table as RecordTable](row), undefined)
      })
  })
}
