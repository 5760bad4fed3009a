import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { TurnQueue } from '../../runtime/turn-queue.js'

test('each turn goes to one piece of work, in the order in which they asked', async () => {
  const turns: (() => void)[] = []
  const queue = new TurnQueue((run) => void turns.push(run))
  const begun: string[] = []
  const work = async (name: string, times: number): Promise<void> => {
    for (let n = 0; n < times; n++) {
      await queue.next()
      begun.push(name)
    }
  }
  const works = [work('a', 3), work('b', 1), work('c', 2)]
  const seen: string[] = []
  while (turns.length > 0) {
    assert.equal(turns.length, 1)
    turns.shift()?.()
    await nextTurn()
    seen.push(begun.splice(0).join())
  }
  await Promise.all(works)
  assert.deepEqual(seen, ['a', 'b', 'c', 'a', 'c', 'a'])
})
