import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadTurns } from '../../actors/worker/logs/read-turns.js'
import { TailTurns } from '../../actors/worker/logs/tail-turns.js'

/* Which log streams of a Worker read in a turn, whose search for last lines runs, and who waits. */

/** Searches that end when they are told to. Each is named by its peer, with the host before it. */
class Searches {
  readonly turns = new TailTurns(2)
  readonly begun: string[] = []
  readonly #ends = new Map<string, () => void>()

  ask(name: string, signal = new AbortController().signal): Promise<string | undefined> {
    const [host = '', peer = ''] = name.split(' ')
    return this.turns.search({ host, peer }, signal, () => {
      this.begun.push(name)
      return new Promise((resolve) => this.#ends.set(name, () => resolve(name)))
    })
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.()
    await settled()
  }
}

/** Promises that can go on have gone on. */
async function settled(): Promise<void> {
  for (let n = 0; n < 10; n++) await undefined
}

test('two run at a time, of a link one', async () => {
  const searches = new Searches()
  for (const name of ['a 1', 'a 1', 'a 1', 'a 2', 'a 3']) void searches.ask(name)
  await settled()
  assert.deepEqual(searches.begun, ['a 1', 'a 2'])
  await searches.end('a 2')
  assert.deepEqual(searches.begun, ['a 1', 'a 2', 'a 3'])
  await searches.end('a 3')
  assert.deepEqual(searches.begun, ['a 1', 'a 2', 'a 3'], 'the first link waits for its own')
  await searches.end('a 1')
  assert.deepEqual(searches.begun, ['a 1', 'a 2', 'a 3', 'a 1'])
})

test('hosts take turns, and the links of a host', async () => {
  const searches = new Searches()
  const asked = ['a 1', 'a 2', 'a 1', 'a 1', 'a 2', 'a 3', 'b 9', 'c 7', 'b 9']
  for (const name of asked) void searches.ask(name)
  for (let n = 0; n < asked.length; n++) {
    await settled()
    await searches.end(searches.begun[n] as string)
  }
  assert.deepEqual(searches.begun, ['a 1', 'a 2', 'a 1', 'b 9', 'c 7', 'a 2', 'b 9', 'a 3', 'a 1'])
})

test('whoever leaves does not begin, and gives its turn to the next', async () => {
  const searches = new Searches()
  const left = new AbortController()
  const first = searches.ask('a 1')
  void searches.ask('b 1x')
  const waits = searches.ask('c 1y', left.signal)
  const next = searches.ask('d 1z')
  left.abort()
  assert.equal(await waits, undefined)
  assert.equal(await searches.ask('e 1', left.signal), undefined)
  await searches.end('a 1')
  assert.equal(await first, 'a 1')
  assert.deepEqual(searches.begun, ['a 1', 'b 1x', 'd 1z'])
  await searches.end('d 1z')
  assert.equal(await next, 'd 1z')
})

test('of all pieces that are wanted a few are read in a turn, host by host', async () => {
  const planned: (() => void)[] = []
  const turns = new ReadTurns(2, (work) => planned.push(work))
  const read: string[] = []
  const { signal } = new AbortController()
  const left = new AbortController()
  const want = (name: string, until = signal): void => {
    const [host = '', peer = ''] = name.split(' ')
    void turns.next({ host, peer }, until).then(() => read.push(name))
  }
  const turn = async (): Promise<string[]> => {
    planned.shift()?.()
    await settled()
    return read.splice(0)
  }
  for (const name of ['a 1', 'a 1', 'a 1', 'a 2', 'b 3']) want(name)
  want('c 4', left.signal)
  await settled()
  assert.deepEqual(read, [], 'none is read in the turn of its question')
  left.abort()
  await settled()
  assert.deepEqual(read.splice(0), ['c 4'], 'whoever leaves does not wait')
  assert.deepEqual(await turn(), ['a 1', 'b 3'])
  assert.deepEqual(await turn(), ['a 2', 'a 1'])
  assert.deepEqual(await turn(), ['a 1'])
  assert.deepEqual([planned.length, await turn()], [0, []])
})
