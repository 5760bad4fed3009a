import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  LauncherCore,
  type LauncherEffect,
  type LauncherInput,
} from '../../runtime/launch/node/launcher-core.js'
import type { NodePlace } from '../../runtime/launch/node/node-spec.js'

const place = (port: number): NodePlace => ({
  address: `firesteel://127.0.0.1:${port}`,
  port,
  web: `http://127.0.0.1:${port + 1}`,
  webPort: port + 1,
  rest: null,
})

/** Effects in few words: `start m1`, `line ready`, `timer m1 100`, `stop w1`, `end`. */
function words(effect: LauncherEffect): string {
  switch (effect.kind) {
    case 'start':
      return `start ${effect.node}${effect.former.place ? ` :${effect.former.place.port}` : ''}`
    case 'order':
      return `order ${effect.node} ${effect.order.addresses.length}`
    case 'stopNode':
      return `stop ${effect.node}${effect.drainMs === undefined ? '' : ` ${effect.drainMs}`}`
    case 'leaveNode':
      return `leave ${effect.node}`
    case 'restartNode':
      return `restart ${effect.node}`
    case 'endNode':
      return `end ${effect.node}`
    case 'settled':
      return `settled ${effect.node}${effect.error ? ` ${effect.error.code}` : ''}`
    case 'startTimer':
      return `timer ${effect.node} ${effect.ms}`
    case 'line':
      return `line ${effect.line.event}`
    case 'masters':
      return `masters ${effect.addresses.join(',')}`
    case 'log':
      return effect.level
    case 'end':
      return `end${effect.error ? ` ${effect.error.code}` : ''}`
  }
}

function harness(nodes = ['m1', 'w1'], otherMasters: readonly string[] = []) {
  const core = new LauncherCore({
    cluster: 'c',
    nodes: nodes.map((name) => ({ name, role: name.startsWith('m') ? 'master' : 'worker' })),
    otherMasters,
  })
  let nowMs = 0
  const step = (input: LauncherInput): string[] => core.step(input, nowMs).map(words)
  const exited = (node: string, code: number | null, signal: NodeJS.Signals | null = null) =>
    step({ kind: 'exited', node, exit: { code, signal } })
  const started = (node: string, pid = 1) => step({ kind: 'started', node, pid })
  const listening = (node: string, port: number) =>
    step({ kind: 'told', node, event: { event: 'listening', ...place(port) } })
  const ready = (node: string) => step({ kind: 'told', node, event: { event: 'ready' } })
  const failed = (node: string, code: string) =>
    step({ kind: 'told', node, event: { event: 'failed', error: { code, message: 'm', help: 'h' } } })
  const up = (): void => {
    step({ kind: 'begin' })
    for (const name of nodes) {
      started(name)
      listening(name, name === 'm1' ? 7070 : 7100)
      ready(name)
    }
  }
  const wait = (ms: number): void => {
    nowMs += ms
  }
  return { core, step, exited, started, listening, ready, failed, up, wait }
}

test('Masters first; Workers when the addresses of the Masters are known; ready when all are', () => {
  const { step, started, listening, ready } = harness(['m1', 'w1', 'w2'])
  assert.deepEqual(step({ kind: 'begin' }), ['start m1'])
  assert.deepEqual(started('m1'), ['line started'])
  assert.deepEqual(listening('m1', 7070), ['masters firesteel://127.0.0.1:7070', 'start w1', 'start w2'])
  assert.deepEqual(ready('m1'), [])
  started('w1')
  started('w2')
  listening('w1', 1)
  listening('w2', 2)
  assert.deepEqual(ready('w1'), [])
  assert.deepEqual(ready('w2'), ['line ready'])
  assert.deepEqual(ready('w2'), [], 'said once')
})

