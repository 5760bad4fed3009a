import { join } from 'node:path'
import { Breather } from '../../breather.js'
import { limits } from '../../limits.js'
import type { Delete, Quarantined, RecordSchemas } from '../engine.js'
import type { RecordTables } from '../record-tables.js'
import { type FileOps, isMissing, synced } from './file-ops.js'
import { parseObject } from './payload.js'

/** Unreadable content that is about to go into the quarantine. */
export interface Aside extends Quarantined {
  readonly content: string
  readonly encoding: 'utf8' | 'base64'
}

/**
 * Removes the records that are not a JSON object or that their schema refuses. Each bad record costs only
 * itself. Nothing else has these records yet, and other work has its turns meanwhile.
 */
export async function takeUnreadable(
  records: RecordTables,
  schemas: RecordSchemas,
  epoch: number,
): Promise<Aside[]> {
  const aside: Aside[] = []
  const taken: Delete[] = []
  const breather = new Breather(limits.recoveryRecords, limits.recoveryRecordBytes)
  for (const { table, id, json } of records.puts()) {
    if (breather.isDue(json.length)) await breather.rest()
    const value = parseObject(json)
    const reason = value === undefined ? 'not a JSON object' : schemas[table](value)
    if (reason === undefined) continue
    aside.push({ place: `epoch-${epoch}, ${table} ${id}`, reason, content: json, encoding: 'utf8' })
    taken.push({ table, id })
  }
  records.apply([], taken)
  return aside
}

/** `quarantine/epoch-N.jsonl`: what the leader of epoch N could not read. Firesteel never deletes it. */
export class Quarantine {
  readonly #folder: string
  readonly #files: FileOps

  constructor(directory: string, files: FileOps) {
    this.#folder = join(directory, 'quarantine')
    this.#files = files
  }

  /** Durable when it resolves, so that the old files may be removed. */
  async write(epoch: number, aside: readonly Aside[]): Promise<void> {
    await this.#files.makeFolders(this.#folder)
    const path = join(this.#folder, `epoch-${epoch}.jsonl`)
    const file = await this.#files.create(`${path}.tmp`)
    try {
      const lines = aside.map((entry) => `${JSON.stringify(entry)}\n`)
      await file.write(Buffer.from(lines.join('')), 0)
      await synced(file.sync())
    } finally {
      await file.close()
    }
    await this.#files.rename(`${path}.tmp`, path)
    await synced(this.#files.syncFolder(this.#folder))
  }

  async entries(): Promise<Quarantined[]> {
    let names: string[]
    try {
      names = await this.#files.list(this.#folder)
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
    const entries: Quarantined[] = []
    for (const name of names.filter((name) => name.endsWith('.jsonl')).sort()) {
      const text = (await this.#files.read(join(this.#folder, name))).toString('utf8')
      for (const line of text.split('\n')) {
        const entry = parseObject(line)
        if (entry === undefined) continue
        entries.push({ place: `${name}: ${String(entry.place)}`, reason: String(entry.reason) })
      }
    }
    return entries
  }
}
