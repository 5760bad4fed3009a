/*
 * A module for recovery.mode CUSTOM: several Masters on one machine, without any server, over one JSON file.
 *
 *     recovery: { mode: CUSTOM, module: ./dist/examples/custom-recovery/recovery.js }
 *
 * It shows what such a module is. It is no store for a big cluster, because each write replaces the whole
 * file.
 */
import { randomBytes } from 'node:crypto'
import { type CustomRecovery, electionOverLock, type LeaderLock, type Presence } from 'firesteel/recovery'
import { FileEngine } from './file-engine.js'
import { isAlive } from './shared-file.js'

/** The lock only avoids duels, so the wall clock of the machine is good enough for it. */
function lockOf({ file, leaseMs }: FileEngine): LeaderLock {
  const leftMs = (lock: { untilMs: number } | undefined) => Math.max(0, (lock?.untilMs ?? 0) - Date.now())
  return {
    remainingMs: async () => leftMs(file.read().lock),
    acquire: () =>
      file.change((state) => {
        if (leftMs(state.lock) > 0) return { keep: false, result: undefined }
        const value = randomBytes(9).toString('base64url')
        state.lock = { value, untilMs: Date.now() + leaseMs }
        return { keep: true, result: value }
      }),
    extend: (value) =>
      file.change((state) => {
        const isMine = state.lock?.value === value
        if (isMine) state.lock = { value, untilMs: Date.now() + leaseMs }
        return { keep: isMine, result: isMine }
      }),
    release: (value) =>
      file
        .change((state) => {
          const isHeld = state.lock?.value === value
          if (isHeld) delete state.lock
          return { keep: isHeld, result: undefined }
        })
        .catch(() => {}),
  }
}

/** An owner whose process is dead need not be waited for: the kernel knows it at once. */
function presenceOf({ file }: FileEngine): Presence {
  return {
    join: (owner) =>
      file.change((state) => {
        // This also removes the entries of dead processes.
        for (const [other, pid] of Object.entries(state.present))
          if (!isAlive(pid)) delete state.present[other]
        state.present[owner] = process.pid
        return { keep: true, result: undefined }
      }),
    leave: (owner) =>
      file.change((state) => {
        delete state.present[owner]
        return { keep: true, result: undefined }
      }),
    count: async (owner) => (isAlive(file.read().present[owner] ?? -1) ? 1 : 0),
  }
}

export const createPersistenceEngine: CustomRecovery['createPersistenceEngine'] = (context) =>
  new FileEngine(context)

export const createLeaderElectionAgent: CustomRecovery['createLeaderElectionAgent'] = (context) => {
  const engine = context.engine as FileEngine
  return electionOverLock(context, { lock: lockOf(engine), presence: presenceOf(engine) })
}