test('the ready line has its public shape', () => {
  const { core, step, started, listening, ready } = harness(['m1'], ['firesteel://b:7070'])
  step({ kind: 'begin' })
  started('m1', 41)
  listening('m1', 7070)
  const [effect] = core.step({ kind: 'told', node: 'm1', event: { event: 'ready' } }, 0)
  assert.deepEqual(effect, {
    kind: 'line',
    line: {
      event: 'ready',
      cluster: 'c',
      master: 'firesteel://127.0.0.1:7070,b:7070',
      nodes: [
        {
          name: 'm1',
          role: 'master',
          pid: 41,
          address: 'firesteel://127.0.0.1:7070',
          web: 'http://127.0.0.1:7071',
          rest: null,
        },
      ],
    },
  })
  assert.deepEqual(ready('m1'), [])
})

test('Workers that join others start at once', () => {
  const { step } = harness(['w1'], ['firesteel://b:7070'])
  assert.deepEqual(step({ kind: 'begin' }), ['start w1'])
})

test('what dies is started again: at once with its ports, then later and later', () => {
  const { up, exited, started, step, wait } = harness()
  up()
  wait(120_000)
  assert.deepEqual(exited('m1', null, 'SIGKILL'), ['line exited', 'warn', 'start m1 :7070'])
  started('m1')
  assert.deepEqual(exited('m1', 1), ['line exited', 'warn', 'timer m1 100'])
  assert.deepEqual(step({ kind: 'timer', node: 'm1' }), ['start m1 :7070'])
  started('m1')
  assert.deepEqual(exited('m1', 1), ['line exited', 'warn', 'timer m1 200'])
  step({ kind: 'timer', node: 'm1' })
  started('m1')
  wait(10_000)
  assert.deepEqual(
    exited('m1', 1),
    ['line exited', 'warn', 'start m1 :7070'],
    'a stable life clears the count',
  )
})

const three = ['firesteel://127.0.0.1:1', 'firesteel://127.0.0.1:2', 'firesteel://127.0.0.1:3']

test('several Masters with port 0: each is told of the others once they listen, Workers start with all', () => {
  const { core, step, started, listening } = harness(['m1', 'm2', 'm3', 'w1'])
  const starts = core.step({ kind: 'begin' }, 0)
  assert.deepEqual(
    starts.map((effect) => effect.kind === 'start' && [effect.node, effect.masters]),
    [
      ['m1', []],
      ['m2', []],
      ['m3', []],
    ],
  )
  for (const name of ['m1', 'm2']) started(name)
  assert.deepEqual(listening('m1', 1), [`masters ${three[0]}`, 'order m2 1'], 'itself it knows')
  assert.deepEqual(listening('m2', 2), [`masters ${three.slice(0, 2).join(',')}`, 'order m1 2'])
  assert.deepEqual(started('m3'), ['line started', 'order m3 2'], 'its specification was older')
  assert.deepEqual(listening('m3', 3), [
    `masters ${three.join(',')}`,
    ...['order m1 3', 'order m2 3'],
    'start w1',
  ])
  assert.deepEqual(started('w1'), ['line started'], 'it was told at its start')
  const [, , again] = core.step(
    { kind: 'exited', node: 'm2', exit: { code: null, signal: 'SIGKILL' } },
    60_000,
  )
  assert.deepEqual(again?.kind === 'start' && again.masters, three, 'its next life knows them all')
  assert.deepEqual(step({ kind: 'started', node: 'm2', pid: 8 }), ['line started'])
  assert.deepEqual(listening('m2', 2), [`masters ${three.join(',')}`], 'nothing new')
})

test('Masters with ports of their own know each other from the start', () => {
  const core = new LauncherCore({
    cluster: 'c',
    nodes: ['m1', 'm2'].map((name, index) => ({ name, role: 'master', address: three[index] })),
    otherMasters: [three[2]!, three[0]!],
  })
  const starts = core.step({ kind: 'begin' }, 0)
  assert.deepEqual(
    starts.map((effect) => effect.kind === 'start' && effect.masters),
    [three, three],
  )
  core.step({ kind: 'started', node: 'm1', pid: 1 }, 0)
  const effects = core.step({ kind: 'told', node: 'm1', event: { event: 'listening', ...place(1) } }, 0)
  assert.deepEqual(effects.map(words), [`masters ${three.join(',')}`])
})

