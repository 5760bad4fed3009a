import { pageAgeMs } from '../http/json-page.js'
import type { Exposition } from './exposition.js'
import type { Families, Read } from './family.js'

export interface MetricsSource {
  readonly families: Families
  readonly readings: Readonly<Record<string, Read>>
  /**
   * Counts what cannot be read in one turn of the event loop, in slices. Returns the time that this took of
   * the loop. Rejects with a coded error if this node cannot answer yet.
   */
  readonly prepare?: () => Promise<number>
}

interface Page {
  readonly text: string
  readonly contentType: string
}

/**
 * `/metrics`, made at most once per interval for all readers. The interval grows with the cost, so that
 * scrapers take a bounded share of the event loop, however many they are.
 */
export class MetricsPage {
  readonly #source: MetricsSource
  readonly #nowMs: () => number
  #exposition: Exposition | undefined
  #page: Page | undefined
  #madeAtMs = Number.NEGATIVE_INFINITY
  #ageMs = 0
  #making: Promise<Page> | undefined

  constructor(source: MetricsSource, nowMs: () => number = () => performance.now()) {
    this.#source = source
    this.#nowMs = nowMs
  }

  async text(): Promise<string> {
    return (await this.#fresh()).text
  }

  async answer(): Promise<Response> {
    const { text, contentType } = await this.#fresh()
    return new Response(text, { headers: { 'content-type': contentType } })
  }

  #fresh(): Promise<Page> {
    if (this.#page !== undefined && this.#nowMs() - this.#madeAtMs < this.#ageMs)
      return Promise.resolve(this.#page)
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  async #make(): Promise<Page> {
    const { families, readings, prepare } = this.#source
    if (this.#exposition === undefined) {
      const { Exposition: Made } = await import('./exposition.js')
      this.#exposition = new Made(families, readings)
    }
    const preparedMs = (await prepare?.()) ?? 0
    const fromMs = this.#nowMs()
    const { text, costMs } = await this.#exposition.text(this.#nowMs)
    const page = { text, contentType: this.#exposition.contentType }
    this.#page = page
    this.#madeAtMs = fromMs
    this.#ageMs = pageAgeMs(preparedMs + costMs)
    return page
  }
}
