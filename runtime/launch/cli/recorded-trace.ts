import { open, readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { FiresteelError, reasonOf } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { printable } from '../../observe/printable.js'
import { counted } from '../../pages/words.js'
import { release } from '../../release.js'
import { systemError } from '../../system-error.js'
import type { TracedMessage } from '../../trace/merged-trace.js'
import { readTraceFile, type TraceHeader, traceFileLines } from '../../trace/trace-file.js'
import { formatProtocols, ownProtocols } from '../../transport/protocol-range.js'
import { MIB_BYTES } from '../../units.js'
import type { Console } from './console.js'
import { printTrace } from './print-trace.js'
import type { MissingTrace } from './trace-collector.js'
import type { TraceOptions } from './trace-options.js'

/** Writes a trace to a file that only its owner may read, whatever was there before. */
export async function writeTrace(
  io: Console,
  file: string,
  trace: {
    readonly cluster: string
    readonly messages: readonly TracedMessage[]
    readonly missing: readonly MissingTrace[]
  },
): Promise<void> {
  const { cluster, messages, missing } = trace
  const header: TraceHeader = {
    firesteelTrace: 1,
    recordedAt: new Date().toISOString(),
    cluster,
    versions: { firesteel: release(), protocols: formatProtocols(ownProtocols), node: process.versions.node },
    messages: messages.length,
    missing: missing.map(({ process, reason }) => ({ process, reason })),
  }
  const path = resolve(io.cwd, file)
  try {
    await using handle = await open(path, 'w', 0o600)
    // Not a device, which others use too.
    if ((await handle.stat()).isFile()) await handle.chmod(0o600)
    for (const line of traceFileLines({ header, messages })) await handle.write(line)
  } catch (cause) {
    throw fileRefusal(cause, path, `${file} cannot be written`)
  }
  const gone = missing.length === 0 ? '' : `; missing: ${namedText(missing)}`
  await io.out(`${printable(`${counted(messages.length, 'message')} written to ${file}${gone}`)}\n`)
}

/** The first of them by name; the file has all, with the reasons. */
function namedText(missing: readonly MissingTrace[]): string {
  const named = missing.slice(0, innerLimits.namedWorkers).map(({ process }) => process)
  const more = missing.length - named.length
  return [...named, ...(more > 0 ? [`${more} more`] : [])].join(', ')
}

/** Prints a recorded trace. No cluster is asked. */
export async function showRecordedTrace(io: Console, file: string, options: TraceOptions): Promise<number> {
  const { header, messages } = readTraceFile(await fileText(io, file), file)
  await printTrace(io, messages, header.missing, options, Date.parse(header.recordedAt))
  return 0
}

async function fileText(io: Console, file: string): Promise<string> {
  const path = resolve(io.cwd, file)
  try {
    const { size } = await stat(path)
    if (size > innerLimits.traceFileBytes)
      throw new FiresteelError(
        'TRACE_FILE_INVALID',
        `${file} has ${Math.ceil(size / MIB_BYTES)} MiB, and a trace of up to ${innerLimits.traceFileBytes / MIB_BYTES} MiB can be shown.`,
        { place: path, help: 'Record a shorter time, with --since.' },
      )
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw fileRefusal(cause, path, `${file} cannot be read`)
  }
}

function fileRefusal(cause: unknown, place: string, what: string): unknown {
  if (cause instanceof FiresteelError) return cause
  return (
    systemError(cause, place) ??
    new FiresteelError('PATH_NOT_FOUND', `${what}: ${reasonOf(cause)}.`, { place, cause })
  )
}
