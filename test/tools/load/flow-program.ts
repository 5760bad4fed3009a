import type { App } from '../../../actors/client/app.js'
import { connect } from '../../../actors/client/connect.js'
import { reasonOf } from '../../../runtime/errors.js'
import type { FlowAnswer, FlowLook, FlowOrder, FlowQuestion, FlowTotals } from './flow-messages.js'
import { mixedTask, wrongError, wrongResult } from './flow-mix.js'
import type { FlowInput } from './flow-tasks.js'
import { longestGap } from './longest-gap.js'
import { sharedNowMs } from './shared-time.js'

/*
 * The application of the measurement. It has a process of its own, so that nothing else delays what it
 * measures.
 */

type Tasks = typeof import('./flow-tasks.js')

/** Queries are about past windows; older results are of no use. */
const REMEMBERED_RESULTS = 100_000

class Flow {
  readonly #order: FlowOrder
  readonly #app: App
  #repeated: string[] = []
  /** Tasks without a result: id -> shared time at which they were submitted. */
  readonly #underWay = new Map<number, number>()
  #times: number[] = []
  #delivered = 0
  #given = 0
  #twice = 0
  #followedDeposed = 0
  #epoch = 0
  #ends = false
  #pump: Promise<void> | undefined

  constructor(order: FlowOrder, app: App) {
    this.#order = order
    this.#app = app
    app.on('taskRepeated', ({ cause }) => void this.#repeated.push(cause))
    app.on('masterChanged', ({ epoch }) => {
      if (epoch < this.#epoch) this.#followedDeposed++
      this.#epoch = Math.max(this.#epoch, epoch)
    })
  }

  /** Resolves with the first result. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#pump = this.#run(resolve)
      this.#pump.catch(reject)
    })
  }

  gap(fromMs: number, toMs: number): number {
    return longestGap(this.#times, fromMs, toMs)
  }

  look(): FlowLook {
    const repeated = this.#repeated
    this.#repeated = []
    // In the order in which they were submitted.
    const [oldest = sharedNowMs()] = this.#underWay.values()
    return {
      delivered: this.#delivered,
      twice: this.#twice,
      oldestMs: sharedNowMs() - oldest,
      repeated,
      followedDeposed: this.#followedDeposed,
    }
  }

  async drain(patienceMs: number): Promise<FlowTotals> {
    this.#ends = true
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs)
    })
    await Promise.race([this.#pump, late])
    clearTimeout(timer)
    return {
      given: this.#given,
      lost: this.#underWay.size,
      twice: this.#twice,
      repeated: this.#repeated,
      followedDeposed: this.#followedDeposed,
    }
  }

  close(): Promise<void> {
    return this.#app.close()
  }

  async #run(started: () => void): Promise<void> {
    // Tasks that fail on purpose end soon: a report takes one that is under way for seconds for stuck.
    const { flow } = this.#app.tasks<Tasks>(new URL('./flow-tasks.js', import.meta.url), { backoff: 10 })
    for await (const { input, value, error } of this.#app.each(flow, this.#inputs())) {
      this.#times.push(sharedNowMs())
      if (this.#times.length > 2 * REMEMBERED_RESULTS) this.#times = this.#times.slice(-REMEMBERED_RESULTS)
      const wrong =
        error === undefined ? wrongResult(input.id, input, value.body) : wrongError(input.id, input, error)
      if (wrong !== undefined) {
        this.#repeated.push(`failed: ${wrong}`)
        continue
      }
      if (value !== undefined && value.id !== input.id) this.#twice++
      else if (this.#underWay.delete(input.id)) this.#delivered++
      else this.#twice++
      started()
    }
  }

  *#inputs(): Generator<FlowInput> {
    const { file, taskMs, tasks } = this.#order
    while (!this.#ends) {
      const id = this.#given++
      this.#underWay.set(id, sharedNowMs())
      yield { file, id, ...(tasks === 'mixed' ? mixedTask(id, taskMs) : { ms: taskMs }) }
    }
  }
}

let flow: Flow | undefined

async function answerTo(question: FlowQuestion): Promise<FlowAnswer> {
  if (question.ask === 'start') {
    const { order } = question
    const { address, secret, ca, cores } = order
    const app = await connect(address, {
      secret,
      ...(ca !== undefined && { tls: { ca } }),
      name: 'flow',
      cores,
      executor: { cores: cores / 2, memory: '256m' },
    })
    flow = new Flow(order, app)
    await flow.start()
    return { answer: 'started' }
  }
  if (flow === undefined) throw new Error('the flow has not started')
  if (question.ask === 'gap') {
    return { answer: 'gap', gapMs: flow.gap(question.fromMs, question.toMs) }
  }
  if (question.ask === 'look') return { answer: 'looked', look: flow.look() }
  const totals = await flow.drain(question.patienceMs)
  await flow.close()
  return { answer: 'drained', totals }
}

process.on('message', (question: FlowQuestion) => {
  void answerTo(question)
    .catch((error: unknown): FlowAnswer => ({ answer: 'failed', reason: reasonOf(error) }))
    .then((answer) => process.send?.(answer))
})
// It never outlives the measuring process.
process.on('disconnect', () => process.exit(0))
