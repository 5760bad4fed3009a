import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { attemptHeader, attemptsInOrder } from '../../actors/client/attempt-outputs.js'
import { driverOutput, type OutputPiece } from '../../actors/client/driver-output.js'
import type { DriverState } from '../../actors/messages/common.js'
import { workerOffer } from '../../actors/messages/samples.js'
import type { LogPlace, RequestLog } from '../../actors/messages/status.js'
import { FiresteelError } from '../../runtime/errors.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* The output of a driver that was started again, on one Worker or several. */

const w1: LogPlace = { workerId: 'w1-0a', worker: 'firesteel://10.0.0.1:1' }
const w2: LogPlace = { workerId: 'w2-0b', worker: 'firesteel://10.0.0.2:2' }
const at = (generation: number, attempt: number, atMs: number, stdout: number) => ({
  generation,
  attempt,
  atMs,
  stdout,
  stderr: 0,
})

/** Workers with lists and outputs, and a Master that knows them. */
class Outputs {
  readonly lists = new Map([
    [w1, [at(1, 1, 10, 0), at(1, 2, 20, 4), at(3, 1, 50, 8)]],
    [w2, [at(2, 1, 30, 0)]],
  ])
  readonly texts = new Map([
    [w1.worker, 'one.two.four'],
    [w2.worker, 'three'],
  ])
  state: DriverState = 'FINISHED'
  readonly asked: string[] = []
  gone: LogPlace | undefined

  async request(message: { type: string }): Promise<never> {
    const places = [...this.lists.keys()]
    const last = places.at(-1)
    if (message.type === 'RequestLogLocation') return { ...last, places } as never
    return { state: this.state } as never
  }

  async workerStream(worker: string, { output, offset, end }: Omit<RequestLog, 'type' | 'stream'>) {
    if (worker === this.gone?.worker) throw new FiresteelError('LINK_CLOSED', 'nobody is there')
    const [, list = []] = [...this.lists].find(([place]) => place.worker === worker) ?? []
    const text =
      output === 'attempts'
        ? list.map((line) => `${JSON.stringify(line)}\n`).join('')
        : this.texts.get(worker)
    this.asked.push(`${worker} ${output} ${offset ?? ''}-${end ?? ''}`)
    return Readable.from([
      Buffer.from(text?.slice(offset, end) ?? ''),
    ]) as unknown as AsyncIterableIterator<Buffer>
  }
}

async function shown(outputs: Outputs, follow = false) {
  const pieces: OutputPiece[] = []
  const missing: string[] = []
  const onMissing = (workerId: string): void => void missing.push(workerId)
  const { signal } = new AbortController()
  for await (const piece of driverOutput(outputs as never, 'd', {
    output: 'stdout',
    follow,
    signal,
    onMissing,
  }))
    pieces.push(piece)
  return {
    text: pieces.map(({ attempt, bytes }) => [attempt?.generation, Buffer.from(bytes).toString()]),
    missing,
  }
}

test('attempts are in the order of their starts, whatever the Worker; each ends where the next begins', () => {
  const found = attemptsInOrder(new Outputs().lists, 'stdout')
  assert.deepEqual(
    found.map(({ generation, attempt, start, end, workerId }) => [generation, attempt, start, end, workerId]),
    [
      [1, 1, 0, 4, 'w1-0a'],
      [1, 2, 4, 8, 'w1-0a'],
      [2, 1, 0, undefined, 'w2-0b'],
      [3, 1, 8, undefined, 'w1-0a'],
    ],
  )
  assert.equal(attemptHeader(found[1]!), '==> generation 1, attempt 2, 1970-01-01T00:00:00.020Z on w1-0a <==')
})

test('all generations are one output; following one that has ended shows the same once', async () => {
  const text = [
    [1, 'one.'],
    [1, 'two.'],
    [2, 'three'],
    [3, 'four'],
  ]
  assert.deepEqual(await shown(new Outputs()), { text, missing: [] })
  assert.deepEqual(await shown(new Outputs(), true), { text, missing: [] })
})

test('a Worker that cannot be asked is named, and the rest is shown', async () => {
  const outputs = new Outputs()
  outputs.gone = w2
  const { text, missing } = await shown(outputs)
  assert.deepEqual(
    text.map(([, part]) => part),
    ['one.', 'two.', 'four'],
  )
  assert.deepEqual(missing, ['w2-0b'])
  outputs.lists.delete(w1)
  await assert.rejects(shown(outputs), { code: 'FIRESTEEL_LINK_CLOSED' })
})

test('the Master names every Worker on which a driver ran, and one that was restarted by its new id', () => {
  const world = new MasterWorld().elect()
  const join = (id: string, name: string, port: number): void => {
    world.link(id)
    world.tell(id, { type: 'RegisterWorker', id, ...workerOffer, name, port })
    world.report(id)
  }
  join('w1-aa', 'w1', 7001)
  const driverId = world.submitted({ supervise: true })
  const location = () => world.ask('cli', { type: 'RequestLogLocation', id: driverId })
  const places = () => {
    const answer = location()
    return answer?.type === 'LogLocation' ? answer.places?.map(({ workerId }) => workerId) : answer
  }
  assert.deepEqual(places(), ['w1-aa'])
  join('w2-bb', 'w2', 7002)
  join('w1-cc', 'w1', 7001)
  world.advance(10_000)
  const home = world.snapshot().activeDrivers[0]?.worker
  assert.ok(home === 'w2-bb' || home === 'w1-cc')
  assert.deepEqual(places()?.toString(), home === 'w2-bb' ? 'w1-cc,w2-bb' : 'w1-cc')
  world.ask('cli', { type: 'RequestKillDriver', driverId })
  assert.equal(location()?.type, 'LogLocation')
})
