import { closeSync, fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { limits } from '../../runtime/limits.js'
import { openPlain } from '../../runtime/process/plain-file.js'
import { readOutput } from '../../runtime/process/read-output.js'

/** Name of the list in the folder of a driver. */
export const ATTEMPTS = 'attempts'

export interface AttemptStart {
  readonly generation: number
  readonly attempt: number
  readonly atMs: number
}

/**
 * Notes that an attempt begins, and where its output will begin. The list outlives its Worker, as the outputs
 * do. When it is full, its older half is dropped.
 */
export function noteAttempt(folder: string, within: string, start: AttemptStart): void {
  const descriptor = openPlain(join(folder, ATTEMPTS), within, 'a')
  try {
    const { size } = fstatSync(descriptor)
    if (size >= limits.attemptListBytes) keepNewerHalf(descriptor, size)
    const endOf = (output: string) => readOutput(join(folder, output), { within, tailLines: 0 }).end
    writeSync(
      descriptor,
      `${JSON.stringify({ ...start, stdout: endOf('stdout'), stderr: endOf('stderr') })}\n`,
    )
  } finally {
    closeSync(descriptor)
  }
}

function keepNewerHalf(descriptor: number, size: number): void {
  const half = Buffer.alloc(Math.floor(size / 2))
  const length = readSync(descriptor, half, 0, half.length, size - half.length)
  const text = half.toString('utf8', 0, length)
  ftruncateSync(descriptor, 0)
  writeSync(descriptor, text.slice(text.indexOf('\n') + 1))
}
