import assert from 'node:assert/strict'
import { test } from 'node:test'
import { masterPageSet } from '../../actors/master/pages/master-page-set.js'
import type { MasterPageView } from '../../actors/master/pages/view.js'
import { workerPageSet } from '../../actors/worker/pages/worker-page-set.js'
import { limits } from '../../runtime/limits.js'
import type { PageSet } from '../../runtime/pages/page-set.js'
import { pathPart } from '../../runtime/pages/path-part.js'
import { type MessageSearch, newestMessages } from '../../runtime/trace/newest-messages.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import { attacks } from '../tools/page-attacks.js'
import {
  emptyState,
  type SampleOptions,
  samplePages,
  sampleState,
  sampleView,
  sampleWorkerView,
  standbyState,
} from '../tools/page-views.js'
import { envelopeOf, pathOf } from '../tools/trace-fixture.js'

const nowMs = Date.UTC(2026, 10, 29, 1, 2, 3)
const wallMs = () => nowMs

const pagesOf = (options: SampleOptions, state = sampleState(options)) =>
  masterPageSet({ take: () => sampleView(options, state), wallMs })

const encoded = encodeURIComponent
const { workers, activeApps, completedApps, activeDrivers } = sampleState({ nowMs })

const targets = [
  '/',
  '/workers',
  ...workers.map(({ id }) => `/workers/${encoded(id)}`),
  '/applications',
  '/applications?show=ended&q=report',
  `/applications/${encoded(activeApps[2]!.id)}`,
  `/applications/${encoded(completedApps[4]!.id)}`,
  '/drivers',
  ...activeDrivers.map(({ id }) => `/drivers/${encoded(id)}`),
  '/settings',
  '/failover',
  '/messages',
  '/messages?show=all&actor=worker',
  '/messages/4711',
  '/topology',
  '/topology?by=-',
  '/topology?by=zone&in=a',
]

const textOf = async <V>(pages: PageSet<V>, target: string): Promise<string> =>
  (await pages.text(target)).live.toString()

test('each page has one heading of the first rank, a title, and no script or style inside', async () => {
  const pages = pagesOf({ nowMs })
  for (const target of targets) {
    const { status, title, live } = await pages.text(target)
    const text = live.toString()
    assert.equal(status, 200, target)
    assert.match(title, / · production$/)
    assert.equal(text.match(/<h1/g)?.length, 1, target)
    assert.doesNotMatch(text, /<script|<style| style=| on[a-z]+=|javascript:/)
  }
})

test('every number has its unit and every moment its exact time', async () => {
  const text = await textOf(pagesOf({ nowMs }), '/workers')
  assert.match(text, /of 8 cores/)
  assert.match(text, /of 16 GiB/)
  const driver = await textOf(pagesOf({ nowMs }), `/drivers/${activeDrivers[2]!.id}`)
  assert.match(driver, /title="2026-11-28 23:59:23 UTC" data-ago>1 h 2 min ago</)
  assert.match(driver, /out of memory: it used 1\.08 GiB of 1 GiB/)
})

test('a driver and an application say whose they are', async () => {
  const driverOf = (name: string) => activeDrivers.find(({ owner }) => owner?.name === name)?.id
  const factsOf = async (target: string): Promise<string> =>
    (await textOf(pagesOf({ nowMs }), target)).replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
  assert.match(await factsOf(`/drivers/${driverOf('ci')}`), /Submitted by ci /)
  assert.match(
    await factsOf(`/drivers/${driverOf('secret')}`),
    /Submitted by a holder of the cluster&#39;s secret /,
  )
  assert.match(await factsOf(`/applications/${activeApps[2]!.id}`), /Registered by ci /)
})

test('a page with nothing says what to do next', async () => {
  const text = await textOf(pagesOf({ nowMs }, emptyState({ nowMs })), '/')
  for (const next of [
    'firesteel worker --master firesteel://10.0.0.1:7070',
    'firesteel run',
    'firesteel submit',
  ])
    assert.ok(text.includes(next), next)
})