test('a Master that comes back while all stop is not told of the others', () => {
  const { up, step, exited } = harness(['m1', 'm2'])
  up()
  step({ kind: 'stop' })
  assert.deepEqual(exited('m1', 0), ['line exited', 'stop m2'])
})

test('its next life hears of the highest epoch', () => {
  const { core, up, step } = harness()
  up()
  for (const epoch of [4, 7, 5]) step({ kind: 'told', node: 'm1', event: { event: 'epoch', epoch } })
  const effects = core.step({ kind: 'exited', node: 'm1', exit: { code: null, signal: 'SIGKILL' } }, 100_000)
  const start = effects.find(({ kind }) => kind === 'start')
  assert.ok(start?.kind === 'start')
  assert.equal(start.former.epoch, 7)
})

test('exit 2 before ready ends all with the error of the node', () => {
  const { step, started, failed, exited, listening } = harness()
  step({ kind: 'begin' })
  started('m1')
  listening('m1', 7070)
  started('w1')
  failed('w1', 'FIRESTEEL_PORT_IN_USE')
  assert.deepEqual(exited('w1', 2), ['line exited', 'error', 'stop m1'])
  assert.deepEqual(exited('m1', 0), ['line exited', 'end FIRESTEEL_PORT_IN_USE'])
})

test('exit 2 later costs that node only; the last one ends all', () => {
  const { up, failed, exited } = harness()
  up()
  failed('w1', 'FIRESTEEL_CONFIG_INVALID')
  assert.deepEqual(exited('w1', 2), ['line exited', 'error'])
  failed('m1', 'FIRESTEEL_SECRET_TOO_SHORT')
  assert.deepEqual(exited('m1', 2), ['line exited', 'error', 'end FIRESTEEL_SECRET_TOO_SHORT'])
})

test('a port that was its own is tried again', () => {
  const { up, failed, exited, started } = harness()
  up()
  exited('m1', null, 'SIGKILL')
  started('m1')
  failed('m1', 'FIRESTEEL_PORT_IN_USE')
  assert.deepEqual(exited('m1', 2), ['line exited', 'warn', 'timer m1 100'])
})

test('a store that refuses ends a start, but is tried again once the cluster was ready', () => {
  const fresh = harness(['m1'])
  fresh.step({ kind: 'begin' })
  fresh.started('m1')
  fresh.failed('m1', 'FIRESTEEL_STORE_DENIED')
  assert.deepEqual(fresh.exited('m1', 4), ['line exited', 'error', 'end FIRESTEEL_STORE_DENIED'])
  const { up, failed, exited, started } = harness(['m1', 'm2'])
  up()
  exited('m1', null, 'SIGKILL')
  for (const wait of ['100', '200']) {
    started('m1')
    failed('m1', 'FIRESTEEL_STORE_DENIED')
    assert.deepEqual(exited('m1', 4), ['line exited', 'warn', `timer m1 ${wait}`])
  }
})

test('a program that cannot be started ends all', () => {
  const { step } = harness(['m1'])
  step({ kind: 'begin' })
  const error = { code: 'FIRESTEEL_SPAWN_FAILED', message: 'm', help: 'h' }
  assert.deepEqual(step({ kind: 'startFailed', node: 'm1', error }), ['error', 'end FIRESTEEL_SPAWN_FAILED'])
})

test('a Worker that restarts as announced is started at once, however it ends and however often', () => {
  const { step, exited, started, up } = harness()
  up()
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(step({ kind: 'told', node: 'w1', event: { event: 'restarting' } }), [])
    assert.deepEqual(exited('w1', round === 2 ? 1 : 0), ['line exited', 'start w1 :7100'])
    started('w1')
  }
  // The next end was not announced.
  assert.deepEqual(exited('w1', 1), ['line exited', 'warn', 'start w1 :7100'])
})

