import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdoptedChildren } from '../../runtime/process/adopted-children.js'

/** A system whose children are what the test says. */
class World {
  children: readonly number[] | undefined = []
  /** Left out by the kernel, and ours all the same. */
  hidden: readonly number[] = []
  readonly adopted = new AdoptedChildren<string>({
    children: () => this.children,
    isChild: (pid) => [...(this.children ?? []), ...this.hidden].includes(pid),
  })

  constructor(...owners: readonly string[]) {
    for (const owner of owners) this.adopted.workerBegan(owner)
  }

  /** A Worker of the owner has ended and has left these. */
  left(owner: string, ...pids: readonly number[]): void {
    this.children = [...(this.children ?? []), ...pids]
    this.adopted.workerEnded(owner)
  }
}

test('what a Worker has left ends with its owner, and not with another', () => {
  const world = new World('a')
  world.left('a', 11)
  world.adopted.workerBegan('b')
  world.children = [11, 12]
  assert.deepEqual(world.adopted.end('b'), [12])
  assert.deepEqual(world.adopted.end('a'), [11])
})

test('what may be of several owners ends with the last of them', () => {
  const world = new World('a', 'b')
  // A Worker of `b` has ended, and its note is late.
  world.children = [11]
  assert.deepEqual(world.adopted.end('a'), [])
  world.left('b')
  assert.deepEqual(world.adopted.end('b'), [11])
})

test('an owner that has a Worker left may still have left something', () => {
  const world = new World('a', 'a')
  world.left('a', 11)
  world.adopted.workerBegan('b')
  world.children = [11, 12]
  assert.deepEqual(world.adopted.end('b'), [])
  assert.deepEqual(world.adopted.end('a'), [11, 12])
})

test('a Worker whose end is told after that of its owner says nothing', () => {
  const world = new World('a')
  assert.deepEqual(world.adopted.end('a'), [])
  world.adopted.workerBegan('b')
  world.left('a', 11)
  assert.deepEqual(world.adopted.end('b'), [11])
})

test('a child that the kernel leaves out keeps its owner', () => {
  const world = new World('a')
  world.left('a', 11)
  world.adopted.workerBegan('b')
  Object.assign(world, { children: [], hidden: [11] })
  world.left('b')
  world.children = [11]
  world.adopted.workerBegan('b')
  assert.deepEqual(world.adopted.end('b'), [])
  assert.deepEqual(world.adopted.end('a'), [11])
})

test('when a child is gone, another process may have its pid', () => {
  const world = new World('a')
  world.left('a', 11)
  world.adopted.workerBegan('b')
  world.children = []
  world.left('b')
  world.adopted.workerBegan('b')
  world.children = [11]
  assert.deepEqual(world.adopted.end('a'), [])
  assert.deepEqual(world.adopted.end('b'), [11])
})

test('what is kept ends with nobody, until it is forgotten', () => {
  const world = new World()
  world.children = [11]
  world.adopted.keepAll()
  world.adopted.keep(12)
  world.children = [11, 12]
  world.adopted.workerBegan('a')
  assert.deepEqual(world.adopted.end('a'), [])
  world.adopted.forget(11)
  world.adopted.workerBegan('a')
  assert.deepEqual(world.adopted.end('a'), [11], 'another process has the pid')
})

test('where nothing is told, nobody owns anything, and what was known stays', () => {
  const world = new World('a', 'a')
  world.left('a', 11)
  world.children = undefined
  world.adopted.workerBegan('b')
  assert.deepEqual(world.adopted.end('b'), [])
  world.children = [11]
  assert.deepEqual(world.adopted.end('a'), [11])
})
