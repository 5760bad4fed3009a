import assert from 'node:assert/strict'
import { test } from 'node:test'
import { innerLimits } from '../../runtime/inner-limits.js'
import { LauncherOrders } from '../../runtime/launch/node/launcher-orders.js'

const order = (id: string) => ({
  type: 'OrderLauncher' as const,
  id,
  order: { kind: 'restart' as const, node: 'w1' },
})

test('an order is begun once, however often it comes, and says how it stands', () => {
  const orders = new LauncherOrders()
  assert.ok(orders.take(order('a')))
  assert.ok(!orders.take(order('a')))
  orders.says('a', 'w1 restarts')
  assert.deepEqual(orders.standing('a'), { id: 'a', state: 'RUNNING', message: 'w1 restarts' })
  orders.done('a', '[1]')
  orders.says('a', 'too late')
  assert.deepEqual(orders.standing('a'), { id: 'a', state: 'DONE', message: '', result: '[1]' })
  assert.ok(!orders.take(order('a')), 'also after its end')
})

test('a failure has its code, and an answer that no message takes is one', () => {
  const orders = new LauncherOrders()
  orders.take(order('a'))
  orders.failed('a', { code: 'FIRESTEEL_RESTART_REFUSED', message: 'no', help: 'h' })
  assert.deepEqual(orders.standing('a'), {
    id: 'a',
    state: 'FAILED',
    message: 'no',
    code: 'FIRESTEEL_RESTART_REFUSED',
  })
  orders.take(order('b'))
  orders.done('b', 'x'.repeat(innerLimits.orderResultChars + 1))
  assert.equal(orders.standing('b')?.code, 'FIRESTEEL_MESSAGE_TOO_LARGE')
})

test('old orders are forgotten, but not one that still runs', () => {
  const orders = new LauncherOrders()
  orders.take(order('long'))
  for (let n = 0; n < 2 * innerLimits.launcherOrders; n++) {
    orders.take(order(`o${n}`))
    orders.done(`o${n}`, undefined)
  }
  assert.equal(orders.standing('long')?.state, 'RUNNING')
  assert.equal(orders.standing('o0'), undefined)
})
