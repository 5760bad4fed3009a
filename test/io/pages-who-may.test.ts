import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hono } from 'hono'
import { FiresteelError } from '../../runtime/errors.js'
import { safePath } from '../../runtime/pages/session-pages.js'
import { SAMPLE_ORIGIN, samplePages, sampleSessions, sampleState, sampleView } from '../tools/page-views.js'

/* Who may read and change what, over the routes of a Master. */

const nowMs = Date.now()
const HOST = '10.0.0.1:8080'

interface Asked {
  readonly from?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
}

function site(kill: (id: string) => Promise<string> = async () => '', readableBy?: 'nobody') {
  const sessions = sampleSessions()
  const killed: string[] = []
  const data = new Hono()
  data.get('/json/', (context) => context.json({ status: 'ALIVE' }))
  data.get('/healthz', (context) => context.json({ status: 'ok' }))
  const state = sampleState({ nowMs })
  const pages = samplePages({
    take: () => sampleView({ nowMs }, state),
    wallMs: Date.now,
    sessions,
    readableBy,
    data,
    kill,
    onKilled: (id) => killed.push(id),
  })
  const ask = (path: string, { from = '10.9.9.9', headers = {}, form }: Asked = {}) =>
    pages.request(
      `http://${HOST}${path}`,
      {
        method: form ? 'POST' : 'GET',
        headers: { host: HOST, ...headers },
        ...(form && { body: new URLSearchParams(form) }),
      },
      { incoming: { socket: { remoteAddress: from } } },
    )
  const signIn = async (): Promise<string> => {
    const answer = await ask(`/session?ticket=${encodeURIComponent(sessions.ticket(SAMPLE_ORIGIN))}`)
    return (answer.headers.get('set-cookie') as string).split(';')[0] as string
  }
  return { ask, signIn, sessions, killed, state }
}

const html = { accept: 'text/html' }

test('on this machine everybody reads, elsewhere only a session does', async () => {
  const { ask, signIn } = site()
  const cookie = await signIn()
  for (const path of ['/', '/workers', '/json/', '/live?of=/', '/settings']) {
    for (const from of ['127.0.0.1', '127.8.0.1', '::1', '::ffff:127.0.0.1'])
      assert.equal((await ask(path, { from })).status, 200, `${path} from ${from}`)
    for (const from of ['10.9.9.9', '::ffff:10.9.9.9', '127.evil', ''])
      assert.equal((await ask(path, { from })).status, 401, `${path} from ${from}`)
    assert.equal((await ask(path, { headers: { cookie } })).status, 200)
  }
  for (const path of ['/healthz', '/session', '/assets/pages.css', '/assets/pages.js', '/assets/icon.svg'])
    assert.equal((await ask(path)).status, 200, path)
})

test('where reading always needs a session, a program of this machine needs one as well', async () => {
  const { ask, signIn } = site(undefined, 'nobody')
  const cookie = await signIn()
  const from = '127.0.0.1'
  for (const path of ['/', '/workers', '/json/', '/live?of=/', '/settings']) {
    const refused = await ask(path, { from })
    assert.equal(refused.status, 401, path)
    assert.match(await refused.text(), /Reading needs a session/)
    assert.equal((await ask(path, { from, headers: { cookie } })).status, 200, path)
  }
  assert.equal((await ask('/healthz', { from })).status, 200)
  assert.equal((await ask('/session', { from })).status, 200)
})

