import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { GuardLedger } from '../../runtime/process/guard-ledger.js'
import { parseProportionalMemory, parseStatusMemory } from '../../runtime/process/memory-usage.js'
import { type MemoryExcess, MemoryWatch } from '../../runtime/process/memory-watch.js'
import { heapOptions, mainCommand } from '../../runtime/process/node-command.js'
import { parseProcStat } from '../../runtime/process/proc-stat.js'
import { GroupFollower } from '../../runtime/process/process-group.js'
import {
  type ProcessEntry,
  parsePsLine,
  readProcess,
  readProcessTable,
} from '../../runtime/process/process-table.js'
import { decideRestart } from '../../runtime/process/restart-policy.js'
import { sendSignal } from '../../runtime/process/send-signal.js'

test('restart policy: at once, 100 ms doubling to 5 s, cleared by a stable minute, never after exit 2', () => {
  const died = { code: null, signal: 'SIGKILL' } as const
  let failures = 0
  const delays: number[] = []
  for (let i = 0; i < 9; i++) {
    const decision = decideRestart(died, 10, failures)
    assert.ok(decision.restart)
    delays.push(decision.delayMs)
    failures = decision.failures
  }
  assert.deepEqual(delays, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
  assert.deepEqual(decideRestart(died, 9_999, 3), { restart: true, delayMs: 400, failures: 4 })
  assert.deepEqual(decideRestart(died, 10_000, 9), { restart: true, delayMs: 0, failures: 1 })
  assert.equal(decideRestart({ code: 0, signal: null }, 10, 0).restart, true)
  assert.equal(decideRestart({ code: 2, signal: null }, 1e9, 0).restart, false)
})

test('childEnvironment has five names of ours and what is given, never the secret', () => {
  const own = {
    PATH: '/bin',
    HOME: '/h',
    LANG: 'C',
    NODE_EXTRA_CA_CERTS: 'x',
    FIRESTEEL_SECRET: 's',
    OTHER: 'o',
  }
  assert.deepEqual(childEnvironment({ A: '1', B: undefined, FIRESTEEL_SECRET: 's' }, {}, own), {
    PATH: '/bin',
    HOME: '/h',
    LANG: 'C',
    A: '1',
  })
  assert.equal(childEnvironment({ PATH: '/mine' }, {}, own).PATH, '/mine')
  assert.equal(childEnvironment({}, { compileCacheDirectory: '/c' }, own).NODE_COMPILE_CACHE, '/c')
})

test('heapOptions: the young objects of all threads share an eighth of the memory', () => {
  const semiSpaceOf = (memoryMib: number, isolates?: number): string =>
    heapOptions(memoryMib, isolates)[1]?.replace('--max-semi-space-size=', '') ?? 'as V8 has it'
  assert.deepEqual(heapOptions(undefined), [])
  assert.deepEqual(heapOptions(256, 2), ['--max-old-space-size=192', '--max-semi-space-size=4'])
  assert.equal(semiSpaceOf(383), '8')
  assert.equal(semiSpaceOf(384), 'as V8 has it')
  assert.equal(semiSpaceOf(512, 2), '8')
  assert.equal(semiSpaceOf(512, 5), '4')
  assert.equal(semiSpaceOf(16, 65), '1', 'V8 has no smaller one')
})

test('mainCommand: scripts by Node with a heap below the limit, the rest by itself', () => {
  const node = { executable: '/node', version: 'v20.20.2', stripsTypes: false, esbuildFor: () => undefined }
  assert.deepEqual(
    mainCommand({ main: 'a.mjs', args: ['x'], memoryMib: 1024, nodeOptions: ['--expose-gc'] }, node),
    {
      command: '/node',
      args: ['--max-old-space-size=768', '--expose-gc', '--', 'a.mjs', 'x'],
    },
  )
  assert.deepEqual(mainCommand({ main: './run.sh', args: ['x'], memoryMib: 64 }, node), {
    command: './run.sh',
    args: ['x'],
  })
  assert.throws(
    () => mainCommand({ main: 'a.ts' }, node),
    (error) => isFiresteelError(error, 'SPAWN_FAILED') && error.message.includes('TypeScript'),
  )
  assert.deepEqual(mainCommand({ main: 'a.ts' }, { ...node, stripsTypes: true }).args, [
    '--disable-warning=ExperimentalWarning',
    '--',
    'a.ts',
  ])
  const compiled = mainCommand({ main: 'a.ts', args: ['x'] }, { ...node, esbuildFor: () => '/esbuild.js' })
  assert.deepEqual(compiled.env, { FIRESTEEL_ESBUILD: '/esbuild.js' })
  assert.match(compiled.args.join(' '), /^--import file:.*\/type-script\/preload\.js -- a\.ts x$/)
})

test('the process table is read whatever the command is called', () => {
  const fields = Array.from({ length: 30 }, (_, i) => String(i + 100))
  assert.deepEqual(parseProcStat(`42 (a) R (b) ) S 7 42 41 ${fields.slice(4).join(' ')}`), {
    pid: 42,
    parentPid: 7,
    groupId: 42,
    sessionId: 41,
    state: 'S',
    startTime: '119',
  })
  assert.equal(parseProcStat('garbage'), undefined)
  assert.deepEqual(parsePsLine('   42     7    42 Ss+  Fri Nov 21 03:34:00 2026'), {
    pid: 42,
    parentPid: 7,
    groupId: 42,
    sessionId: 0,
    state: 'S',
    startTime: 'Fri_Nov_21_03:34:00_2026',
  })
  assert.equal(parsePsLine(''), undefined)
  const own = readProcessTable().get(process.pid)
  assert.equal(own?.parentPid, process.ppid)
  assert.equal(readProcess(process.pid)?.startTime, own?.startTime)
})

function entry(
  pid: number,
  parentPid: number,
  groupId: number,
  more: Partial<ProcessEntry> = {},
): ProcessEntry {
  return { pid, parentPid, groupId, sessionId: groupId, state: 'S', startTime: `t${pid}`, ...more }
}

function table(...entries: ProcessEntry[]): Map<number, ProcessEntry> {
  return new Map(entries.map((each) => [each.pid, each]))
}

const pidsOf = (entries: readonly ProcessEntry[]): number[] =>
  entries.map(({ pid }) => pid).sort((a, b) => a - b)

test('a group is its members, its session and their descendants, who stay known; no zombie, no re-used pid', () => {
  const leader = 9_000_010
  const follower = new GroupFollower(
    { pid: leader, startTime: `t${leader}` },
    { ownGroup: true, followDescendants: true },
  )
  const stranger = entry(9_000_099, 1, 9_000_099)
  const job = entry(9_000_011, leader, 9_000_011, { sessionId: leader })
  const daemon = entry(9_000_012, 9_000_011, 9_000_012)
  const zombie = entry(9_000_013, leader, leader, { state: 'Z' })
  assert.deepEqual(pidsOf(follower.members(table(entry(leader, 1, leader), job, daemon, zombie, stranger))), [
    leader,
    9_000_011,
    9_000_012,
  ])
  assert.equal(follower.hasEscaped, true)
  // Its parents ended; init took it over.
  assert.deepEqual(pidsOf(follower.members(table({ ...daemon, parentPid: 1 }, stranger))), [9_000_012])
  // Its pid belongs to somebody else now, and so does the leader's.
  const reused = table({ ...daemon, startTime: 'later' }, entry(leader, 1, leader, { startTime: 'later' }))
  assert.deepEqual(pidsOf(follower.members(reused)), [])
})

test('a group whose leader number was taken by another group is not ours', () => {
  const follower = new GroupFollower(
    { pid: 9_000_010, startTime: 'old' },
    { ownGroup: true, followDescendants: true },
  )
  const members = follower.members(
    table(entry(9_000_010, 1, 9_000_010), entry(9_000_011, 9_000_010, 9_000_010)),
  )
  assert.deepEqual(members, [])
})

test('a node is its group only, without what it started in sessions of their own', () => {
  const follower = new GroupFollower(
    { pid: 9_000_010, startTime: 't9000010' },
    { ownGroup: true, followDescendants: false },
  )
  const child = entry(9_000_011, 9_000_010, 9_000_010)
  const leader = entry(9_000_010, 1, 9_000_010)
  assert.equal(follower.members(table(leader, child)).length, 2)
  const own = { ...child, groupId: 9_000_011, sessionId: 9_000_011 }
  assert.deepEqual(pidsOf(follower.members(table(leader, own))), [9_000_010])
})

test('sendSignal never means everybody', () => {
  for (const id of [0, 1, -1, Number.NaN, 1.5]) assert.equal(sendSignal(id, 0), 'gone')
  assert.equal(sendSignal(process.pid, 0), 'sent')
})

test('guard ledger: nothing due while the Worker lives, all after the grace, one at its "valid until"', () => {
  const registry = new GuardLedger()
  for (const line of ['grace 500', 'add 100 s1', 'add 200 s2 5000', 'add 300 s3'])
    assert.ok(registry.apply(line))
  assert.ok(registry.apply('remove 300'))
  assert.deepEqual(registry.due(4_999), [])
  assert.equal(registry.nextDeadline(), 5_000)
  assert.deepEqual(registry.due(5_000), [{ pid: 200, startTime: 's2', validUntilBootMs: 5000 }])
  assert.ok(registry.apply('add 200 s2 9000'))
  assert.deepEqual(registry.due(5_000), [])
  registry.orphan(6_000)
  registry.orphan(8_000)
  assert.deepEqual(registry.due(6_499), [])
  assert.deepEqual(
    registry.due(6_500).map(({ pid }) => pid),
    [100, 200],
  )
  for (const line of [
    'add 1 s',
    'add -1 s',
    'add 0 s',
    'add x s',
    'add 5',
    'add 5 s x',
    'remove 1',
    'grace -1',
    '',
    'kill 5',
  ]) {
    assert.equal(registry.apply(line), false, line)
  }
  assert.equal(registry.groups.length, 2)
})

test('memory figures of the kernel', () => {
  assert.deepEqual(
    parseStatusMemory(
      'Name:\tx\nVmRSS:\t 900 kB\nRssAnon:\t  600 kB\nRssFile:\t 200 kB\nRssShmem:\t100 kB\n',
    ),
    {
      anonymousKib: 600,
      sharedKib: 100,
    },
  )
  assert.deepEqual(
    parseProportionalMemory('Rss: 1 kB\nPss: 9 kB\nPss_Anon:   300 kB\nPss_Shmem:   50 kB\n'),
    {
      anonymousKib: 300,
      sharedKib: 50,
    },
  )
  assert.equal(parseStatusMemory('Name:\tkthreadd\n'), undefined)
})

test('memory watch: the cheap bound asks, the exact figure decides, once', () => {
  const entries = table(entry(9_000_010, 1, 9_000_010), entry(9_000_011, 9_000_010, 9_000_010))
  const bound = new Map([
    [9_000_010, 60],
    [9_000_011, 60],
  ])
  let exactMib = 45
  let exactReads = 0
  const watch = new MemoryWatch(0, {
    readTable: () => entries,
    boundKib: (pid) => bound.get(pid)! * 1024,
    exactKib: () => {
      exactReads++
      return exactMib * 1024
    },
  })
  const follower = new GroupFollower(
    { pid: 9_000_010, startTime: 't9000010' },
    { ownGroup: true, followDescendants: true },
  )
  const excesses: MemoryExcess[] = []
  watch.watch({ follower, memoryMib: 100, onExceeded: (excess) => excesses.push(excess) })
  watch.look()
  assert.deepEqual([excesses.length, exactReads], [0, 2])
  exactMib = 51
  watch.look()
  watch.look()
  assert.deepEqual(excesses, [{ limitMib: 100, residentMib: 102, pids: [9_000_010, 9_000_011] }])
  exactReads = 0
  bound.set(9_000_010, 1)
  watch.watch({ follower, memoryMib: 100 })
  watch.look()
  assert.equal(exactReads, 0)
})
