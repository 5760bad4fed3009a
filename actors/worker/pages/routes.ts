import type { Hono } from 'hono'
import { servePages } from '../../../runtime/pages/serve-pages.js'
import { masterOrigins, type WorkerPageSetOptions, workerPageSet } from './worker-page-set.js'

export interface WorkerPagesOptions extends WorkerPageSetOptions {
  readonly onError: (error: unknown) => void
}

/** The pages of a Worker over HTTP. */
export const workerPages = (options: WorkerPagesOptions): Hono =>
  servePages({
    pages: workerPageSet(options),
    masters: masterOrigins,
    others: () => [],
    hello: () => ({}),
    onError: options.onError,
  })
