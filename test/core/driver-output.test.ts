import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
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

const lastLines = (text: string, lines: number): string =>
  lines === 0
    ? ''
    : text
        .split(/(?<=\n)/)
        .slice(-lines)
        .join('')

/** A stream of one piece, which may break, or stay open until its reader leaves. */
class Reader {
  readonly position: number
  readonly #text: string
  readonly #ends: Promise<void>
  #leave = (): void => {}

  constructor(text: string, position: number, breaks: boolean, staysOpen: boolean) {
    this.#text = text
    this.position = position
    if (breaks) this.#ends = Promise.reject(new FiresteelError('LINK_CLOSED', 'the link ended'))
    else if (staysOpen) this.#ends = new Promise((resolve) => (this.#leave = resolve))
    else this.#ends = Promise.resolve()
    this.#ends.catch(() => undefined)
  }

  return(): void {
    this.#leave()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    if (this.#text !== '') yield Buffer.from(this.#text)
    await this.#ends
  }
}

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
  /** Called for each stream that is followed; it may change what happens next. */
  onFollow: (worker: string) => void = () => {}
  /** What is followed breaks off after so many bytes, once. */
  breaksAfter: number | undefined
  /** A stream that is followed does not end by itself. */
  staysOpen = false
  status: { worker?: string } = {}

  async request(message: { type: string }): Promise<never> {
    const places = [...this.lists.keys()]
    const last = places.at(-1)
    if (message.type === 'RequestLogLocation') return { ...last, places } as never
    return { worker: null, ...this.status, state: this.state } as never
  }

  async workerStream(worker: string, request: Omit<RequestLog, 'type' | 'stream'>) {
    const { output, offset = 0, end, tailLines, follow } = request
    if (follow) this.onFollow(worker)
    if (worker === this.gone?.worker) throw new FiresteelError('LINK_CLOSED', 'nobody is there')
    const [, list = []] = [...this.lists].find(([place]) => place.worker === worker) ?? []
    const text =
      output === 'attempts'
        ? list.map((line) => `${JSON.stringify(line)}\n`).join('')
        : this.texts.get(worker)
    this.asked.push(`${worker} ${output} ${offset}-${end ?? ''}`)
    const broken = follow ? this.breaksAfter : undefined
    if (follow) this.breaksAfter = undefined
    const data = text?.slice(offset, broken === undefined ? end : offset + broken) ?? ''
    const last = tailLines === undefined ? data : lastLines(data, tailLines)
    return new Reader(last, offset + data.length, broken !== undefined, follow && this.staysOpen) as never
  }
}

async function shown(outputs: Outputs, follow = false, tailLines?: number) {
  const pieces: OutputPiece[] = []
  const missing: string[] = []
  const onMissing = (workerId: string): void => void missing.push(workerId)
  const { signal } = new AbortController()
  const tail = tailLines === undefined ? {} : { tailLines }
  const options = { output: 'stdout', follow, signal, onMissing, ...tail } as const
  const wait = () => new Promise<void>((resolve) => setImmediate(resolve))
  for await (const piece of driverOutput(outputs as never, 'd', options, wait)) pieces.push(piece)
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

test('the last lines are those of all attempts on all Workers together', async () => {
  const outputs = new Outputs()
  outputs.lists.set(w1, [at(1, 1, 10, 0), at(1, 2, 20, 8), at(3, 1, 50, 12)])
  outputs.texts.set(w1.worker, 'one\nuno\ntwo\nfour\n')
  const last = async (lines: number, follow = false) =>
    (await shown(outputs, follow, lines)).text.map(([generation, text]) => `${generation}:${text}`)
  for (const follow of [false, true]) {
    assert.deepEqual(await last(0, follow), [])
    assert.deepEqual(await last(1, follow), ['3:four\n'])
    assert.deepEqual(await last(2, follow), ['2:three', '3:four\n'])
    assert.deepEqual(await last(4, follow), ['1:uno\n', '1:two\n', '2:three', '3:four\n'])
    assert.deepEqual(await last(99, follow), ['1:one\nuno\n', '1:two\n', '2:three', '3:four\n'])
  }
})

/** It runs on w1, whose link breaks in the middle of its output; then on w2. */
function moving(): Outputs {
  const outputs = new Outputs()
  outputs.lists.clear()
  outputs.lists.set(w1, [at(1, 1, 99, 0)])
  outputs.texts.set(w1.worker, 'one\nrest\n')
  outputs.state = 'RUNNING'
  outputs.breaksAfter = 4
  return outputs
}

test('following goes on in the next generation when the driver moves, though its clock is behind', async () => {
  const outputs = moving()
  outputs.onFollow = (worker) => {
    outputs.gone = worker === w1.worker && outputs.breaksAfter === undefined ? w1 : undefined
    if (worker === w2.worker) outputs.state = 'FINISHED'
    if (outputs.gone) outputs.lists.set(w2, [at(2, 1, 30, 0)])
  }
  const { text, missing } = await shown(outputs, true)
  const wanted = [
    [1, 'one\n'],
    [2, 'three'],
    [1, 'rest\n'],
  ]
  assert.deepEqual(text, wanted, 'its Worker came back with its files, and the rest is not lost')
  assert.deepEqual(missing, ['w1-0a'])
})

test('a link that breaks while the driver is followed repeats nothing and leaves nothing out', async () => {
  const outputs = moving()
  outputs.onFollow = () => {
    if (outputs.breaksAfter === undefined) outputs.state = 'FINISHED'
  }
  const { text, missing } = await shown(outputs, true)
  assert.deepEqual(text, [
    [1, 'one\n'],
    [undefined, 'rest\n'],
  ])
  assert.deepEqual(missing, [])
})

test('following leaves a Worker that is cut off and runs an old generation on', async () => {
  const outputs = moving()
  outputs.breaksAfter = undefined
  outputs.staysOpen = true
  outputs.onFollow = (worker) => {
    outputs.status = { worker: w2.workerId }
    outputs.lists.set(w2, [at(2, 1, 100, 0)])
    if (worker === w2.worker) {
      outputs.staysOpen = false
      outputs.state = 'FINISHED'
    }
  }
  const { text } = await shown(outputs, true)
  assert.deepEqual(text, [
    [1, 'one\nrest\n'],
    [2, 'three'],
  ])
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
