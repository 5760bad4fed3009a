import { setImmediate as nextTurn } from 'node:timers/promises'
import { Counter, Gauge, Histogram as PromHistogram, Registry } from 'prom-client'
import { limits } from '../limits.js'
import type { Families, Family, Read, Samples } from './family.js'
import { Histogram } from './histogram.js'

/*
 * Text of metrics for Prometheus. Only this file knows prom-client. It is imported for the first scrape,
 * because the package costs each process 40 ms and 14 MiB.
 */

type PromObject = Awaited<ReturnType<PromHistogram['get']>>
type Values = PromObject['values']

/** Histograms are counted in numbers of ours. prom-client only writes them. */
class ReadHistogram extends PromHistogram {
  readonly #read: Read

  constructor(config: ConstructorParameters<typeof PromHistogram>[0], read: Read) {
    super(config)
    this.#read = read
  }

  override async get(): Promise<PromObject> {
    const { name, help } = this as unknown as { name: string; help: string }
    const read = this.#read()
    const each = read instanceof Histogram ? [[{}, read] as const] : (read as never[])
    const values = each.flatMap(([labels, histogram]) => seriesOf(name, labels, histogram))
    return { name, help, type: 'histogram', values, aggregator: 'sum' } as unknown as PromObject
  }

  /** prom-client prefers it to `get`. */
  getForPromString() {
    return this.get()
  }
}

function seriesOf(name: string, labels: Record<string, string>, histogram: Histogram): Values {
  const { bounds, sum } = histogram
  const cumulative = histogram.cumulative()
  const buckets = cumulative.map((value, at) => ({
    metricName: `${name}_bucket`,
    labels: { ...labels, le: at < bounds.length ? String(bounds[at]) : '+Inf' },
    value,
  }))
  const count = cumulative.at(-1) as number
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ] as Values
}

const samplesOf = (read: number | Samples): Samples => (typeof read === 'number' ? [[{}, read]] : read)

export class Exposition {
  readonly #registry = new Registry()
  readonly #names: readonly string[]

  constructor(families: Families, readings: Readonly<Record<string, Read>>) {
    this.#names = Object.keys(families)
    for (const [name, family] of Object.entries(families)) this.#add(name, family, readings[name] as Read)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /**
   * Writes all metrics, some in each turn of the event loop. Also returns the time that it took of the loop.
   */
  async text(nowMs: () => number): Promise<{ readonly text: string; readonly costMs: number }> {
    const parts: string[] = []
    let costMs = 0
    let fromMs = nowMs()
    for (const name of this.#names) {
      parts.push(await this.#registry.getSingleMetricAsString(name))
      const tookMs = nowMs() - fromMs
      if (tookMs < limits.httpSliceMs) continue
      costMs += tookMs
      await nextTurn()
      fromMs = nowMs()
    }
    return { text: `${parts.join('\n\n')}\n`, costMs: costMs + nowMs() - fromMs }
  }

  #add(name: string, { kind, help, labels = [] }: Family, read: Read): void {
    const config = { name, help, labelNames: [...labels], registers: [this.#registry] }
    if (kind === 'histogram') new ReadHistogram(config, read)
    else if (kind === 'counter')
      new Counter({
        ...config,
        collect() {
          this.reset()
          for (const [of, value] of samplesOf(read() as number | Samples)) this.inc(of, value)
        },
      })
    else
      new Gauge({
        ...config,
        collect() {
          this.reset()
          for (const [of, value] of samplesOf(read() as number | Samples)) this.set(of, value)
        },
      })
  }
}
