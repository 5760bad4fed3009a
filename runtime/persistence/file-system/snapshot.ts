import { join } from 'node:path'
import { innerLimits } from '../../inner-limits.js'
import type { RecordTables } from '../record-tables.js'
import { type FileOps, synced } from './file-ops.js'
import { encodeHead, encodeRecord, type Head } from './payload.js'

/** A snapshot is written in pieces, so that commits and messages have their turns in between. */
const pieceBytes = innerLimits.snapshotPieceBytes

/** Durable under its name when it resolves: write, fsync, rename, fsync of the folder. */
export async function writeSnapshot(
  files: FileOps,
  folder: string,
  generation: number,
  head: Head,
  records: RecordTables,
): Promise<void> {
  const path = join(folder, `snapshot-${generation}`)
  const file = await files.create(`${path}.tmp`)
  try {
    let offset = 0
    let blocks: Buffer[] = [encodeHead(head)]
    let waiting = blocks[0]?.byteLength ?? 0
    const flush = async () => {
      await file.write(Buffer.concat(blocks), offset)
      offset += waiting
      blocks = []
      waiting = 0
    }
    for (const put of records.puts()) {
      const block = encodeRecord(head.seq, put)
      blocks.push(block)
      waiting += block.byteLength
      if (waiting >= pieceBytes) await flush()
    }
    const end = encodeHead({ ...head, kind: 'end' })
    blocks.push(end)
    waiting += end.byteLength
    await flush()
    await synced(file.sync())
  } finally {
    await file.close()
  }
  await files.rename(`${path}.tmp`, path)
  await synced(files.syncFolder(folder))
}
