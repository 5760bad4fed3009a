/**
 * The guard: a program of its own, in a session of its own, with one pipe to its Worker (descriptor 3). It
 * starts the processes of the Worker and tells their ends. At the end of the pipe it kills what the Worker
 * left behind. It imports almost nothing, because it must start fast and never fail.
 */

// biome-ignore lint/style/noRestrictedImports: a descriptor that our parent left open, no network
import { Socket } from 'node:net'
import { uptime } from 'node:os'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { type CgroupHome, killCgroup } from './cgroup-files.js'
import { isDescriptorShortage } from './descriptors.js'
import { type GuardedGroup, GuardLedger } from './guard-ledger.js'
import { cgroupVerb, type FromGuard, killVerb, removeVerb } from './guard-lines.js'
import { GuardStarts } from './guard-starts.js'
import { GuardSuccession } from './guard-succession.js'
import { BOOT_DESCRIPTOR } from './inherited-pipe.js'
import { type LineLink, lineLink } from './line-link.js'
import { GroupFollower } from './process-group.js'
import { type ProcessTable, readProcess, readProcessTable } from './process-table.js'
import { signalMembers } from './send-signal.js'
import { StagedCgroups } from './staged-cgroups.js'

/** Between two rounds of killing. A process may have been started outside of its group meanwhile. */
const KILL_ROUND_MS = innerLimits.killRoundMs
const KILL_ROUND_MAX_MS = innerLimits.killRoundMaxMs
/** Looking at all processes takes at most this part of a core, also on a machine with very many of them. */
const SCAN_SHARE = innerLimits.guardScanShare

const ledger = new GuardLedger()
const followers = new Map<number, GroupFollower>()
let timer: NodeJS.Timeout | undefined
/** Time of the next look at all processes. Lines of the Worker do not change it. */
let scanAtMs = limits.guardScanMs
let killRoundMs: number = KILL_ROUND_MS

// Only the end of the pipe ends the guard. A signal to a whole session or a stray kill must not leave orphans
// behind.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

const pipe = new Socket({ fd: BOOT_DESCRIPTOR, readable: true, writable: true })
/** The present Worker process. It changes in a planned restart. */
let worker = lineLink(pipe, (line) => hear(line))
let cgroups: StagedCgroups | undefined
const starts = new GuardStarts({ ledger, bootMs, tell: (message) => tell(message), cgroups: () => cgroups })
const succession = new GuardSuccession({
  ledger,
  bootMs,
  ends: () => starts.ends,
  tell: (message) => tell(message),
  onSuccessor: (link) => {
    const former = worker
    obey(link)
    // What the former process may still say counts no more.
    former.destroy()
  },
  onLine: hear,
})
obey(worker)

function tell(message: FromGuard): void {
  worker.write(JSON.stringify(message))
}

function hear(line: string): void {
  if (hearOfCgroups(line)) return
  if (!succession.apply(line) && !starts.apply(line)) ledger.apply(line)
  schedule()
}

/** False: the line has another purpose. */
function hearOfCgroups(line: string): boolean {
  if (line.startsWith(cgroupVerb)) {
    const home = JSON.parse(line.slice(cgroupVerb.length)) as CgroupHome
    // The next process of this Worker says it again.
    if (cgroups?.home.path === home.path) return true
    cgroups?.leave()
    const startTime = readProcess(process.pid)?.startTime ?? ''
    cgroups = new StagedCgroups(home, { pid: process.pid, startTime })
    cgroups.stage()
    return true
  }
  if (line.startsWith(killVerb)) {
    const { cgroup } = ledger.get(Number(line.slice(killVerb.length))) ?? {}
    if (cgroup !== undefined) killCgroup(cgroup)
    return true
  }
  if (line.startsWith(removeVerb)) {
    const { cgroup } = ledger.get(Number(line.slice(removeVerb.length))) ?? {}
    if (cgroup !== undefined) cgroups?.ended(cgroup)
  }
  return false
}

function obey(link: LineLink): void {
  worker = link
  void link.ended.then(() => {
    if (worker !== link) return
    ledger.orphan(bootMs())
    schedule()
  })
  schedule()
}

function bootMs(): number {
  return uptime() * 1000
}

function schedule(): void {
  clearTimeout(timer)
  if (ledger.isDone(bootMs())) {
    succession.close()
    cgroups?.leave()
    process.exit(0)
  }
  const untilDueMs = (ledger.nextDeadline() ?? Number.POSITIVE_INFINITY) - bootMs()
  const untilScanMs = ledger.groups.length === 0 ? Number.POSITIVE_INFINITY : scanAtMs - performance.now()
  const ms = Math.min(untilDueMs, untilScanMs)
  if (Number.isFinite(ms)) timer = setTimeout(readThenTick, Math.max(0, ms))
}

/**
 * The guard may have been suspended itself. A later "valid until" that waits in the pipe is read before any
 * process is killed. The time is taken before the read, because a guard that is suspended after it knows
 * nothing of later lines.
 */
function readThenTick(): void {
  timer = undefined
  const atBootMs = bootMs()
  setImmediate(() => tick(atBootMs))
}

function tick(atBootMs: number): void {
  clearTimeout(timer)
  const before = process.cpuUsage()
  const table = lookAround()
  if (table === undefined) {
    timer = setTimeout(readThenTick, KILL_ROUND_MAX_MS)
    return
  }
  const due = new Set(ledger.due(atBootMs).map(({ pid }) => pid))
  let left = 0
  for (const group of ledger.groups) {
    if (due.has(group.pid)) left += kill(group, table)
    // Remembers the descendants, for the time when their parents have ended.
    else followerOf(group).members(table)
  }
  for (const pid of followers.keys()) {
    if (!ledger.groups.some((group) => group.pid === pid)) followers.delete(pid)
  }
  // Its own CPU time: a guard that is suspended in between has not looked for longer.
  const { user, system } = process.cpuUsage(before)
  scanAtMs = performance.now() + Math.max(limits.guardScanMs, (user + system) / 1000 / SCAN_SHARE)
  if (left === 0) {
    killRoundMs = KILL_ROUND_MS
    schedule()
  } else {
    timer = setTimeout(readThenTick, killRoundMs)
    killRoundMs = Math.min(KILL_ROUND_MAX_MS, killRoundMs * 1.5)
  }
}

/**
 * Undefined if the machine has no descriptor left for a look. It is tried again, because no other process
 * kills what is due.
 */
function lookAround(): ProcessTable | undefined {
  try {
    return readProcessTable()
  } catch (error) {
    if (isDescriptorShortage(error)) return undefined
    throw error
  }
}

/** Returns how many processes are not dead yet. Forgets the group if there are none. */
function kill(group: GuardedGroup, table: ProcessTable): number {
  const follower = followerOf(group)
  const left = signalMembers(follower, follower.members(table), 'SIGKILL')
  if (left === 0) {
    if (group.cgroup !== undefined) cgroups?.ended(group.cgroup)
    ledger.forget(group.pid)
    followers.delete(group.pid)
  }
  return left
}

function followerOf({ pid, startTime, cgroup }: GuardedGroup): GroupFollower {
  let follower = followers.get(pid)
  if (follower === undefined || follower.identity.startTime !== startTime) {
    const killAll = cgroup === undefined ? undefined : () => killCgroup(cgroup)
    const options = { ownGroup: true, followDescendants: true, cgroup, killAll }
    follower = new GroupFollower({ pid, startTime }, options)
    followers.set(pid, follower)
  }
  return follower
}
