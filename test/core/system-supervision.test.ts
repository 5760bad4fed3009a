import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Behavior } from '../../runtime/system/actor-system.js'
import type { Supervision } from '../../runtime/system/behavior.js'
import type { Ref } from '../../runtime/system/ref.js'
import { decide } from '../../runtime/system/supervision.js'
import { createSystem } from '../../runtime/system/system.js'
import type { Terminated } from '../../runtime/system/system-messages.js'
import { deferred, fixture, type Note, note } from '../tools/system-fixture.js'

/** Logs all it sees and throws at `boom`; at `reject` by a promise. */
function fragile(log: string[], name = ''): Behavior<Note> {
  return ({ self }) => {
    const life = log.filter((line) => line === `${name}begin`).length + 1
    log.push(`${name}begin`)
    return {
      receive({ text }) {
        log.push(`${name}${text} in life ${life}`)
        if (text === 'boom') throw new Error(`boom in ${self.path}`)
        return text === 'reject' ? Promise.reject(new Error('rejected')) : undefined
      },
      stopped: () => void log.push(`${name}end`),
    }
  }
}

const restart = (intensity: number, periodMs: number): { supervision: Supervision } => ({
  supervision: { strategy: 'restart', intensity, periodMs },
})

test('the decision counts only restarts inside the period', () => {
  const supervision: Supervision = { strategy: 'restart', intensity: 2, periodMs: 100 }
  assert.deepEqual(decide(supervision, [], 0), { strategy: 'restart', restartsMs: [0] })
  assert.deepEqual(decide(supervision, [0], 99), { strategy: 'restart', restartsMs: [0, 99] })
  assert.deepEqual(decide(supervision, [0, 99], 99), { strategy: 'escalate' })
  assert.deepEqual(decide(supervision, [0, 99], 100), { strategy: 'restart', restartsMs: [99, 100] })
  assert.deepEqual(decide({ strategy: 'restart', intensity: 0 }, [], 0), { strategy: 'escalate' })
  assert.deepEqual(decide({ strategy: 'stop' }, [], 0), { strategy: 'stop' })
})

test('restart: a new state, the same reference, the unread mailbox kept', async () => {
  const { system, failures, idle } = fixture()
  const log: string[] = []
  const ref = system.spawn('a', fragile(log), restart(9, 1000))
  for (const text of ['x', 'boom', 'y', 'reject', 'z']) system.tell(ref, note(text))
  await idle()
  assert.deepEqual(log, [
    'begin',
    'x in life 1',
    'boom in life 1',
    'end',
    'begin',
    'y in life 2',
    'reject in life 2',
    'end',
    'begin',
    'z in life 3',
  ])
  assert.deepEqual(
    failures.map(({ outcome, message, path }) => [outcome, message, path]),
    [
      ['restarted', 'Note', ref.path],
      ['restarted', 'Note', ref.path],
    ],
  )
  assert.equal(system.counters.restarts, 2)
  assert.equal(system.actors()[0]?.restarts, 2)
})

test('restart ends what the old incarnation began: timers, children, questions, watches', async () => {
  const { system, advance, idle, time } = fixture()
  const log: string[] = []
  const other = system.spawn<Note>('other', () => ({ receive: () => {} }))
  const ref = system.spawn<Note | Terminated>(
    'parent',
    (context) => {
      log.push('begin')
      return {
        receive(message, envelope) {
          if (message.type === 'Terminated') log.push('terminated')
          else if (message.text === 'begin') {
            context.timers.start('tick', 10, note('tick'))
            context.spawn('child', fragile(log, 'child '))
            context.watch(other)
          } else if (message.text === 'boom') throw new Error('boom')
          else log.push(`${message.text}${envelope.ask ?? ''}`)
        },
      }
    },
    restart(9, 1000),
  )
  system.tell(ref, note('begin'))
  await idle()
  const ask = assert.rejects(system.ask(ref, note('q')), {
    code: 'FIRESTEEL_ACTOR_STOPPED',
    message: /restarted/,
  })
  system.tell(ref, note('boom'))
  await ask
  await system.stop(other)
  await advance(100)
  assert.deepEqual(log, ['begin', 'child begin', 'q1', 'child end', 'begin'])
  assert.equal(time.pending, 0)
  system.tell(ref, note('begin'))
  await idle()
  assert.ok(system.find('/user/parent/child'), 'the name of the child is free again')
})

