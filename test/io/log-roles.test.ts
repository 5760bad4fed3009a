import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Hono } from 'hono'
import { keptLogs } from '../../actors/worker/logs/kept-log.js'
import { workerPages } from '../../actors/worker/pages/routes.js'
import { newTokenId, type TokenRole } from '../../runtime/transport/token.js'
import { SAMPLE_ORIGIN, sampleSessions, sampleWorkerView } from '../tools/page-views.js'

/* What a session that was opened with a token reads at a Worker, however it spells the address. */

const SAID = 'it said this'
const [MINE, THEIRS] = ['driver-1', 'driver-2']
const root = await mkdtemp(join(tmpdir(), 'firesteel-roles-'))
after(() => rm(root, { recursive: true, force: true }))
for (const id of [MINE, THEIRS]) {
  await mkdir(join(root, id))
  await writeFile(join(root, id, 'stdout'), SAID)
}

const findLog = keptLogs({ root, lives: () => false })
const sessions = sampleSessions()
const data = new Hono()
data.get('/json/', (context) => context.json({ all: SAID }))
const reads: string[] = []
let leader: 'answers' | 'is gone' = 'answers'
const routes = workerPages({
  take: () => sampleWorkerView({ nowMs: Date.now() }, findLog),
  sessions,
  data,
  wallMs: Date.now,
  onSession: () => undefined,
  onRead: ({ who, role, about, outcome }) => void reads.push([who ?? role, about, outcome].join(' ')),
  ownsOutput: async (_, id) => {
    if (leader === 'is gone') throw new Error('no leader')
    return id === MINE
  },
  onError: (error) => {
    throw error
  },
})

function reader(role: TokenRole | undefined) {
  const subject = role && newTokenId(role, undefined)
  const session = sessions.redeem(sessions.ownTicket(subject).token)
  if (typeof session === 'string') assert.fail(session)
  const cookie = sessions.cookie(session).split(';')[0] ?? ''
  return async (path: string, method = 'GET') => {
    const answer = await routes.request(
      `${SAMPLE_ORIGIN}${path}`,
      { method, headers: { cookie, accept: 'text/html' } },
      { incoming: { socket: { remoteAddress: '10.9.9.9' } } },
    )
    const isLive = path.startsWith('/live') && answer.status === 200
    if (isLive) await answer.body?.cancel()
    return { status: answer.status, text: isLive ? '' : await answer.text() }
  }
}

const logsOf = (id: string): string[] => [
  `/logs/${id}`,
  `/logs/${id}/stdout`,
  `/logs/${id}?find=said`,
  `/live?of=/logs/${id}`,
]
const oddLogsOf = (id: string): string[] => [
  `/logs//${id}`,
  `//logs/${id}`,
  `//logs//${id}/`,
  `/logs/${id}/`,
  `/logs/${id}//stdout`,
  `/x/../logs/${id}`,
  `/%6Cogs/${id}`,
  `/%6Cogs/${id}/stdout`,
  `/logs/${id.replace('-', '%2D')}`,
  `/logs/${id.replace('-', '%252D')}/stdout`,
  `/logs/${MINE}/../${id}/stdout`,
  `/logs/${MINE}%2F..%2F${id}/stdout`,
]
/** A live page decodes the id only, so it finds nothing at `/%6Cogs/`. */
const oddLivesOf = (id: string): string[] =>
  oddLogsOf(id).flatMap((path) => (path.includes('%6C') ? [] : `/live?of=${encodeURIComponent(path)}`))

test('with the role submit one reads one’s own outputs, and nothing else', async () => {
  const read = reader('submit')
  for (const path of logsOf(MINE)) assert.equal((await read(path)).status, 200, path)
  for (const path of [...logsOf(THEIRS), '/', '/json/', '/live?of=/', '/live'])
    assert.equal((await read(path)).status, 403, path)
  for (const path of [...oddLogsOf(THEIRS), ...oddLivesOf(THEIRS)]) {
    const { status, text } = await read(path)
    assert.ok(status !== 200 && !text.includes(SAID), `${path}: ${status}`)
  }
  assert.equal((await read(`/logs/${THEIRS}/stdout`, 'HEAD')).status, 403)
  assert.equal((await read('/session')).status, 200)
  assert.equal((await read('/assets/pages.css')).status, 200)
})

test('with the role observe one reads what runs, and no output', async () => {
  const read = reader('observe')
  for (const path of ['/', '/json/', '/live?of=/']) assert.equal((await read(path)).status, 200, path)
  for (const id of [MINE, THEIRS])
    for (const path of logsOf(id)) assert.equal((await read(path)).status, 403, path)
  for (const path of [...oddLogsOf(MINE), ...oddLivesOf(MINE)]) {
    const { text } = await read(path)
    assert.ok(!text.includes(SAID), path)
    if (path.startsWith('/live')) assert.notEqual((await read(path)).status, 200, path)
  }
})

test('with operate, admin or the secret one reads all', async () => {
  for (const role of ['operate', 'admin', undefined] as const) {
    const read = reader(role)
    for (const path of [...logsOf(MINE), ...logsOf(THEIRS), '/', '/json/'])
      assert.equal((await read(path)).status, 200, `${role}: ${path}`)
  }
})

test('while no leader says whose an output is, it is not shown', async () => {
  leader = 'is gone'
  const { status, text } = await reader('submit')(`/logs/${MINE}`)
  leader = 'answers'
  assert.equal(status, 403)
  assert.match(text, /did not say whose output this is/)
})

test('who reads an output on a page, in a download or in a stream is told, and who is refused one', async () => {
  const noSession = async (path: string, remoteAddress: string) => {
    const env = { incoming: { socket: { remoteAddress } } }
    const answer = await routes.request(`${SAMPLE_ORIGIN}${path}`, {}, env)
    await answer.body?.cancel()
  }
  const [submit, observe, operate, all] = [
    reader('submit'),
    reader('observe'),
    reader('operate'),
    reader(undefined),
  ]
  reads.length = 0
  for (const path of logsOf(MINE)) {
    const ways: [string, () => Promise<unknown>][] = [
      ['submit driver-1 done', () => submit(path)],
      ['observe driver-1 refused', () => observe(path)],
      ['operate driver-1 done', () => operate(path)],
      ['secret driver-1 done', () => all(path)],
      ['no session driver-1 done', () => noSession(path, '127.0.0.1')],
      ['no session driver-1 refused', () => noSession(path, '10.9.9.9')],
    ]
    for (const [expected, read] of ways) {
      await read()
      assert.deepEqual(reads.splice(0), [expected], path)
    }
  }
  for (const path of ['/', '/live', '/live?of=/', '/logs/driver-7', '/live?of=/logs/driver-7', '/json/'])
    await operate(path)
  assert.deepEqual(reads, [])
})

test('no spelling of an address reads an output that nobody is told of', async () => {
  const read = reader(undefined)
  reads.length = 0
  for (const path of [...oddLogsOf(THEIRS), ...oddLivesOf(THEIRS)]) {
    const { status, text } = await read(path)
    const told = reads.splice(0)
    if (status === 200 && text.includes(SAID)) assert.deepEqual(told, ['secret driver-2 done'], path)
  }
})