test('leave: Workers leave their work to the next launcher, Masters stop after them', () => {
  const { step, exited, up } = harness(['m1', 'w1', 'w2'])
  up()
  assert.deepEqual(step({ kind: 'leave' }), ['leave w1', 'leave w2'])
  step({ kind: 'told', node: 'w1', event: { event: 'restarting' } })
  assert.deepEqual(exited('w1', 0), ['line exited', 'leave w2'])
  assert.deepEqual(exited('w2', 0), ['line exited', 'stop m1'])
  assert.deepEqual(exited('m1', 0), ['line exited', 'end'])
})

test('stop: Workers, then Masters; nothing is started again', () => {
  const { up, step, exited } = harness(['m1', 'w1', 'w2'])
  up()
  assert.deepEqual(step({ kind: 'stop' }), ['stop w1', 'stop w2'])
  assert.deepEqual(step({ kind: 'stop' }), [])
  assert.deepEqual(exited('w1', 0), ['line exited', 'stop w2'])
  assert.deepEqual(exited('w2', null, 'SIGKILL'), ['line exited', 'stop m1'])
  assert.deepEqual(exited('m1', 0), ['line exited', 'end'])
})

test('stop: the Master that leads goes last, whoever led before', () => {
  const { up, step, exited } = harness(['m1', 'm2', 'm3', 'w1'])
  const leads = (node: string, epoch: number) =>
    step({ kind: 'told', node, event: { event: 'epoch', epoch, leads: true } })
  up()
  leads('m3', 1)
  leads('m2', 2)
  step({ kind: 'told', node: 'm1', event: { event: 'epoch', epoch: 2 } })
  assert.deepEqual(step({ kind: 'stop' }), ['stop w1'])
  assert.deepEqual(exited('w1', 0), ['line exited', 'stop m1', 'stop m3'])
  assert.deepEqual(exited('m3', 0), ['line exited', 'stop m1'])
  assert.deepEqual(exited('m1', 0), ['line exited', 'stop m2'])
  assert.deepEqual(exited('m2', 0), ['line exited', 'end'])
})

test('stop: a Master that led in an earlier life does not hold the others up', () => {
  const { up, step, exited, started } = harness(['m1', 'm2'])
  up()
  step({ kind: 'told', node: 'm1', event: { event: 'epoch', epoch: 1, leads: true } })
  exited('m1', null, 'SIGKILL')
  started('m1')
  assert.deepEqual(step({ kind: 'stop' }), ['stop m1', 'stop m2'])
})

test('stop while a node waits for its restart, and while one is being started', () => {
  const { up, step, exited, started } = harness()
  up()
  exited('w1', 1)
  assert.deepEqual(step({ kind: 'stop' }), [], 'w1 is being started: it must not be missed')
  assert.deepEqual(started('w1', 9), ['line started', 'stop w1'])
  assert.deepEqual(exited('w1', 0), ['line exited', 'stop m1'])
  exited('m1', 0)
  const second = harness()
  second.up()
  second.exited('w1', 1)
  second.started('w1')
  assert.deepEqual(second.exited('w1', 1), ['line exited', 'warn', 'timer w1 100'])
  assert.deepEqual(second.step({ kind: 'stop' }), ['stop m1'])
  assert.deepEqual(second.step({ kind: 'timer', node: 'w1' }), [])
})

test('a start that fails while all are stopped does not keep the end away', () => {
  const { up, step, exited } = harness()
  up()
  exited('w1', 1)
  step({ kind: 'stop' })
  const error = { code: 'FIRESTEEL_SPAWN_FAILED', message: 'm', help: 'h' }
  assert.deepEqual(step({ kind: 'startFailed', node: 'w1', error }), ['stop m1'])
})

