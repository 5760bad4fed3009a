import { SingleBar } from 'cli-progress'
import type { Survey } from './survey.js'

const MIB = 1024 * 1024
const LINES = 10

export interface Progress {
  /** The size of the work, once it is known. */
  total(survey: Survey): void
  done(bytes: number): void
  /** Prints a line for people beside the progress. */
  say(text: string): void
  stop(): void
}

/**
 * Shows a bar on a terminal, and plain lines elsewhere. It uses stderr, so that stdout has only the result.
 */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? bar(stream) : lines(stream)
}

function bar(stream: NodeJS.WriteStream): Progress {
  const format = '  [{bar}] {percentage}%  {value}/{total} MiB  {duration_formatted}'
  const single = new SingleBar({ stream, format, hideCursor: true, clearOnComplete: true, etaBuffer: 1 })
  let total = 0
  let value = 0
  let isOn = false
  const show = (): void => {
    if (total === 0) return
    if (isOn) single.update(value)
    else single.start(total, value)
    isOn = true
  }
  const hide = (): void => {
    if (isOn) single.stop()
    isOn = false
  }
  return {
    total({ bytes }) {
      total = Math.max(1, Math.round(bytes / MIB))
      show()
    },
    done(bytes) {
      value = Math.min(total, Math.round(bytes / MIB))
      show()
    },
    say(text) {
      hide()
      stream.write(`${text}\n`)
      show()
    },
    stop: hide,
  }
}

function lines(stream: NodeJS.WritableStream): Progress {
  let total: Survey | undefined
  let said = 0
  return {
    total(survey) {
      total = survey
      stream.write(`${survey.files} files, ${(survey.bytes / MIB).toFixed(1)} MiB to look at\n`)
    },
    done(bytes) {
      if (total === undefined || total.bytes === 0) return
      const step = Math.min(LINES, Math.floor((bytes / total.bytes) * LINES))
      if (step <= said) return
      said = step
      stream.write(`  ${step * (100 / LINES)}%  ${(bytes / MIB).toFixed(1)} MiB\n`)
    },
    say: (text) => void stream.write(`${text}\n`),
    stop: () => undefined,
  }
}