test('the executors of an application stand on an axis of time, each with what the table says', async () => {
  const app = activeApps[2]!
  const text = await textOf(pagesOf({ nowMs }), `/applications/${app.id}`)
  const [, picture = ''] = text.match(/<svg class="timeline"([\s\S]*?)<\/figure>/) ?? []
  assert.match(picture, /aria-label="Executors over time: 6 now, 2 that ended\."/)
  assert.deepEqual(
    [...picture.matchAll(/<g class="bar (\w+)"><title>Executor (\d+)/g)].map(([, tone, id]) => [id, tone]),
    [
      ['7', 'busy'],
      ['6', 'good'],
      ['5', 'good'],
      ['4', 'over'],
      ['3', 'bad'],
      ['2', 'good'],
      ['1', 'good'],
      ['0', 'good'],
    ],
  )
  assert.match(
    picture,
    /Executor 3 on w4[\w-]*: LOST, from [\d: -]+UTC to [\d: -]+UTC\. worker lost: its link/,
  )
  assert.match(picture, /Executor 0 on w1: RUNNING, since before this leadership</)
  const [first, second] = [...picture.matchAll(/class="mark" x="[\d.]+%" y="\d+">([^<]+)</g)].map(
    ([, mark]) => mark,
  )
  assert.deepEqual([first, second], ['2 min ago', '4 min ago'])
  const [, table = ''] = text.split(/Executors of this application|<h2>Sequence/)
  assert.equal(table.match(/<th scope="row"/g)?.length, 8, 'the table has the same')
  assert.match(text, /worker lost: its link ended and its port refuses/)
  const ended = await textOf(pagesOf({ nowMs }), `/applications/${completedApps[4]!.id}`)
  assert.match(ended, /its end</)
  assert.match(ended, /the last 8 executors are kept, those first that ended before it did/)
})

test('the tasks of an application: how many ended when, how long they took, why again, the slowest', async () => {
  const app = activeApps[2]!
  const text = await textOf(pagesOf({ nowMs }), `/applications/${app.id}`)
  const [tasks = ''] = text.match(/<h2>Tasks<\/h2>[\s\S]*?<h2>Executors/) ?? []
  assert.match(tasks, /<dt>Done<\/dt><dd>38,680<\/dd>/)
  assert.match(tasks, /aria-label="Tasks that ended: 250 tasks\/s at last, 251 tasks\/s at most\."/)
  assert.match(tasks, /aria-label="How long tasks took: half below 50 ms, 99 % below 500 ms\."/)
  assert.match(tasks, /<title>20 ms to 50 ms: 18,400 tasks, 50\.6 %<\/title>/)
  const rowsOf = (caption: string): number =>
    tasks.match(new RegExp(`${caption}</caption>[\\s\\S]*?</table>`))![0].match(/<th scope="row"/g)!.length
  assert.equal(rowsOf('Tasks that ended, over time'), 10)
  assert.equal(rowsOf('How long tasks took'), 12, 'each column of the picture is a row')
  assert.equal(rowsOf('Why tasks were tried again'), 3, 'no cause that never was')
  assert.equal(rowsOf('The slowest tasks'), 8)
  assert.match(tasks, /task 4711<\/span><\/th>[\s\S]*?>9\.1 s</)
  assert.match(tasks, /RangeError: it has no pixels/)
  // The quiet minute is at the bottom of the picture, and not a line across it.
  assert.match(tasks, /class="line" d="M[^"]*?([\d.]+) 120\.0 L(?!\1)[\d.]+ 120\.0/)
  const none = await textOf(pagesOf({ nowMs }), `/applications/${activeApps[0]!.id}`)
  assert.match(none, /Its driver has said nothing of its tasks yet[\s\S]*summaries: false/)
  const over = await textOf(pagesOf({ nowMs }), `/applications/${completedApps[4]!.id}`)
  assert.match(over, /Nothing is known of its tasks/)
})