test('a Master that cannot be elected is a line with the reason, and one without it when that has passed', () => {
  const core = new LauncherCore({ cluster: 'c', nodes: [{ name: 'm1', role: 'master' }], otherMasters: [] })
  core.step({ kind: 'begin' }, 0)
  core.step({ kind: 'started', node: 'm1', pid: 1 }, 0)
  const error = { code: 'FIRESTEEL_STORE_UNAVAILABLE', message: 'Redis does not answer', help: 'Start it.' }
  const told = (event: { event: 'hindered'; error?: typeof error }) =>
    core.step({ kind: 'told', node: 'm1', event }, 0)
  assert.deepEqual(told({ event: 'hindered', error }), [
    { kind: 'line', line: { event: 'waiting', node: 'm1', error } },
  ])
  assert.deepEqual(told({ event: 'hindered' }), [
    { kind: 'line', line: { event: 'waiting', node: 'm1', error: null } },
  ])
})

test('a restart: a Worker leaves its work, and the order settles when its next process is ready', () => {
  const { up, step, exited, started, listening, ready } = harness()
  up()
  assert.deepEqual(step({ kind: 'restart', node: 'w1' }), ['restart w1'])
  assert.deepEqual(step({ kind: 'restart', node: 'w1' }), ['restart w1'], 'its last signal was not heard')
  assert.deepEqual(step({ kind: 'told', node: 'w1', event: { event: 'restarting' } }), [])
  assert.deepEqual(step({ kind: 'restart', node: 'w1' }), [], 'it is on its way')
  assert.deepEqual(exited('w1', 0), ['line exited', 'start w1 :7100'])
  started('w1')
  listening('w1', 7100)
  assert.deepEqual(ready('w1'), ['settled w1'])
  assert.deepEqual(ready('w1'), [], 'once')
})

test('a Worker that refuses to restart, or hangs in it, goes on, and the order says so', () => {
  const { up, step } = harness()
  up()
  step({ kind: 'restart', node: 'w1' })
  const error = { code: 'FIRESTEEL_RESTART_REFUSED', message: 'm', help: 'h' }
  assert.deepEqual(step({ kind: 'told', node: 'w1', event: { event: 'restartRefused', error } }), [
    'settled w1 FIRESTEEL_RESTART_REFUSED',
  ])
  step({ kind: 'restart', node: 'w1' })
  assert.deepEqual(step({ kind: 'notLeft', node: 'w1' }), ['settled w1 FIRESTEEL_RESTART_REFUSED'])
})

test('a Worker that hangs in a restart is replaced where the order says so', () => {
  const { up, step, exited, started, listening, ready } = harness()
  up()
  step({ kind: 'restart', node: 'w1', endsIfHung: true })
  assert.deepEqual(step({ kind: 'notLeft', node: 'w1' }), ['end w1'])
  assert.deepEqual(exited('w1', null, 'SIGKILL'), ['line exited', 'start w1 :7100'])
  started('w1', 4)
  listening('w1', 7100)
  assert.deepEqual(ready('w1'), ['settled w1'])
  // The next order does not say so.
  step({ kind: 'restart', node: 'w1' })
  assert.deepEqual(step({ kind: 'notLeft', node: 'w1' }), ['settled w1 FIRESTEEL_RESTART_REFUSED'])
})

test('a restart of a Master: it hands over, keeps its port, and is started at once', () => {
  const { up, step, exited, started, listening, ready } = harness()
  up()
  assert.deepEqual(step({ kind: 'restart', node: 'm1' }), ['stop m1'])
  assert.deepEqual(exited('m1', 0), ['line exited', 'start m1 :7070'])
  started('m1')
  listening('m1', 7070)
  assert.deepEqual(ready('m1'), ['settled m1'])
})

test('a node that hangs is replaced: it ends, and the order settles when its next process is ready', () => {
  const { up, step, ready, started, listening, exited } = harness()
  up()
  step({ kind: 'restart', node: 'm1' })
  exited('m1', 0)
  started('m1', 3)
  assert.deepEqual(step({ kind: 'replace', node: 'm1' }), ['end m1'])
  assert.deepEqual(ready('m1'), [], 'it is ready at last, and ends all the same')
  assert.deepEqual(exited('m1', null, 'SIGKILL'), ['line exited', 'start m1 :7070'])
  started('m1', 4)
  listening('m1', 7070)
  assert.deepEqual(ready('m1'), ['settled m1'])
})

