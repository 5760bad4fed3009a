import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { connect } from 'firesteel'
import { Piscina } from 'piscina'
import type { readPage } from '../../examples/scraper/tasks.js'
import { type Contender, inStreams, type StartContender } from './contender.js'
import { readPageWithRetries } from './page-task.js'

/*
 * The pages of examples/scraper, four of a host at once: by this package, by Piscina, and by plain Node in
 * one thread. The server is a process of its own.
 */

const HOSTS = 20
const PER_HOST = 4
/** Each run has pages that nobody has asked for, because some fail at first only. */
const PAGES_OF_A_RUN = 1_000_000
const server = fileURLToPath(new URL('../../examples/scraper/server.js', import.meta.url))

interface Candidate {
  each(urls: readonly string[]): Promise<number>
  close(): Promise<void>
}

export const start: StartContender = async ({ by, threads, tasksPerThread }): Promise<Contender> => {
  const web = spawn(process.execPath, [server, String(HOSTS), String(HOSTS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const hosts: string[] = []
  for await (const line of createInterface({ input: web.stdout })) {
    hosts.push(new URL(line).origin)
    if (hosts.length === HOSTS) break
  }
  const candidate = await candidates[by as keyof typeof candidates](Number(threads), Number(tasksPerThread))
  let runs = 0
  return {
    async run(tasks) {
      const first = runs++ * PAGES_OF_A_RUN
      return candidate.each(
        Array.from({ length: tasks }, (_, index) => `${hosts[index % HOSTS]}/${first + index}`),
      )
    },
    async close() {
      await candidate.close()
      web.kill()
    },
  }
}

/** So many of each host at once. The sum of the indices. */
async function withinLimits(
  urls: readonly string[],
  read: (url: string) => Promise<unknown>,
): Promise<number> {
  const sums = await Promise.all(
    Array.from({ length: HOSTS }, (_, host) => {
      const count = Math.ceil((urls.length - host) / HOSTS)
      return inStreams(PER_HOST, count, async (at) => {
        const index = at * HOSTS + host
        await read(urls[index]!)
        return index
      })
    }),
  )
  return sums.reduce((sum, one) => sum + one, 0)
}

const candidates = {
  async firesteel(threads: number, tasksPerCore: number): Promise<Candidate> {
    const app = await connect('local', { local: { cores: threads }, executor: { tasksPerCore } })
    const url = new URL('../../examples/scraper/tasks.js', import.meta.url)
    const tasks = app.tasks<{ readPage: typeof readPage }>(url)
    return {
      async each(urls) {
        let sum = 0
        const results = app.each(tasks.readPage, urls, {
          limit: { key: (page: string) => new URL(page).host, concurrency: PER_HOST },
          timeout: '2s',
          retries: 4,
          backoff: '250ms',
        })
        for await (const { index, error } of results) {
          if (error && (error.cause as Error | undefined)?.message !== 'HTTP 404') throw error
          sum += index
        }
        return sum
      },
      close: () => app.close(),
    }
  },
  async piscina(threads: number, tasksPerThread: number): Promise<Candidate> {
    const pool = new Piscina({
      filename: fileURLToPath(new URL('./page-task.js', import.meta.url)),
      name: 'readPageWithRetries',
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: tasksPerThread,
    })
    return { each: (urls) => withinLimits(urls, (url) => pool.run(url)), close: () => pool.destroy() }
  },
  async plain(): Promise<Candidate> {
    return { each: (urls) => withinLimits(urls, readPageWithRetries), close: async () => undefined }
  },
}