test('a proxy of this machine speaks for somebody elsewhere', async () => {
  const { ask } = site()
  for (const name of ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'])
    assert.equal((await ask('/', { from: '127.0.0.1', headers: { [name]: '10.1.1.1' } })).status, 401, name)
})

test('a browser without a session is told how to get one, a program gets a code', async () => {
  const { ask } = site()
  const page = await ask('/', { headers: html })
  assert.equal(page.status, 401)
  assert.match(await page.text(), /firesteel ui/)
  const program = await ask('/json/')
  assert.match(await program.text(), /"code":"FIRESTEEL_HTTP_REFUSED".*firesteel ui/)
})

test('a link opens a session once, and goes on within this node only', async () => {
  const { ask, sessions } = site()
  const ticket = encodeURIComponent(sessions.ticket(SAMPLE_ORIGIN))
  const first = await ask(`/session?ticket=${ticket}&to=${encodeURIComponent('/drivers?q=a')}`)
  assert.equal(first.status, 200)
  assert.match(await first.text(), /http-equiv="refresh" content="0;url=\/drivers\?q=a"/)
  const again = await ask(`/session?ticket=${ticket}`)
  assert.equal(again.status, 403)
  assert.equal(again.headers.get('set-cookie'), null)
  assert.match(await again.text(), /was used before/)
  for (const [to, safe] of [
    ['/workers', '/workers'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['http://evil.example', '/'],
    ['/a\nb', '/'],
    ['javascript:alert(1)', '/'],
    [undefined, '/'],
  ] as const)
    assert.equal(safePath(to), safe)
})

const victim = (state: ReturnType<typeof sampleState>) => state.activeDrivers[3]!

async function tokenIn(answer: Response): Promise<string> {
  return /name="token" value="([^"]+)"/.exec(await answer.text())?.[1] ?? assert.fail('no form')
}

test('a change needs a session, a form of this session, and our own page', async () => {
  const { ask, signIn, killed, state } = site()
  const [cookie, other] = [await signIn(), await signIn()]
  const { id, generation } = victim(state)
  const confirm = await ask(`/kill?id=${id}`, { headers: { cookie } })
  // With no-referrer, a browser would send the null Origin with the form.
  assert.equal(confirm.headers.get('referrer-policy'), 'same-origin')
  const token = await tokenIn(confirm)
  const fields = { id, version: String(generation), token }
  const own = { origin: SAMPLE_ORIGIN, 'sec-fetch-site': 'same-origin' }
  const refused: readonly (readonly [string, Asked])[] = [
    ['no session', { headers: own, form: fields }],
    ['no session, even on this machine', { from: '127.0.0.1', headers: own, form: fields }],
    ['another session', { headers: { ...own, cookie: other }, form: fields }],
    ['no token', { headers: { ...own, cookie }, form: { id, version: String(generation) } }],
    ['no Origin', { headers: { cookie }, form: fields }],
    ['a foreign Origin', { headers: { cookie, origin: 'http://evil.example' }, form: fields }],
    ['another port', { headers: { cookie, origin: 'http://10.0.0.1:81' }, form: fields }],
    ['the null Origin', { headers: { cookie, origin: 'null' }, form: fields }],
    ['a sibling site', { headers: { ...own, cookie, 'sec-fetch-site': 'same-site' }, form: fields }],
  ]
  for (const [what, asked] of refused) {
    const { status } = await ask('/do/kill', asked)
    assert.ok(status === 403 || status === 401, `${what}: ${status}`)
    assert.deepEqual(killed, [], what)
  }
  const done = await ask('/do/kill', { headers: { ...own, cookie }, form: fields })
  assert.equal(done.status, 303)
  assert.equal(done.headers.get('location'), `/drivers/${id}`)
  assert.deepEqual(killed, [id])
  const old = await ask('/do/kill', { headers: { origin: SAMPLE_ORIGIN, cookie }, form: fields })
  assert.equal(old.status, 303, 'a browser that does not send Sec-Fetch-Site')
})

test('the confirmation names what is killed and its generation, and kills no later one', async () => {
  const { ask, signIn, killed, state } = site()
  const cookie = await signIn()
  const { id, description, generation } = victim(state)
  const page = await (await ask(`/kill?id=${id}`, { headers: { cookie } })).text()
  assert.ok(page.includes(`Kill the driver ${description.name}?`))
  assert.ok(page.includes(`Kill the driver, generation ${generation}`))
  const form = { id, version: String(generation - 1), token: await tokenIn(new Response(page)) }
  const answer = await ask('/do/kill', { headers: { origin: SAMPLE_ORIGIN, cookie }, form })
  assert.equal(answer.status, 409)
  assert.match(await answer.text(), /started again since you opened this page. Nothing was killed/)
  assert.deepEqual(killed, [])
  const app = state.activeApps[2]!
  const whole = await (await ask(`/kill?id=${app.id}`, { headers: { cookie } })).text()
  assert.match(whole, /Kill the application word-count\?.*6 executors/s)
  const one = await (
    await ask(`/kill?id=${encodeURIComponent(`${app.id}/2`)}`, { headers: { cookie } })
  ).text()
  assert.match(one, /Kill the executor 2 of word-count\?/)
  for (const gone of ['none', `${app.id}/99`, state.completedApps[0]!.id, state.completedDrivers[0]!.id])
    assert.equal((await ask(`/kill?id=${encodeURIComponent(gone)}`, { headers: { cookie } })).status, 404)
})

