import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attempt } from '../../actors/executor/attempt.js'
import { RunningTask } from '../../actors/executor/running-task.js'
import { ExecutorSession } from '../../actors/executor/session.js'
import type { PositionPart } from '../../actors/executor/thread-messages.js'
import type { FromExecutor, OutputPart } from '../../actors/messages/task-entries.js'
import * as tasks from '../../actors/messages/tasks.js'
import { TaskOutputs } from '../../actors/tasks/task-outputs.js'
import type { LinkReceiver } from '../../runtime/transport/link.js'

/* What a task puts out before its result: one part at a time, each read once. */

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const part = (sequence: number, n = 1, taskId = 1): OutputPart => ({
  taskId,
  n,
  sequence,
  output: 0,
  bytes: Buffer.from(`${n}.${sequence}`),
})

test('a part is read once, though it comes over one link and the next; then it is confirmed again', async () => {
  const taken: string[] = []
  const read: string[] = []
  const outputs = new TaskOutputs((execId, { n, sequence }) => void taken.push(`${execId}:${n}.${sequence}`))
  let go: () => void = () => {}
  const take = ({ bytes }: OutputPart): Promise<void> => {
    read.push(Buffer.from(bytes).toString())
    return new Promise((resolve) => {
      go = resolve
    })
  }
  outputs.add(7, part(1), take)
  outputs.add(7, part(1), take)
  await settle()
  assert.deepEqual([read, taken], [['1.1'], []], 'it is being read')
  go()
  await settle()
  assert.deepEqual(taken, ['7:1.1'])
  outputs.add(7, part(1), take)
  assert.deepEqual([read, taken], [['1.1'], ['7:1.1', '7:1.1']], 'its confirmation was lost')
  outputs.add(7, part(2), take)
  outputs.add(7, part(3), take)
  outputs.add(7, part(1), take)
  assert.deepEqual(read, ['1.1', '1.2'], 'an executor that sends ahead is not read ahead')
  // The next attempt runs elsewhere, and nobody lets the old one go on.
  outputs.add(8, part(1, 2), take)
  go()
  await settle()
  assert.deepEqual([read.at(-1), taken.at(-1)], ['2.1', '8:2.1'])
  outputs.add(9, part(5, 1, 2), undefined)
  assert.equal(taken.at(-1), '9:1.5', 'without a reader the task goes on')
  outputs.add(8, part(2, 2), take)
  outputs.ended(1)
  go()
  await settle()
  assert.equal(taken.at(-1), '9:1.5', 'nobody waits any more')
})

test('a task sends the next part when the one before was taken, or when it has been told to end', async () => {
  const sent: PositionPart[] = []
  const executor = { id: 'app/0', host: 'h', cores: 1, resources: {} }
  const reports = { progress: () => {}, output: (one: PositionPart) => void sent.push(one) }
  const task = new RunningTask(7, 1, 1, executor, reports)
  const whole = Buffer.alloc(100, 'x')
  const events: string[] = []
  void task.send(1, whole.subarray(10, 20)).then(() => events.push('taken'))
  await settle()
  assert.equal(events.length, 0)
  assert.deepEqual(
    [sent[0]?.position, sent[0]?.sequence, sent[0]?.output, sent[0]?.bytes.length],
    [7, 1, 1, 10],
  )
  assert.equal(sent[0]?.bytes.buffer.byteLength, 10, 'a copy of its own')
  task.outputTaken()
  await settle()
  assert.deepEqual(events, ['taken'])
  void task.send(0, whole).then(() => events.push('aborted'))
  assert.equal(sent[1]?.sequence, 2)
  task.abort('cancelled')
  await settle()
  await task.send(0, whole)
  assert.deepEqual([events, sent.length], [['taken', 'aborted'], 2])
})

class Driver {
  readonly sent: FromExecutor[] = []
  takes = true
  receiver: LinkReceiver | undefined
  setReceiver(receiver: LinkReceiver): void {
    this.receiver = receiver
  }
  close(): void {}
  sendPayload(parts: readonly Uint8Array[]): boolean {
    this.sent.push(tasks.readFromExecutor(Buffer.from(Buffer.concat(parts))))
    return this.takes
  }
  say(write: (emit: tasks.Emit) => void): void {
    write((parts) => this.receiver?.payload(Buffer.concat(parts)))
  }
  get parts(): string[] {
    return this.sent.flatMap((one) => (one.kind === 'output' ? [Buffer.from(one.part.bytes).toString()] : []))
  }
}

test('an executor keeps a part until it is taken, over one link and the next; no full link is overfilled', () => {
  const begun: Attempt[] = []
  const goOn: number[] = []
  const session = new ExecutorSession({
    hello: { execId: 1, workerId: 'w', host: 'h', cores: 1, pid: 1, resources: {} },
    runner: {
      addFunctions: () => {},
      setMaxResultBytes: () => {},
      outputTaken: ({ taskId }) => void goOn.push(taskId),
      run: (attempts) => void begun.push(...attempts),
      cancel: () => {},
      recall: () => {},
      pause: () => {},
    },
    onExit: () => {},
    onDefect: (error) => {
      throw error
    },
  })
  const linked = (): Driver => {
    const driver = new Driver()
    session.link(driver)
    driver.say((emit) => tasks.writeWelcome(1000, 1000, emit))
    return driver
  }
  const run = (taskId: number) => ({ taskId, n: 1, functionId: 0, timeoutMs: 0, input: new Uint8Array(1) })
  const first = linked()
  first.say((emit) => tasks.writeRun([run(1), run(2)], emit))
  session.output(part(1))
  session.output(part(1, 2))
  assert.deepEqual(first.parts, ['1.1'], 'an attempt that is not here has no say')
  const second = linked()
  assert.deepEqual(second.parts, ['1.1'], 'nobody has taken it')
  second.say((emit) => tasks.writeTaken({ taskId: 1, n: 1, sequence: 9 }, emit))
  second.say((emit) => tasks.writeTaken({ taskId: 1, n: 2, sequence: 1 }, emit))
  assert.deepEqual(goOn, [])
  second.say((emit) => tasks.writeTaken({ taskId: 1, n: 1, sequence: 1 }, emit))
  second.say((emit) => tasks.writeTaken({ taskId: 1, n: 1, sequence: 1 }, emit))
  assert.deepEqual(goOn, [1])
  assert.deepEqual(linked().parts, [], 'it was taken')
  const full = linked()
  full.takes = false
  session.output(part(2))
  session.output(part(1, 1, 2))
  assert.deepEqual(full.parts, ['1.2'], 'the link takes no more')
  session.result(begun[1] as Attempt, 'value', new Uint8Array(1))
  full.takes = true
  full.receiver?.drain()
  assert.deepEqual(full.parts, ['1.2'], 'a task that has ended says nothing more')
})
