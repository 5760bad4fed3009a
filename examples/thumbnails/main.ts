/*
 * Makes thumbnails of all PNG files of a folder, on all cores.
 *
 *     node dist/examples/thumbnails/main.js --draw 500 pictures          draws pictures to try it with
 *     node dist/examples/thumbnails/main.js pictures thumbnails [WIDTH]  WIDTH in pixels, default 160
 *
 * A thumbnail that is there already is not made again. So if this program is killed, call it again and it
 * goes on. If a Worker is killed, its thumbnails are made by another one.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { connect, FiresteelError, isFiresteelError } from 'firesteel'
import { INTERRUPTED_EXIT, interruption } from '../interruption.js'
import { printError } from '../print-error.js'
import { where } from '../where.js'
import { wholeNumber } from '../whole-number.js'
import type { Job } from './tasks.js'

const taskModule = new URL('./tasks.js', import.meta.url)

async function drawPictures(count: number, folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true })
  await using app = await connect(where(), { name: 'pictures', signal })
  const { drawPicture } = app.tasks<typeof import('./tasks.js')>(taskModule)
  const pictures = Array.from({ length: count }, (_, seed) => {
    return { to: join(folder, `picture-${String(seed).padStart(4, '0')}.png`), seed }
  })
  for await (const _ of app.map(drawPicture, pictures));
  console.log(`${count} pictures in ${folder}`)
}

/** Returns how many could not be made. */
async function makeThumbnails(from: string, to: string, width: number, signal: AbortSignal): Promise<number> {
  await mkdir(to, { recursive: true })
  const found = await readdir(to)
  // Parts of files of an earlier call that was killed.
  for (const name of found) if (name.endsWith('.part')) await rm(join(to, name), { force: true })
  const isThere = new Set(found)
  const names = (await readdir(from)).filter((name) => /\.png$/i.test(name)).sort()
  const jobs: Job[] = names
    .filter((name) => !isThere.has(name))
    .map((name) => ({ from: join(from, name), to: join(to, name), width }))

  await using app = await connect(where(), { name: 'thumbnails', signal })
  const { makeThumbnail } = app.tasks<typeof import('./tasks.js')>(taskModule)
  let made = 0
  let failed = 0
  for await (const { input, error } of app.each(makeThumbnail, jobs, { signal, timeout: '1m' })) {
    if (error === undefined) made++
    else {
      failed++
      // What the task threw is the cause.
      const reason = isFiresteelError(error, 'TASK_FAILED') ? (error.cause as Error) : error
      console.error(`${input.from}: ${reason.message}`)
    }
  }
  const { retried, lost } = app.stats()
  const there = names.length - jobs.length
  console.log(`${made} made, ${there} there already, ${failed} failed, ${retried + lost} repeated`)
  return failed
}

async function main([first, ...rest]: readonly string[], signal: AbortSignal): Promise<number> {
  const isDrawing = first === '--draw'
  const [from, to, width] = isDrawing ? [rest[1]] : [first, ...rest]
  if (from === undefined || (to === undefined && !isDrawing)) {
    throw new FiresteelError('USAGE', 'A folder is missing.', {
      help: 'Write: thumbnails/main.js FROM TO [WIDTH], or thumbnails/main.js --draw COUNT FOLDER.',
    })
  }
  if (!isDrawing) return makeThumbnails(resolve(from), resolve(to!), wholeNumber(width, 'WIDTH', 160), signal)
  await drawPictures(wholeNumber(rest[0], 'COUNT', 500), resolve(from), signal)
  return 0
}

const signal = interruption()
try {
  if ((await main(process.argv.slice(2), signal)) > 0) process.exitCode = 1
} catch (error) {
  process.exitCode = signal.aborted ? INTERRUPTED_EXIT : printError(error)
}
