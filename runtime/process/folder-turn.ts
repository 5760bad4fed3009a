import { randomBytes } from 'node:crypto'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import {
  type ProcessIdentity,
  type ProcessTable,
  procTable,
} from '../persistence/file-system/process-identity.js'

/*
 * One writer at a time in a folder. A writer puts down a file whose name says which process it is, looks, and
 * takes its own away again if another one is there. Of two that put theirs down at once, the later one to
 * look sees both, so at most one goes on. A name is that of one process for ever. So what a killed process
 * left can be removed without harm to another one, which a lock of one fixed name does not allow.
 */

const PREFIX = '.writer-'

export interface TurnOptions {
  readonly waitMs?: number
  readonly processes?: ProcessTable
}

/** Throws FOLDER_IN_USE if another process writes there for longer than `waitMs`. */
export async function inTurn<T>(
  folder: string,
  work: () => Promise<T>,
  { waitMs = innerLimits.folderTurnMs, processes = procTable }: TurnOptions = {},
): Promise<T> {
  const own = nameOf(processes.self())
  const until = performance.now() + waitMs
  for (;;) {
    const other = (await otherWriter(folder, own, processes)) ?? (await putDown(folder, own, processes))
    if (other === undefined) break
    if (performance.now() > until) throw inUse(folder, other)
    await pause((0.5 + Math.random()) * innerLimits.folderTurnPollMs)
  }
  try {
    return await work()
  } finally {
    await rm(join(folder, own), { force: true })
  }
}

/** Undefined: it is the turn of this process now. */
async function putDown(folder: string, own: string, processes: ProcessTable): Promise<string | undefined> {
  await writeFile(join(folder, own), '', { flag: 'wx', mode: 0o600 })
  const other = await otherWriter(folder, own, processes)
  if (other !== undefined) await rm(join(folder, own), { force: true })
  return other
}

/** The file of another process that writes, or may write. Files of those that are gone are removed. */
async function otherWriter(
  folder: string,
  own: string,
  processes: ProcessTable,
): Promise<string | undefined> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(PREFIX) || name === own) continue
    const writer = writerOf(name)
    if (writer === undefined || !processes.isGone(writer)) return name
    await rm(join(folder, name), { force: true })
  }
  return undefined
}

function nameOf(self: ProcessIdentity): string {
  const who = Buffer.from(JSON.stringify(self)).toString('base64url')
  return `${PREFIX}${randomBytes(6).toString('hex')}-${who}`
}

function writerOf(name: string): ProcessIdentity | undefined {
  try {
    const who = name.slice(name.indexOf('-', PREFIX.length) + 1)
    const found = JSON.parse(Buffer.from(who, 'base64url').toString()) as ProcessIdentity | null
    return typeof found?.pid === 'number' ? found : undefined
  } catch {
    return undefined
  }
}

function inUse(folder: string, name: string): FiresteelError {
  const pid = writerOf(name)?.pid
  const who = pid === undefined ? 'Another process' : `Process ${pid}`
  return new FiresteelError('FOLDER_IN_USE', `${who} is writing in ${folder}. Nothing was changed.`, {
    place: folder,
    help: `Try again when it has ended. If it has ended already, remove ${join(folder, name)}.`,
  })
}