test('over its intensity a restart escalates; old restarts are forgotten', async () => {
  const { system, failures, advance } = fixture()
  const ref = system.spawn('a', fragile([]), restart(2, 100))
  const boom = async (): Promise<void> => {
    system.tell(ref, note('boom'))
    await advance(60)
  }
  await boom()
  await boom()
  await boom()
  assert.deepEqual(
    failures.map(({ outcome }) => outcome),
    ['restarted', 'restarted', 'restarted'],
  )
  system.tell(ref, note('boom'))
  system.tell(ref, note('boom'))
  await advance(0)
  assert.equal(failures.at(-1)?.outcome, 'unhandled')
  assert.equal(system.find('/user/a'), undefined)
})

test('stop: the actor ends as failed, what it had unread is dead, others live on', async () => {
  const { system, failures, deadLetters, idle } = fixture()
  const log: string[] = []
  const reasons: string[] = []
  const ref = system.spawn('a', fragile(log), { supervision: { strategy: 'stop' } })
  system.spawn<Terminated>('watcher', (context) => {
    context.watch(ref)
    return { receive: ({ reason }) => void reasons.push(reason) }
  })
  for (const text of ['boom', 'unread']) system.tell(ref, note(text))
  await idle()
  assert.deepEqual(log, ['begin', 'boom in life 1', 'end'])
  assert.deepEqual(reasons, ['failed'])
  assert.deepEqual(
    failures.map(({ outcome }) => outcome),
    ['stopped'],
  )
  assert.deepEqual(
    deadLetters.map(({ envelope }) => (envelope.message as Note).text),
    ['unread'],
  )
})

test('escalate: the child stops, its parent has failed and is restarted with new children', async () => {
  const { system, failures, idle } = fixture()
  const log: string[] = []
  const parent = system.spawn<Note>(
    'parent',
    (context) => {
      log.push('parent begin')
      const child = context.spawn('child', fragile(log, 'child '))
      context.spawn('sibling', fragile(log, 'sibling '))
      return {
        receive: (message) => void context.tell(child, message),
        stopped: () => void log.push('parent end'),
      }
    },
    restart(1, 1000),
  )
  system.tell(parent, note('boom'))
  await idle()
  system.tell(parent, note('hello'))
  await idle()
  assert.deepEqual(log, [
    'parent begin',
    'child begin',
    'sibling begin',
    'child boom in life 1',
    'child end',
    'sibling end',
    'parent end',
    'parent begin',
    'child begin',
    'sibling begin',
    'child hello in life 2',
  ])
  assert.deepEqual(
    failures.map(({ path, outcome }) => [path.slice(path.indexOf('/user')), outcome]),
    [
      ['/user/parent/child', 'escalated'],
      ['/user/parent', 'restarted'],
    ],
  )
})

test('escalate past the top is told as unhandled, with every level stopped', async () => {
  const { system, failures, idle } = fixture()
  let leaf: Ref<Note> | undefined
  system.spawn<Note>('top', (top) => {
    top.spawn<Note>('middle', (middle) => {
      leaf = middle.spawn('leaf', fragile([]))
      return { receive: () => {} }
    })
    return { receive: () => {} }
  })
  system.tell(leaf as Ref<Note>, note('boom'))
  await idle()
  assert.deepEqual(
    failures.map(({ outcome }) => outcome),
    ['escalated', 'escalated', 'unhandled'],
  )
  assert.match(String(failures[2]?.error), /boom in .*leaf/)
  assert.deepEqual(system.actors(), [])
})

test('a failure that reaches a busy parent waits for the message in hand', async () => {
  const { system, idle } = fixture()
  const log: string[] = []
  const gate = deferred()
  let child: Ref<Note> | undefined
  const parent = system.spawn<Note>(
    'parent',
    (context) => {
      log.push('begin')
      child = context.spawn('child', fragile([]))
      return {
        async receive({ text }) {
          log.push(`${text} begins`)
          await gate.promise
          log.push(`${text} ends`)
        },
      }
    },
    restart(1, 1000),
  )
  system.tell(parent, note('a'))
  system.tell(parent, note('b'))
  system.tell(child as Ref<Note>, note('boom'))
  await idle()
  assert.deepEqual(log, ['begin', 'a begins'])
  gate.resolve()
  await idle()
  assert.deepEqual(log, ['begin', 'a begins', 'a ends', 'begin', 'b begins', 'b ends'])
})