test('the picture of executors has the newest hundred, says how many are older, and stays as it is for a while', async () => {
  const app = activeApps[2]!
  const executors = Array.from({ length: 5000 }, (_, execId) => ({
    ...app.executors[0]!,
    execId,
    launchedAtMs: nowMs - (5000 - execId) * 1000,
  }))
  const state = sampleState({ nowMs })
  const many = { ...state, activeApps: [{ ...app, executors }] }
  const at = async (wallMs: number): Promise<string> =>
    (
      await textOf(
        masterPageSet({ take: () => sampleView({ nowMs }, many), wallMs: () => wallMs }),
        `/applications/${app.id}`,
      )
    ).match(/<svg class="timeline[\s\S]*?<\/figure>/)![0]
  const picture = await at(nowMs + 1)
  assert.equal(picture.match(/class="bar /g)?.length, 100)
  assert.match(picture, /4,902 older executors are in the table only/)
  assert.equal(await at(nowMs + 5000), picture)
  assert.notEqual(await at(nowMs + 20_000), picture)
})

test('the history of leaderships has a row for each Master, and says how each ended', async () => {
  for (const state of [sampleState({ nowMs }), standbyState({ nowMs }, null)]) {
    const text = await textOf(pagesOf({ nowMs }, state), '/')
    const [, picture = ''] = text.match(/<svg class="timeline tracks"([\s\S]*?)<\/figure>/) ?? []
    assert.match(picture, /aria-label="Leaderships over time: 5 of 3 Masters; 10\.0\.0\.1:7070 leads\."/)
    assert.deepEqual(
      [...picture.matchAll(/<g class="bar (\w+)"><title>Epoch (\d+)/g)].map(([, tone, epoch]) => [
        epoch,
        tone,
      ]),
      [
        ['4', 'over'],
        ['7', 'good'],
        ['3', 'over'],
        ['6', 'bad'],
        ['5', 'bad'],
      ],
    )
    assert.match(text, /handed over: it hears 0 of 6 workers, 10\.0\.0\.3:7070 hears 6; 90 ms later/)
    assert.match(text, /2 earlier epochs are not in it/)
  }
})

test('a Master that alone has led needs no picture, and one that has seen none says what it takes', async () => {
  const view = sampleView({ nowMs })
  const of = async (leaderships: MasterPageView['leaderships']): Promise<string> =>
    await textOf(masterPageSet({ take: () => ({ ...view, leaderships }), wallMs }), '/')
  const alone = await of(view.leaderships.slice(-1))
  assert.doesNotMatch(alone, /Leaderships over time/)
  assert.match(alone, /Leaderships, the newest first/)
  assert.match(await of([]), /No leadership has been seen yet/)
})

test('the picture of the cluster has a box for each Worker, what runs there, and the same in its table', async () => {
  const text = await textOf(pagesOf({ nowMs }), '/topology')
  const [, picture = ''] = text.match(/<svg class="topology"([\s\S]*?)<\/svg>/) ?? []
  assert.match(picture, /aria-label="The cluster: 3 Masters, 6 Workers, 1 gone, 4 applications and drivers"/)
  const boxes = [...picture.matchAll(/<(?:a|g) class="(\w+) (\w+)"[^>]*aria-label="([^"]+)"/g)].map(
    ([, kind, tone, label]) => `${kind} ${tone} ${label}`,
  )
  assert.deepEqual(boxes, [
    'master good Master 10.0.0.1:7070: ALIVE',
    'master over Master 10.0.0.2:7070: STANDBY',
    'master bad Master 10.0.0.3:7070: UNKNOWN',
    'place good Worker w2: ALIVE, 0 of 4 cores in use',
    'place bad Worker w4: DEAD',
    'place good Worker w1: ALIVE, 5 of 16 cores in use',
    'place good Worker w5: ALIVE, 0 of 4 cores in use',
    'place busy Worker w3: ALIVE, silent, 6 of 8 cores in use',
    'place good Worker w6: ALIVE, 3 of 8 cores in use',
    'work good nightly-report, driver',
    'work good price-watcher, driver',
    'work good Application word-count: 6 executors',
    'work good ingest, driver',
  ])
  assert.equal(picture.match(/<path class="link /g)?.length, 6, 'one for each Worker, from the leader')
  assert.equal(picture.match(/<path class="run"/g)?.length, 7)
  assert.deepEqual(
    [...picture.matchAll(/class="heading"[^>]*>([^<]+)</g)].map(([, heading]) => heading),
    ['Masters', 'Workers', 'What runs', 'zone=a', 'zone=b', 'no zone'],
  )
  assert.equal(text.match(/<th scope="row"/g)?.length, 6, 'the table has the same')
})

test('a thousand Workers are groups, which open, and the picture stays small', async () => {
  const options = { nowMs, workers: 1000 }
  const pages = pagesOf(options)
  for (const [target, boxes] of [
    ['/topology', 3],
    ['/topology?by=-', 5],
    ['/topology?by=zone&in=a', 24],
    ['/topology?by=zone&in=', 24],
    ['/topology?by=nothing', 3],
  ] as const) {
    const text = await textOf(pages, target)
    assert.equal(text.match(/<a class="place /g)?.length, boxes, target)
    assert.ok(text.length < 60_000, `${target}: ${text.length} characters`)
  }
  assert.match(await textOf(pages, '/topology'), /href="\/topology\?by=zone&amp;in=a"/)
  assert.match(await textOf(pages, '/topology?by=zone&in=c'), /No Worker is in this group now/)
})

test('a STANDBY says who leads on each page that only a leader has', async () => {
  const leader = 'firesteel://10.0.0.2:7070'
  const pages = pagesOf({ nowMs }, standbyState({ nowMs }, leader))
  for (const target of ['/', '/workers', '/drivers/driver-1']) {
    const text = await textOf(pages, target)
    assert.ok(text.includes(`${leader} leads.`), target)
    assert.match(text, /href="\/go\/leader"/)
  }
  assert.match(await textOf(pages, '/settings'), /recovery\.mode/)
  const none = await textOf(pagesOf({ nowMs }, standbyState({ nowMs }, null)), '/')
  assert.match(none, /No Master leads now/)
})

test('an unknown id, and an address that no browser makes, are pages that say so', async () => {
  const pages = pagesOf({ nowMs })
  for (const target of ['/workers/none', '/drivers/%E0%A4%A', '/nothing']) {
    const { status, live } = await pages.text(target)
    assert.equal(status, 404, target)
    assert.match(live.toString(), /There is nothing here/)
  }
})

test('long lists come in parts, in the order of what people look for', async () => {
  const options = { nowMs, workers: 1000, ended: 10_000 }
  const pages = pagesOf(options)
  const rows = async (target: string): Promise<number> =>
    (await textOf(pages, target)).match(/<th scope="row"/g)?.length ?? 0
  assert.equal(await rows('/workers'), limits.pageRows)
  assert.equal(await rows('/workers?page=20'), limits.pageRows)
  assert.equal(await rows('/applications?page=201'), 3)
  assert.equal(await rows('/applications?page=99999'), 3, 'the nearest part')
  assert.equal(await rows('/applications?page=-1'), limits.pageRows)
  assert.equal(await rows('/applications?page=x'), limits.pageRows)
  assert.equal(await rows('/workers?q=w999'), 1)
  assert.match(await textOf(pages, '/applications'), /1 to 50 of 10,003/)
  assert.match(await textOf(pages, '/workers?q=nowhere'), /Nothing here fits/)
  const second = await textOf(pages, '/workers?q=w9&page=2')
  assert.match(second, /href="\/workers\?q=w9"/, 'the first part has no number, and the search stays')
})

test('messages are filtered by their address, leave out heartbeats, and stop where the reader says', async () => {
  const pages = pagesOf({ nowMs })
  const types = async (target: string): Promise<(string | undefined)[]> =>
    [...(await textOf(pages, target)).replaceAll('<wbr>', '').matchAll(/<th scope="row"[^>]*>([^<]*)</g)].map(
      ([, type]) => type,
    )
  const launch = [
    'DriverStateChanged',
    'LaunchDriver',
    'SubmitDriverResponse',
    'Committed',
    'RequestSubmitDriver',
  ]
  assert.deepEqual(await types('/messages'), launch)
  assert.equal((await types('/messages?show=all')).length, 35)
  assert.equal(
    (await types('/messages?message=heartb')).length,
    30,
    'what is asked for by name is not left out',
  )
  assert.deepEqual(await types('/messages?message=launch'), ['LaunchDriver'])
  assert.deepEqual(await types('/messages?actor=Worker'), ['DriverStateChanged', 'LaunchDriver'])
  assert.deepEqual(await types('/messages?trace=4711'), launch)
  assert.deepEqual(await types('/messages?trace=4711&actor=%2Fstore'), ['Committed'])
  const first = await pages.text('/messages')
  assert.match(first.live.toString(), /href="\/messages\?before=35">Pause</)
  assert.match(first.live.toString(), /href="\/messages\/4711"/)
  assert.equal(first.isStill, false)
  const paused = await pages.text('/messages?before=34')
  assert.deepEqual(await types('/messages?before=34'), launch.slice(1))
  assert.equal(paused.isStill, true)
  assert.match(paused.live.toString(), /href="\/messages">Go on with the newest</)
  for (const odd of ['-1', 'x', '1e3', '%00'])
    assert.equal((await pages.text(`/messages?before=${odd}`)).isStill, false)
  const trace = await textOf(pages, '/messages/4711')
  assert.match(trace, /<svg class="sequence".*LaunchDriver \(epoch 7\)/s)
  assert.match(trace, /firesteel trace --trace 4711 --tree/)
  assert.equal((await pages.text('/messages/none')).status, 404)
})

test('where there are no messages, their page says what to do next', async () => {
  const text = async (target: string, view: Partial<MasterPageView> = {}): Promise<string> =>
    await textOf(masterPageSet({ take: () => ({ ...sampleView({ nowMs }), ...view }), wallMs }), target)
  const ringOf = (...types: string[]): Partial<MasterPageView> => {
    const ring = new TraceRing(9)
    for (const type of types) ring.record(envelopeOf({ type }), nowMs)
    return { newestMessages: (search) => newestMessages(ring, search, () => 0) }
  }
  assert.match(
    await text('/messages', { newestMessages: () => undefined }),
    /Set <code>tracing\.ring<\/code>/,
  )
  assert.match(await text('/messages', ringOf()), /Nothing has been said yet\..*firesteel submit/s)
  assert.match(await text('/messages', ringOf('Heartbeat')), /The last 1 message are heartbeats/)
  assert.match(await text('/messages?actor=nobody'), /Nothing of the last 35 messages fits\./)
  assert.match(await text('/messages?trace=x'), /“x” is not the number of a trace/)
  assert.match(await text('/messages?before=0'), /Older messages are forgotten.*Show the newest/s)
  assert.match(await text('/messages/1'), /remembers no message of this trace/)
})

test('however long the texts of peers are, a page of messages is sent once a second at small cost', async () => {
  const ring = new TraceRing(100)
  const long = '&'.repeat(limits.nameChars)
  for (let count = 0; count < 100; count++)
    ring.record(
      envelopeOf({ type: long, from: pathOf('1.1.1.1:1', long), to: pathOf('1.1.1.1:2', long) }),
      nowMs,
    )
  const view = {
    ...sampleView({ nowMs }),
    newestMessages: (search: MessageSearch) => newestMessages(ring, search, () => 0),
  }
  const text = await textOf(masterPageSet({ take: () => view, wallMs }), '/messages')
  assert.equal(text.match(/<th scope="row"/g)?.length, limits.pageRows)
  assert.ok(text.length < 128 * 1024, `${text.length}`)
})

/** The elements that our pages consist of, with attributes that only name, show and link. */
function assertOurMarkup(text: string, message: string): void {
  assert.doesNotMatch(text, /(href|src|action)="(javascript|data):/i, message)
  const bare = text.replace(/="[^"<>]*"/g, '')
  const names = [...bare.matchAll(/<([^\s/>]+)/g)].map(([, name]) => name)
  const foreign = names.filter((name) => !ours.has(name ?? ''))
  assert.deepEqual(foreign, [], message)
  assert.doesNotMatch(bare, /<[^>]*(=| on[a-z]+|style)/i, message)
}

const ours = new Set(
  'a b button caption circle code dd details div dl dt figcaption figure footer form g h1 h2 h3 header img input label li main nav ol p path rect section span summary svg table tbody td text th thead time title tr ul wbr'.split(
    ' ',
  ),
)

test('whatever a text is, in whatever field, it stays text', async () => {
  const seen = new Set<string>()
  for (const attack of attacks) {
    const write = (_: string, field: string): string => {
      seen.add(field)
      return attack
    }
    const state = sampleState({ nowMs, write })
    const pages = pagesOf({ nowMs, write }, state)
    const worker = workerPageSet({ take: () => sampleWorkerView({ nowMs, write }), wallMs })
    const id = pathPart(attack)
    for (const target of [
      '/',
      '/workers',
      '/applications',
      '/drivers',
      '/settings',
      '/failover',
      '/messages',
      '/messages?show=all&actor=worker',
      '/messages/4711',
      '/topology',
      `/topology?by=${id}&in=${id}`,
      `/workers?q=${id}`,
      `/workers/${id}`,
      `/applications/${id}`,
      `/drivers/${id}`,
    ]) {
      const text = await textOf(pages, target)
      assertOurMarkup(text, `${target}: ${attack}`)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are meant
      assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e\u2066\u200b]/)
    }
    const own = await textOf(worker, '/')
    assertOurMarkup(own, attack)
  }
  for (const field of ['app.message', 'worker.masterWebUrl', 'task.function', 'task.error'])
    assert.ok(seen.has(field), field)
})

const local = { incoming: { socket: { remoteAddress: '127.0.0.1' } } }
const strict = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'"

test('a page allows its own files and the Masters, and nothing else', async () => {
  const pages = (options: SampleOptions) => samplePages({ take: () => sampleView(options), wallMs })
  const answer = await pages({ nowMs }).request('/', {}, local)
  assert.deepEqual(Object.fromEntries([...answer.headers].filter(([name]) => name !== 'content-type')), {
    'cache-control': 'no-store',
    'content-security-policy': `${strict} http://10.0.0.1:8080 http://10.0.0.2:8080; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  })
  for (const attack of attacks) {
    const options = {
      nowMs,
      write: (text: string, field: string) => (field === 'master.web' ? attack : text),
    }
    const policy = (await pages(options).request('/', {}, local)).headers.get('content-security-policy') ?? ''
    assert.match(
      policy,
      /^default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'( http:\/\/10\.0\.0\.1:80(80|81))+; form-action 'self'; /,
    )
  }
})