test('a kill that the leader refuses is shown with its reason', async () => {
  const { ask, signIn, killed, state } = site(() =>
    Promise.reject(new FiresteelError('NO_MASTER', 'No ALIVE Master answered.')),
  )
  const cookie = await signIn()
  const { id, generation } = victim(state)
  const token = await tokenIn(await ask(`/kill?id=${id}`, { headers: { cookie } }))
  const form = { id, version: String(generation), token }
  const answer = await ask('/do/kill', { headers: { origin: SAMPLE_ORIGIN, cookie }, form })
  assert.equal(answer.status, 502)
  assert.match(await answer.text(), /It was not killed: No ALIVE Master answered/)
  assert.deepEqual(killed, [])
})

test('signing out ends the session of this browser', async () => {
  const { ask, signIn } = site()
  const cookie = await signIn()
  const token = await tokenIn(await ask('/session', { headers: { cookie } }))
  const answer = await ask('/do/sign-out', { headers: { origin: SAMPLE_ORIGIN, cookie }, form: { token } })
  assert.equal(answer.status, 303)
  assert.match(answer.headers.get('set-cookie') ?? '', /^firesteel-production=; Path=\/; Max-Age=0/)
})

test('a link to another node goes to nodes of the cluster only, with a ticket for that node', async () => {
  const { ask, signIn, sessions, state } = site()
  const cookie = await signIn()
  const plain = await ask('/go/worker/w2-5b0c2f7a91d4e62', { from: '127.0.0.1' })
  assert.equal(plain.headers.get('location'), 'http://10.0.0.2:8081/')
  const signed = await ask('/go/worker/w2-5b0c2f7a91d4e62', { headers: { cookie } })
  const to = new URL(signed.headers.get('location') as string)
  assert.equal(to.origin, 'http://10.0.0.2:8081')
  const ticket = to.searchParams.get('ticket') as string
  assert.equal(sessions.redeem(ticket), 'elsewhere')
  assert.equal(
    typeof sampleSessions(() => Date.now() + 1000, 'http://10.0.0.2:8081').redeem(ticket),
    'string',
    'made before it began',
  )
  const master = await ask(`/go/master/${encodeURIComponent(state.masters[1]!.address)}`, {
    headers: { cookie },
  })
  assert.match(master.headers.get('location') as string, /^http:\/\/10\.0\.0\.2:8080\/session\?ticket=/)
  for (const path of ['/go/worker/none', '/go/master/firesteel%3A%2F%2Fevil.example%3A1'])
    assert.equal((await ask(path, { headers: { cookie } })).headers.get('location'), '/')
})

test('an open page of a session has a ticket for each other Master, others have none', async () => {
  const { ask, signIn } = site()
  const hello = async (asked: Asked) => {
    const reader = (await ask('/live?of=/', asked)).body!.getReader()
    const { value } = await reader.read()
    await reader.cancel()
    return JSON.parse(/data: (.*)/.exec(Buffer.from(value!).toString())?.[1] ?? '') as {
      readonly tickets?: Readonly<Record<string, string>>
    }
  }
  assert.deepEqual(Object.keys((await hello({ headers: { cookie: await signIn() } })).tickets ?? {}), [
    'http://10.0.0.2:8080',
  ])
  assert.equal((await hello({ from: '127.0.0.1' })).tickets, undefined)
})