test('a node that waits for its restart, or is gone, is replaced by its next process', () => {
  const waiting = harness()
  waiting.up()
  waiting.exited('w1', 1)
  assert.deepEqual(waiting.step({ kind: 'replace', node: 'w1' }), [])
  const gone = harness()
  gone.up()
  gone.exited('w1', 2)
  assert.deepEqual(gone.step({ kind: 'replace', node: 'w1' }), ['start w1 :7100'])
})

test('a node that starts is restarted when it listens, and one that waits needs no restart', () => {
  const { up, step, exited, started, listening, wait } = harness()
  up()
  wait(120_000)
  exited('w1', 1)
  assert.deepEqual(step({ kind: 'restart', node: 'w1' }), [], 'it does not listen yet')
  started('w1')
  assert.deepEqual(listening('w1', 7100), ['restart w1'])
  exited('w1', 1)
  assert.deepEqual(step({ kind: 'restart', node: 'w1' }), [], 'its back-off goes on')
})

test('another node is added, and one that is retired drains, stops and is forgotten', () => {
  const { core, up, step, exited, started, listening, ready } = harness()
  up()
  assert.deepEqual(step({ kind: 'add', node: { name: 'w2', role: 'worker' } }), ['start w2'])
  started('w2')
  listening('w2', 7200)
  assert.deepEqual(ready('w2'), ['settled w2'])
  assert.deepEqual(step({ kind: 'retire', node: 'w2', drainMs: 5000 }), ['stop w2 5000'])
  assert.deepEqual(exited('w2', 0), ['line exited', 'settled w2'])
  assert.deepEqual(step({ kind: 'add', node: { name: 'm2', role: 'master' } }), ['start m2'])
  started('m2')
  assert.deepEqual(listening('m2', 7071), [
    'masters firesteel://127.0.0.1:7070,firesteel://127.0.0.1:7071',
    'order m1 2',
    'order w1 2',
  ])
  assert.deepEqual(ready('m2'), ['settled m2'])
  step({ kind: 'retire', node: 'm2', drainMs: 0 })
  exited('m2', 0)
  assert.deepEqual(core.masters, ['firesteel://127.0.0.1:7070'])
  assert.deepEqual(step({ kind: 'stop' }), ['stop w1'], 'what was retired is not stopped again')
})

test('a node that was retired is added again, on the ports of its new plan', () => {
  const { up, step, exited, started, listening, ready } = harness()
  up()
  assert.deepEqual(step({ kind: 'retire', node: 'w1', drainMs: 0 }), ['stop w1 0'])
  assert.deepEqual(exited('w1', 0), ['line exited', 'settled w1'])
  assert.deepEqual(step({ kind: 'add', node: { name: 'w1', role: 'worker' } }), ['start w1'])
  started('w1')
  listening('w1', 7300)
  assert.deepEqual(ready('w1'), ['settled w1'])
})

test('a node that drains before its stop is asked to stay: it leaves its work, and starts again', () => {
  const { core, step, up, exited, started, listening, ready } = harness()
  up()
  step({ kind: 'retire', node: 'w1', drainMs: 5000 })
  assert.ok(core.isLeaving('w1'))
  assert.deepEqual(step({ kind: 'restart', node: 'w1' }), ['restart w1'])
  assert.deepEqual(exited('w1', 0), ['line exited', 'start w1 :7100'])
  assert.ok(!core.isLeaving('w1'))
  started('w1', 2)
  listening('w1', 7100)
  assert.deepEqual(ready('w1'), ['settled w1'])
  assert.deepEqual(exited('w1', 1), ['line exited', 'warn', 'start w1 :7100'], 'as any other')
})

