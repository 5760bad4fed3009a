import { reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import type { Log } from '../../runtime/observe/log.js'
import type { Fence, PersistenceEngine } from '../../runtime/persistence/engine.js'
import { sleep, type TimerSource } from '../../runtime/timers.js'
import { type RecordPage, readKeys } from './read-records.js'
import type { KeyRecord } from './records.js'

export interface KeyReaderOptions {
  readonly engine: PersistenceEngine
  readonly fence: Fence
  readonly log: Log
  readonly timers: TimerSource
  readonly isOver: () => boolean
  readonly onPage: (keys: RecordPage<KeyRecord>, complete: boolean) => void
}

/**
 * Reads the keys of ended drivers once a leader is ALIVE. There may be very many, and only a submission needs
 * them. `moved`: this Master no longer leads. `over`: its leadership ended meanwhile.
 */
export async function readAllKeys(options: KeyReaderOptions): Promise<'read' | 'moved' | 'over'> {
  const { engine, fence, log, timers, isOver, onPage } = options
  let cursor: string | undefined
  let hasLogged = false
  while (!isOver()) {
    const page = await readKeys(engine, fence, cursor).catch((error: unknown) => {
      if (!hasLogged) log.warn('the keys of submissions cannot be read yet', { reason: reasonOf(error) })
      hasLogged = true
      return null
    })
    if (isOver()) break
    if (page === undefined) return 'moved'
    if (page) {
      cursor = page.next
      onPage(page, cursor === undefined)
      if (cursor === undefined) return 'read'
    } else {
      await sleep(limits.electionRetryMs, timers)
    }
  }
  return 'over'
}
