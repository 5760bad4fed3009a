import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { waitUntil } from '../harness/wait-until.js'
import { firesteel, folder, startUp } from '../tools/command-fixture.js'

/* What a session of the pages may do that was opened with a token, at a Master and at a Worker. */

const CLUSTER = `
cluster: test
recovery: {mode: FILESYSTEM}
masters: [{name: m1, port: 0, web: 0}]
workers: [{name: w1, port: 0, web: 0, cores: 2, memory: 1g}]
security: {audit: {directory: audit}}
logging: {level: warn, format: text}
`

/** A browser on another machine: the proxy of this one says so. */
const elsewhere = { 'x-forwarded-for': '10.1.1.1' }

interface AuditLine {
  readonly event?: string
  readonly role?: string
  readonly request?: string
  readonly about?: string
  readonly who?: string
  readonly outcome: string
  readonly code?: string
}

test('a session of the pages may do what its token may, at every node, until the token is revoked', async (t) => {
  const cwd = await folder(t, {
    'c.yaml': CLUSTER,
    'sleep.mjs': "console.log('it sleeps')\nsetInterval(() => {}, 1000)\n",
  })
  const up = await startUp(t, cwd, ['c.yaml'])
  const ready = await up.ready()
  const master = ready.nodes.find(({ name }) => name === 'm1')?.web ?? ''
  const worker = ready.nodes.find(({ name }) => name === 'w1')?.web ?? ''
  const run = async (args: string[], env: Record<string, string> = {}): Promise<string> => {
    const { code, stdout, stderr } = await firesteel(args, { cwd, env })
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const create = async (role: string, name: string): Promise<Record<'FIRESTEEL_TOKEN', string>> => {
    const made = await run(['token', 'create', '--role', role, '--name', name, '--json'])
    return { FIRESTEEL_TOKEN: (JSON.parse(made) as { token: string }).token }
  }
  const [ci, other, watcher, operator] = [
    await create('submit', 'ci'),
    await create('submit', 'other'),
    await create('observe', 'watcher'),
    await create('operate', 'operator'),
  ]
  const submit = async (name: string, env: Record<string, string>): Promise<string> => {
    const args = ['submit', '--json', '--no-code', '--name', name, '--memory', '64m', 'sleep.mjs']
    return (JSON.parse(await run(args, env)) as { id: string }).id
  }
  const [mine, theirs] = [await submit('mine-job', ci), await submit('their-job', other)]
  await waitUntil('both to run', async () => {
    const { drivers } = JSON.parse(await run(['status', '--json'])) as { drivers: { state: string }[] }
    return drivers.filter(({ state }) => state === 'RUNNING').length === 2
  })

  const open = async (url: string): Promise<string> => {
    const answer = await fetch(url, { headers: elsewhere })
    assert.equal(answer.status, 200, await answer.text())
    return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  }
  const signIn = async (env: Record<string, string>): Promise<string> =>
    open((await run(['ui', '--no-open'], env)).trim())
  const get = async (at: string, cookie: string) => {
    const answer = await fetch(at, { headers: { ...elsewhere, cookie }, redirect: 'manual' })
    return { status: answer.status, text: await answer.text(), location: answer.headers.get('location') }
  }
  const formToken = async (cookie: string): Promise<string> => {
    const { text } = await get(`${master}/session`, cookie)
    return /name="token" value="([^"]+)"/.exec(text)?.[1] ?? assert.fail(text)
  }
  const post = async (path: string, cookie: string, fields: Record<string, string>) => {
    const body = new URLSearchParams({ token: await formToken(cookie), ...fields })
    const headers = { ...elsewhere, cookie, origin: master, 'sec-fetch-site': 'same-origin' }
    const answer = await fetch(`${master}${path}`, { method: 'POST', headers, body, redirect: 'manual' })
    return { status: answer.status, text: await answer.text() }
  }
  const [ciCookie, watcherCookie, operatorCookie] = [
    await signIn(ci),
    await signIn(watcher),
    await signIn(operator),
  ]

  // What it sees.
  const { text: seen } = await get(`${master}/drivers`, ciCookie)
  assert.ok(seen.includes('mine-job') && !seen.includes('their-job') && !seen.includes(theirs))
  assert.ok((await get(`${master}/drivers`, watcherCookie)).text.includes('their-job'))
  assert.equal((await get(`${master}/drivers/${mine}`, ciCookie)).status, 200)
  for (const path of [`/drivers/${theirs}`, `/kill?id=${theirs}`])
    assert.equal((await get(master + path, ciCookie)).status, 404, path)
  for (const path of ['/json/', '/json', '/json/activedrivers'])
    assert.equal((await get(master + path, ciCookie)).status, 403, path)
  assert.equal((await get(`${master}/json/`, watcherCookie)).status, 200)
  assert.ok(!(await get(`${master}/messages`, ciCookie)).text.includes('RegisterWorker'))

  // What it changes.
  for (const [cookie, path] of [
    [watcherCookie, `/kill?id=${mine}`],
    [watcherCookie, '/drain?id=none'],
    [ciCookie, '/drain?id=none'],
  ] as const)
    assert.equal((await get(master + path, cookie)).status, 403, path)
  const { workers } = JSON.parse(await run(['status', '--json'])) as { workers: { id: string }[] }
  const drain = { id: workers[0]?.id ?? '', deadline: '1h', reason: '' }
  const kill = (id: string) => ({ id, version: '1' })
  for (const [cookie, path, fields] of [
    [ciCookie, '/do/kill', kill(theirs)],
    [watcherCookie, '/do/kill', kill(mine)],
    [ciCookie, '/do/drain', drain],
    [watcherCookie, '/do/drain', drain],
  ] as const) {
    const { status, text } = await post(path, cookie, fields)
    assert.equal(status, 403, text)
    assert.match(text, /It was not (killed|done): this credential/)
  }

  // At the Worker.
  const at = async (cookie: string): Promise<string> => {
    const { location } = await get(`${master}/go/worker/${drain.id}`, cookie)
    return open(location ?? '')
  }
  const [ciThere, watcherThere, operatorThere] = [
    await at(ciCookie),
    await at(watcherCookie),
    await at(operatorCookie),
  ]
  const statuses = async (cookie: string): Promise<number[]> => {
    const found: number[] = []
    for (const path of [
      '/',
      '/json/',
      `/live?of=/`,
      `/logs/${mine}`,
      `/logs/${mine}/stdout`,
      `/logs/${theirs}`,
      `/logs/${theirs}/stdout`,
      `/%6Cogs/${theirs}/stdout`,
      `/logs/${theirs}?find=sleeps`,
      `/live?of=${encodeURIComponent(`/x/../logs/${theirs}`)}`,
    ]) {
      const answer = await fetch(worker + path, { headers: { ...elsewhere, cookie } })
      found.push(answer.status)
      await answer.body?.cancel()
    }
    return found
  }
  assert.deepEqual(await statuses(ciThere), [403, 403, 403, 200, 200, 403, 403, 403, 403, 403])
  assert.deepEqual(await statuses(watcherThere), [200, 200, 200, 403, 403, 403, 403, 403, 403, 403])
  // An address in two spellings names no output, whoever asks with a token.
  assert.deepEqual(await statuses(operatorThere), [200, 200, 200, 200, 200, 200, 200, 403, 200, 200])

  // What it may change, it changes; and all of it is written down.
  assert.equal((await post('/do/kill', ciCookie, kill(mine))).status, 303)
  assert.equal((await post('/do/kill', operatorCookie, kill(theirs))).status, 303)
  assert.equal((await post('/do/drain', operatorCookie, drain)).status, 303)
  const audit = (): AuditLine[] =>
    readdirSync(join(cwd, 'audit')).flatMap((file) =>
      readFileSync(join(cwd, 'audit', file), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as AuditLine),
    )
  const expected = [
    ['ci', 'RequestKillDriver', theirs, 'refused', 'FIRESTEEL_NOT_ALLOWED'],
    ['watcher', 'RequestKillDriver', mine, 'refused', 'FIRESTEEL_NOT_ALLOWED'],
    ['ci', 'DecommissionWorkers', drain.id, 'refused', 'FIRESTEEL_NOT_ALLOWED'],
    ['ci', 'RequestKillDriver', mine, 'done', undefined],
    ['operator', 'RequestKillDriver', theirs, 'done', undefined],
    ['operator', 'DecommissionWorkers', drain.id, 'done', undefined],
  ]
  for (const line of expected)
    await waitUntil(`a line of the audit: ${line.join(' ')}`, () =>
      audit().some(
        ({ who, request, about, outcome, code }) =>
          JSON.stringify([who, request, about, outcome, code]) === JSON.stringify(line),
      ),
    )

  // So are the tickets and sessions, and who read which output.
  const nobody = { accept: 'text/html' }
  const unforwarded = await fetch(`${worker}/logs/${mine}/stdout`, { headers: nobody })
  assert.equal(unforwarded.status, 200)
  await unforwarded.text()
  for (const line of [
    ['request', 'ci', 'submit', undefined, 'done'],
    ['session', undefined, 'submit', undefined, 'done'],
    ['output', undefined, 'submit', mine, 'done'],
    ['output', undefined, 'submit', theirs, 'refused'],
    ['output', undefined, 'operate', mine, 'done'],
    ['output', 'no session', undefined, mine, 'done'],
  ])
    await waitUntil(`a line of the audit: ${line.join(' ')}`, () =>
      audit().some(
        ({ event, who, role, about, outcome, request = 'RequestPageTicket' }) =>
          request === 'RequestPageTicket' &&
          JSON.stringify([event, who, role, about, outcome]) === JSON.stringify(line),
      ),
    )

  // It ends with its token.
  await run(['token', 'revoke', 'ci'])
  for (const [url, cookie] of [
    [`${master}/drivers`, ciCookie],
    [`${worker}/logs/${mine}`, ciThere],
  ] as const)
    await waitUntil('its session to end', async () => (await get(url, cookie)).status === 401)
  assert.equal((await get(`${master}/drivers`, watcherCookie)).status, 200)
})