test('a node that cannot leave its work goes on to its stop; one that has stopped starts again', () => {
  const { core, step, up, exited } = harness()
  up()
  step({ kind: 'retire', node: 'w1', drainMs: 5000 })
  step({ kind: 'restart', node: 'w1' })
  const error = { code: 'FIRESTEEL_RESTART_REFUSED', message: 'm', help: 'h' }
  assert.deepEqual(step({ kind: 'told', node: 'w1', event: { event: 'restartRefused', error } }), [
    'settled w1 FIRESTEEL_RESTART_REFUSED',
  ])
  assert.deepEqual(exited('w1', 0), ['line exited'])
  assert.ok(core.isLeaving('w1'))
  assert.deepEqual(step({ kind: 'restart', node: 'w1' }), ['start w1 :7100'])
  assert.ok(!core.isLeaving('w1'))
})

test('a node that hangs in its drain is ended where it is to stay; one that does not listen yet hears nothing', () => {
  const { core, step, up, exited, started, listening, ready } = harness()
  up()
  step({ kind: 'retire', node: 'w1', drainMs: 5000 })
  step({ kind: 'restart', node: 'w1', endsIfHung: true })
  assert.deepEqual(step({ kind: 'notLeft', node: 'w1' }), ['end w1'])
  assert.deepEqual(exited('w1', null, 'SIGKILL'), ['line exited', 'start w1 :7100'])
  step({ kind: 'add', node: { name: 'w2', role: 'worker' } })
  step({ kind: 'retire', node: 'w2', drainMs: 5000 })
  assert.deepEqual(step({ kind: 'restart', node: 'w2' }), [])
  assert.ok(!core.isLeaving('w2'))
  started('w2')
  assert.deepEqual(listening('w2', 7200), ['restart w2'], 'it has its new specification after that')
  assert.deepEqual(step({ kind: 'told', node: 'w2', event: { event: 'restarting' } }), [])
  assert.deepEqual(exited('w2', 0), ['line exited', 'start w2 :7200'])
  started('w2')
  listening('w2', 7200)
  assert.deepEqual(ready('w2'), ['settled w2'])
})

test('why a node is not ready is known until it is', () => {
  const { core, step, up, exited, started, failed, ready } = harness()
  up()
  step({ kind: 'add', node: { name: 'w2', role: 'worker' } })
  started('w2')
  failed('w2', 'FIRESTEEL_PORT_IN_USE')
  exited('w2', 1)
  assert.equal(core.problemOf('w2'), 'm')
  started('w2')
  ready('w2')
  assert.equal(core.problemOf('w2'), '')
})

test('Masters of other machines come and go: the nodes here are told', () => {
  const { core, up, step } = harness(['m1', 'w1'], ['firesteel://b:7070'])
  up()
  step({ kind: 'otherMasters', addresses: ['firesteel://b:7070', 'firesteel://c:7070'] })
  assert.deepEqual(core.masters, ['firesteel://127.0.0.1:7070', 'firesteel://b:7070', 'firesteel://c:7070'])
  const effects = core.step({ kind: 'otherMasters', addresses: ['firesteel://c:7070'] }, 0)
  const [order] = effects.flatMap((effect) => (effect.kind === 'order' ? [effect.order] : []))
  assert.deepEqual(order, {
    order: 'masters',
    addresses: ['firesteel://127.0.0.1:7070', 'firesteel://c:7070'],
    gone: ['firesteel://b:7070'],
  })
})

test('an order ends with the launcher, and with a node that can never run', () => {
  const one = harness()
  one.up()
  one.step({ kind: 'restart', node: 'w1' })
  one.step({ kind: 'stop' })
  assert.deepEqual(one.exited('w1', 0), ['line exited', 'settled w1 FIRESTEEL_NOT_ALLOWED', 'stop m1'])
  const other = harness()
  other.up()
  other.step({ kind: 'add', node: { name: 'w2', role: 'worker' } })
  other.started('w2')
  other.failed('w2', 'FIRESTEEL_CONFIG_INVALID')
  assert.deepEqual(other.exited('w2', 2), ['line exited', 'error', 'settled w2 FIRESTEEL_CONFIG_INVALID'])
})