test('an exception in turnEnd is a failure like any other; a failed state is not flushed', async () => {
  const { system, failures, idle } = fixture()
  const log: string[] = []
  let lives = 0
  const ref = system.spawn<Note>(
    'a',
    () => {
      const life = ++lives
      return {
        receive({ text }) {
          log.push(`${text} ${life}`)
          if (text === 'boom') throw new Error('boom')
        },
        turnEnd() {
          log.push(`flush ${life}`)
          if (life === 1) throw new Error('disk')
        },
      }
    },
    restart(9, 1000),
  )
  system.tell(ref, note('a'))
  await idle()
  assert.deepEqual(log, ['a 1', 'flush 1', 'flush 2'])
  assert.deepEqual(
    failures.map(({ error, message }) => [String(error), message]),
    [['Error: disk', undefined]],
  )
  system.tell(ref, note('boom'))
  system.tell(ref, note('b'))
  await idle()
  assert.deepEqual(log.slice(3), ['boom 2', 'b 3', 'flush 3'])
})

test('a state that failed is not flushed when its actor stops either', async () => {
  const { system, idle } = fixture()
  const log: string[] = []
  const ref = system.spawn<Note>(
    'a',
    () => ({
      receive: () => assert.fail('boom'),
      turnEnd: () => void log.push('flush'),
      stopped: () => void log.push('stopped'),
    }),
    { supervision: { strategy: 'stop' } },
  )
  system.tell(ref, note('boom'))
  await idle()
  assert.deepEqual(log, ['stopped'])
})

test('a behavior that throws: spawn throws it and leaves nothing; a restart counts it', async () => {
  const { system, failures, idle, time } = fixture()
  const log: string[] = []
  assert.throws(
    () =>
      system.spawn<Note>('a', (context) => {
        context.timers.start('tick', 1, note('tick'))
        context.spawn('child', fragile(log, 'child '))
        throw new Error('no begin')
      }),
    /no begin/,
  )
  await idle()
  assert.deepEqual(log, ['child begin', 'child end'])
  assert.deepEqual([system.actors(), time.pending, failures], [[], 0, []])

  let lives = 0
  const ref = system.spawn<Note>(
    'a',
    () => {
      if (++lives > 1) throw new Error('no restart')
      return { receive: () => assert.fail('boom') }
    },
    restart(3, 1000),
  )
  system.tell(ref, note('boom'))
  await idle()
  assert.equal(lives, 4)
  assert.equal(failures.at(-1)?.outcome, 'unhandled')
})

test('an exception in stopped is told and stops nothing else', async () => {
  const { system, failures } = fixture()
  const ref = system.spawn<Note>('a', () => ({
    receive: () => {},
    stopped: () => assert.fail('cannot close'),
  }))
  await system.stop(ref)
  assert.deepEqual(
    failures.map(({ outcome, error }) => [outcome, (error as Error).message]),
    [['stopped', 'cannot close']],
  )
  assert.deepEqual(system.actors(), [])
})

test('without onFailure an unhandled failure is an uncaught exception', async () => {
  const uncaught = deferred<unknown>()
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', uncaught.resolve)
  try {
    const { time } = fixture()
    const system = createSystem({ name: 'firesteel://test@one:1', clock: time, timers: time, epoch: () => 1 })
    system.tell(system.spawn('a', fragile([])), note('boom'))
    assert.match(String(await uncaught.promise), /boom in firesteel/)
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
})

test('the watchdog tells once of a handler that does not settle', async () => {
  const stuck: unknown[] = []
  const { system, advance } = fixture({
    watchdog: { warnMs: 100, onStuck: (handler) => stuck.push(handler) },
  })
  const gate = deferred()
  const ref = system.spawn<Note>('a', () => ({ receive: () => gate.promise }))
  system.tell(ref, note('x'))
  await advance(99)
  assert.deepEqual(stuck, [])
  await advance(301)
  assert.deepEqual(stuck, [{ path: ref.path, message: 'Note', forMs: 100 }])
  assert.equal(system.actors()[0]?.waitingMs, 400)
  gate.resolve()
  await advance(100)
  assert.equal(system.actors()[0]?.waitingMs, 0)
})
