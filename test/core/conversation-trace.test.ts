import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerTo, ExecutorTrace } from '../../actors/executor/executor-trace.js'
import { ConversationTrace, executorPath, sharedIds } from '../../actors/messages/conversation-trace.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { MergedTrace } from '../../runtime/trace/merged-trace.js'
import { TraceRing } from '../../runtime/trace/ring.js'

/* What both ends of a conversation between a driver and an executor remember of it. */

const appId = 'app-20261129010000-7-0001'
const boot = {
  ...{ cluster: 'test', driver: '10.0.0.9:4711', appId, execId: 3, workerId: 'w1', host: '10.0.0.2' },
  ...{ cores: 2, tasksPerCore: 1, memoryMib: 512, resources: {}, key: '', applicationTimeoutMs: 1000 },
  cause: { id: 70, trace: 7 },
}

/** An executor and its driver, whose clock is ahead. */
function conversation(ringSize = 1000) {
  let nowMs = 1000
  const executor = new ExecutorTrace(boot, 'executor-3', () => nowMs)
  const origin = executor.linked('client-1')
  const ring = new TraceRing(ringSize)
  const driver = new ConversationTrace({
    ...{ ring, origin, appId, execId: 3, peer: 'executor-3', wallMs: () => nowMs + 60_000 },
    own: 'firesteel://test@client:0/user/ClientEndpoint',
    other: executorPath('test', appId, { host: '10.0.0.2', execId: 3 }),
  })
  driver.heard('ExecutorHello', {}, sharedIds.hello)
  const merged = () => {
    const trace = new MergedTrace()
    const records = executor.read({ payloads: true }).entries
    trace.add({ incarnation: 'executor-3', offsetMs: 0, records })
    trace.add({ incarnation: 'client-1', offsetMs: 60_000, records: ring.read({}, nowMs).entries })
    return { messages: trace.take(), absent: trace.absent() }
  }
  const advance = (ms: number): void => {
    nowMs += ms
  }
  return { executor, driver, merged, advance }
}

test('a message that both ends remember is one, in causal order, and leads back to the launch', () => {
  const { executor, driver, merged } = conversation()
  driver.told('ExecutorWelcome', {}, sharedIds.welcome)
  executor.conversation.heard('ExecutorWelcome', {}, sharedIds.welcome)
  executor.conversation.heardTasks('TasksGiven', 4)
  executor.conversation.toldTasks('TaskResults', 3)
  driver.told('ExecutorExit', { reason: 'the application ended' }, sharedIds.exit)
  executor.conversation.heard('ExecutorExit', { reason: 'the application ended' }, sharedIds.exit)
  driver.happened('ExecutorLinkDown', { given: 4, results: 3 }, sharedIds.linkEnd)
  const { messages, absent } = merged()
  assert.deepEqual(
    messages.map(({ message }) => message),
    [
      'ExecutorStarted',
      'ExecutorHello',
      'ExecutorWelcome',
      'TasksGiven',
      'TaskResults',
      'ExecutorExit',
      'ExecutorLinkDown',
    ],
  )
  const [started, hello, ...rest] = messages
  assert.deepEqual([started!.parent, started!.trace], [70, 7])
  assert.equal(hello!.parent, started!.id)
  for (const { parent, trace } of rest) assert.deepEqual([parent, trace], [hello!.id, 7])
  assert.equal(new Set(messages.map(({ from }) => from)).size, 2, 'each end has one name')
  assert.deepEqual(absent, [])
})

test('many frames are few entries, whose counts hold every task; time and size close an entry', () => {
  const { executor, merged, advance } = conversation()
  const { tracedBatchFrames, tracedBatchMs } = innerLimits
  const frames = 10 * tracedBatchFrames
  for (let frame = 0; frame < frames; frame++) executor.conversation.heardTasks('TasksGiven', 7)
  advance(tracedBatchMs)
  executor.conversation.heardTasks('TasksGiven', 1)
  const batches = merged().messages.filter(({ message }) => message === 'TasksGiven')
  assert.equal(batches.length, 11)
  const counts = batches.map(({ payload }) => payload as { tasks: number; frames: number })
  assert.equal(
    counts.reduce((sum, { tasks }) => sum + tasks, 0),
    7 * frames + 1,
  )
  assert.deepEqual(counts.at(-1)?.frames, 1)
})

test('a new link is another conversation, and what an executor remembers is bounded', () => {
  const { executor } = conversation()
  for (let link = 0; link < 3 * innerLimits.executorTraceRing; link++) executor.linked('client-1')
  let read = 0
  for (let afterCursor = 0, more = true; more; ) {
    const batch = executor.read({ afterCursor })
    read += batch.entries.length
    assert.ok(batch.entries.length > 0)
    ;({ next: afterCursor, more } = batch)
  }
  assert.equal(read, innerLimits.executorTraceRing)
})

test('a question that is none costs the asker its link, and is no defect of the executor', () => {
  const executor = new ExecutorTrace(boot, 'executor-3')
  for (const question of ['', 'null', '{"messages":7}', '{"except":{}}'])
    assert.throws(() => answerTo(question, executor), { code: 'FIRESTEEL_FRAME_INVALID' }, question)
  assert.deepEqual(Object.keys(answerTo('{}', executor)).includes('incarnation'), true)
  assert.deepEqual((answerTo('{}', undefined) as { entries: unknown[] }).entries, [])
})
