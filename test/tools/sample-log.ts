import { Buffer } from 'node:buffer'
import type { FindLog } from '../../actors/worker/logs/kept-log.js'

/** An output in memory, whatever its id: two attempts of a driver that has much to say. */
export const sampleLog =
  (nowMs: number): FindLog =>
  (id, output) => {
    const line = (index: number): string =>
      index % 97 === 96
        ? `2026-11-29T01:0${index % 10}:11.204Z warn  the feed https://prices.example/v2/items?page=${index} answered 503; trying again in 4 s (attempt 2 of 5, the last answer was "upstream connect error or disconnect/reset before headers")`
        : `2026-11-29T01:0${index % 10}:11.204Z info  item ${4000 + index}\t${(index * 7919) % 100}.99 EUR\tstored`
    const first = `${Array.from({ length: 400 }, (_, index) => line(index)).join('\n')}\n`
    const second = `${Array.from({ length: 260 }, (_, index) => line(index + 400)).join('\n')}\n`
    const bytes = Buffer.from(output === 'stdout' ? first + second : '')
    const start = output === 'stdout' ? first.length : 0
    return {
      id,
      output,
      lives: true,
      kept: { start: 0, end: bytes.length },
      changedAtMs: nowMs - 4000,
      attempts: [
        { generation: 1, attempt: 1, atMs: nowMs - 3_600_000, stdout: 0, stderr: 0 },
        { generation: 1, attempt: 2, atMs: nowMs - 720_000, stdout: start, stderr: 0 },
      ],
      read: (from, most) => bytes.subarray(from, from + most),
    }
  }
