import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { RecordingHeader } from '../../../actors/master/replay/recording.js'
import type { Replayed, SegmentReplay } from '../../../actors/master/replay/segment-replay.js'
import { FiresteelError, reasonOf } from '../../errors.js'
import { readSegment, recordingInvalid, type SegmentCut } from '../../recording/read-segment.js'
import { segmentsIn } from '../../recording/segment-folder.js'
import { release } from '../../release.js'
import { systemError } from '../../system-error.js'

/** A segment of a recording. `name` is for people. */
export interface RecordedSegment {
  readonly path: string
  readonly name: string
  /** Segments of one folder have one Master. */
  readonly folder: string
}

/** The segments that a path means: itself, those in it, or those in the folders in it. */
export async function segmentsAt(cwd: string, name: string): Promise<RecordedSegment[]> {
  const path = resolve(cwd, name)
  try {
    if ((await stat(path)).isFile()) return [{ path, name, folder: path }]
    const found = await inFolder(path, name)
    for (const entry of found.length > 0 ? [] : await readdir(path, { withFileTypes: true }))
      if (entry.isDirectory()) found.push(...(await inFolder(join(path, entry.name), join(name, entry.name))))
    if (found.length > 0) return found
  } catch (cause) {
    const message = `${name} cannot be read: ${reasonOf(cause)}.`
    throw systemError(cause, path) ?? new FiresteelError('PATH_NOT_FOUND', message, { place: path, cause })
  }
  throw new FiresteelError('PATH_NOT_FOUND', `${name} holds no segment of a recording.`, { place: path })
}

async function inFolder(folder: string, name: string): Promise<RecordedSegment[]> {
  const files = await segmentsIn(folder)
  return files.map(({ path }) => ({ path, name: join(name, path.slice(folder.length + 1)), folder }))
}

/** An input that was replayed, and its line in the file. */
export interface ReplayedLine extends Replayed {
  readonly fileLine: number
}

export interface ReplaySegmentOptions {
  /** The last input. */
  readonly to?: number | undefined
  /** The file stops in the middle of a line. */
  readonly onCut?: (cut: SegmentCut) => void
}

/**
 * Replays a segment, input by input. Throws RECORDING_INVALID at a line that is damaged, unless `to` stands
 * before it, RECORDING_OTHER_RELEASE, and RECORDING_LACKS_INPUT if there is no input `to`.
 */
export async function* replaySegment(
  { path, name }: RecordedSegment,
  replay: SegmentReplay,
  { to = Number.POSITIVE_INFINITY, onCut }: ReplaySegmentOptions = {},
): AsyncGenerator<ReplayedLine> {
  for await (const read of readSegment(path, name)) {
    if ('isCut' in read) {
      onCut?.(read)
      return
    }
    const { line, offset } = read
    let replayed: Replayed | undefined
    try {
      replayed = replay.take(read.value)
    } catch (error) {
      throw recordingInvalid(name, line, offset, reasonOf(error))
    }
    if (line === 1) requireOwnRelease(name, replay.header!)
    if (replayed) yield { ...replayed, fileLine: line }
    if (replay.core && replay.inputs >= to) break
  }
  // Whoever asks for the state at an input must not get that of another one.
  if (to < Number.POSITIVE_INFINITY) requireInput(name, to, replay)
}

/** Throws RECORDING_LACKS_INPUT if the segment, replayed to its end, has no input of this number. */
export function requireInput(name: string, number: number, { header, inputs }: SegmentReplay): void {
  const first = header?.firstInput ?? 1
  if (number >= first && number <= inputs) return
  const has = inputs < first ? 'it has none' : `it has those from ${first} to ${inputs}`
  throw new FiresteelError('RECORDING_LACKS_INPUT', `${name} has no input ${number}: ${has}.`, {
    place: name,
  })
}

function requireOwnRelease(name: string, header: RecordingHeader): void {
  if (header.release === release()) return
  throw new FiresteelError(
    'RECORDING_OTHER_RELEASE',
    `${name} was recorded by Firesteel ${header.release}; this is ${release()}.`,
    { place: name, help: `Replay it with Firesteel ${header.release}.` },
  )
}
