import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from 'firesteel'
import { Piscina } from 'piscina'
import { type Job, makeThumbnail } from '../../examples/thumbnails/tasks.js'
import { type Contender, inStreams, type StartContender } from './contender.js'

/*
 * The thumbnails of examples/thumbnails: by this package, by Piscina, and by plain Node in one thread. The
 * pictures are in the folder that the environment names.
 */

const url = new URL('../../examples/thumbnails/tasks.js', import.meta.url)

interface Candidate {
  each(jobs: readonly Job[]): Promise<number>
  close(): Promise<void>
}

export const start: StartContender = async (setting): Promise<Contender> => {
  const folder = process.env.FIRESTEEL_BENCH_PICTURES ?? ''
  const pictures = (await readdir(folder)).filter((name) => name.endsWith('.png')).sort()
  const { by, threads, tasksPerThread } = setting
  const candidate = await candidates[by as keyof typeof candidates](Number(threads), Number(tasksPerThread))
  let runs = 0
  return {
    async run(tasks) {
      const to = join(folder, `out-${process.pid}-${runs++}`)
      await mkdir(to)
      return candidate.each(
        Array.from({ length: tasks }, (_, index) => ({
          from: join(folder, pictures[index % pictures.length]!),
          to: join(to, `${index}.png`),
          width: 160,
        })),
      )
    },
    close: () => candidate.close(),
  }
}

const candidates = {
  async firesteel(threads: number): Promise<Candidate> {
    const app = await connect('local', { local: { cores: threads } })
    const tasks = app.tasks<{ makeThumbnail: typeof makeThumbnail }>(url)
    return {
      async each(jobs) {
        let sum = 0
        for await (const { index, error } of app.each(tasks.makeThumbnail, jobs)) {
          if (error) throw error
          sum += index
        }
        return sum
      },
      close: () => app.close(),
    }
  },
  async piscina(threads: number, tasksPerThread: number): Promise<Candidate> {
    const pool = new Piscina({
      filename: fileURLToPath(url),
      name: 'makeThumbnail',
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: tasksPerThread,
    })
    return {
      each: (jobs) =>
        inStreams(4 * threads * tasksPerThread, jobs.length, async (index) => {
          await pool.run(jobs[index])
          return index
        }),
      close: () => pool.destroy(),
    }
  },
  async plain(_: number, atOnce: number): Promise<Candidate> {
    return {
      each: (jobs) =>
        inStreams(atOnce, jobs.length, async (index) => {
          await makeThumbnail(jobs[index]!)
          return index
        }),
      close: async () => undefined,
    }
  },
}
