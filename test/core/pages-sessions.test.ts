import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ticketFor } from '../../actors/master/page-ticket.js'
import type { PageTicket } from '../../actors/messages/pages.js'
import { limits } from '../../runtime/limits.js'
import { silentLog } from '../../runtime/observe/log.js'
import { type Session, Sessions } from '../../runtime/pages/sessions.js'
import { browserCommand } from '../../runtime/process/open-in-browser.js'
import { shownPayload } from '../../runtime/trace/payload.js'
import { deriveKey, derivePageKey } from '../../runtime/transport/keys.js'
import { newTokenId, tokenRoles } from '../../runtime/transport/token.js'

const SECRET = 'a secret of the tests only, long enough'
const HERE = 'http://10.0.0.1:8080'
const THERE = 'http://10.0.0.2:8080'

class World {
  nowMs = 1_800_000_000_000
  readonly over = new Set<string>()
  #ids = 0

  node(origin = HERE, { secret = SECRET, cluster = 'production' } = {}): Sessions {
    return new Sessions({
      key: derivePageKey(secret),
      cluster,
      origin,
      wallMs: () => this.nowMs,
      isOver: (subject) => this.over.has(subject),
      newId: () => `id-${this.#ids++}`,
    })
  }
}

const opened = (sessions: Sessions, ticket: string): Session => {
  const session = sessions.redeem(ticket)
  if (typeof session === 'string') assert.fail(session)
  return session
}

const cookieOf = (sessions: Sessions, session: Session): string =>
  sessions.cookie(session).split(';')[0] as string

test('a ticket opens one session, once, at the node that it names', () => {
  const world = new World()
  const [here, there] = [world.node(), world.node(THERE)]
  const ticket = here.ticket(HERE)
  assert.equal(there.redeem(ticket), 'elsewhere')
  const session = opened(here, ticket)
  assert.equal(session.endsAtMs, world.nowMs + limits.pageSessionMs)
  assert.equal(here.redeem(ticket), 'used')
})

test('a session is believed by every node of the cluster, and by no other', () => {
  const world = new World()
  const here = world.node()
  const session = opened(here, here.ticket(HERE))
  const cookie = `theme=dark; ${cookieOf(here, session)}; x`
  assert.deepEqual(world.node(THERE).of(cookie), session)
  assert.equal(world.node(HERE, { secret: 'another secret than that of the tests' }).of(cookie), undefined)
  const renamed = cookie.replace('firesteel-production', 'firesteel-other')
  assert.equal(world.node(HERE, { cluster: 'other' }).of(renamed), undefined)
})

test('a session that goes on elsewhere ends when it would have ended', () => {
  const world = new World()
  const [here, there] = [world.node(), world.node(THERE)]
  const first = opened(here, here.ticket(HERE))
  world.nowMs += 3_600_000
  const second = opened(there, here.ticket(THERE, first))
  assert.equal(second.endsAtMs, first.endsAtMs)
  world.nowMs = first.endsAtMs
  assert.equal(there.of(cookieOf(there, second)), undefined)
  assert.equal(there.redeem(here.ticket(THERE, first)), 'late')
})

test('a session acts as the token that it was opened with, at every node, and ends with it', () => {
  const world = new World()
  const [here, there] = [world.node(), world.node(THERE)]
  const endsAtMs = world.nowMs + 3_600_000
  const short = newTokenId('submit', endsAtMs)
  const first = opened(here, here.ownTicket(short).token)
  assert.deepEqual([first.subject, first.endsAtMs], [short, endsAtMs])
  const second = opened(there, here.ticket(THERE, first))
  assert.deepEqual(there.of(cookieOf(there, second)), { ...second, subject: short, endsAtMs })
  assert.equal(opened(here, here.ownTicket().token).subject, undefined)

  const late = here.ticket(HERE, first)
  world.over.add(short)
  assert.equal(here.of(cookieOf(here, first)), undefined, 'it was revoked')
  assert.equal(there.of(cookieOf(there, second)), undefined, 'at every node')
  assert.equal(here.redeem(late), 'over')
})

test('nobody writes another token into a session', () => {
  const world = new World()
  const here = world.node()
  const [token, other] = [newTokenId('observe', undefined), newTokenId('admin', undefined)]
  const { token: text } = opened(here, here.ownTicket(token).token)
  const [fields = '', mac = ''] = text.split('.')
  const inside = JSON.parse(Buffer.from(fields, 'base64url').toString()) as unknown[]
  assert.equal(inside.at(-1), token)
  for (const forged of [[...inside.slice(0, -1), other], inside.slice(0, -1)]) {
    const altered = `${Buffer.from(JSON.stringify(forged)).toString('base64url')}.${mac}`
    assert.equal(here.of(`${here.cookieName}=${altered}`), undefined)
  }
})

test('a ticket is late after its time, before it, and after a restart of its node', () => {
  const world = new World()
  const here = world.node()
  const ticket = here.ticket(HERE)
  world.nowMs += limits.pageTicketMs + 1
  assert.equal(here.redeem(ticket), 'late')
  world.nowMs -= 2 * limits.pageTicketMs + 2
  assert.equal(here.redeem(ticket), 'late', 'clocks of two nodes may differ, but not by so much')
  world.nowMs += limits.pageTicketMs + 2
  const restarted = world.node()
  assert.equal(restarted.redeem(ticket), 'late', 'the node before may have taken it')
})

test('used tickets are remembered within a bound, and no longer than they could be used', () => {
  const world = new World()
  const here = world.node()
  for (let count = 0; count < limits.pageTickets; count++) opened(here, here.ticket(HERE))
  assert.equal(here.redeem(here.ticket(HERE)), 'full')
  world.nowMs += limits.pageTicketMs + 1
  opened(here, here.ticket(HERE))
})

test('whatever is changed in a token, it is nobody’s', () => {
  const world = new World()
  const here = world.node()
  const session = opened(here, here.ticket(HERE))
  const ticket = here.ticket(HERE)
  for (let at = 0; at < session.token.length; at++) {
    const other = session.token[at] === 'A' ? 'B' : 'A'
    const changed = session.token.slice(0, at) + other + session.token.slice(at + 1)
    // The last character of base64url has bits that mean nothing; the text differs all the same.
    assert.equal(here.of(`firesteel-production=${changed}`), undefined, `at ${at}`)
  }
  for (const token of ['', '.', 'a.b', '..', ticket, `${session.token}.x`, 'x'.repeat(100_000)])
    if (token !== `${session.token}.x`)
      assert.equal(here.of(`firesteel-production=${token}`), undefined, token)
  for (const token of ['', session.token, `${ticket}a`, ticket.split('.')[0]!])
    assert.equal(here.redeem(token), 'forged')
})

test('the token of a form belongs to one session', () => {
  const world = new World()
  const here = world.node()
  const [one, two] = [opened(here, here.ticket(HERE)), opened(here, here.ticket(HERE))]
  const token = here.formToken(one)
  assert.ok(here.isFormToken(one, token))
  assert.ok(world.node(THERE).isFormToken(one, token))
  assert.ok(!here.isFormToken(two, token))
  for (const wrong of ['', `${token}x`, one.token, token.toLowerCase()])
    assert.ok(!here.isFormToken(one, wrong))
})

test('the cookie is for this cluster, kept from scripts and other sites, and ends with the session', () => {
  const world = new World()
  const here = world.node()
  const session = opened(here, here.ticket(HERE))
  assert.equal(
    here.cookie(session),
    `firesteel-production=${session.token}; Path=/; Max-Age=${limits.pageSessionMs / 1000}; HttpOnly; SameSite=Strict`,
  )
  assert.match(here.cookie(undefined), /^firesteel-production=; Path=\/; Max-Age=0; /)
  const secured = world.node('https://10.0.0.1:8080')
  assert.match(secured.cookie(session), /; SameSite=Strict; Secure$/)
})

test('the key of pages is no key of a handshake', () => {
  assert.notDeepEqual(derivePageKey(SECRET), deriveKey(SECRET, 'client'))
  assert.notDeepEqual(derivePageKey(SECRET), deriveKey(SECRET, 'node'))
})

test('a client gets a ticket that acts as its token, and no program in the cluster gets one', () => {
  const ticket = { type: 'PageTicket', web: HERE, token: 't', lateAtMs: 1 } as const
  const subjects: unknown[] = []
  const pageTicket = (subject?: string) => {
    subjects.push(subject)
    return ticket
  }
  const tokens = tokenRoles.map((role) => newTokenId(role, undefined))
  for (const subject of tokens) ticketFor({ role: 'client', subject }, { pageTicket, log: silentLog })
  ticketFor({ role: 'client' }, { pageTicket, log: silentLog })
  assert.deepEqual(subjects, [...tokens, undefined])
  for (const role of ['client', 'node'] as const)
    assert.equal(ticketFor({ role }, { pageTicket: () => ticket, log: silentLog }), ticket)
  for (const role of ['driver', 'application', undefined] as const) {
    const answer = ticketFor(role && { role }, {
      pageTicket: () => assert.fail('a ticket was made'),
      log: silentLog,
    })
    assert.equal(answer.type === 'Failure' && answer.code, 'FIRESTEEL_NOT_ALLOWED')
  }
  const off = ticketFor({ role: 'client' }, { log: silentLog })
  assert.equal(off.type === 'Failure' && off.code, 'FIRESTEEL_HTTP_OFF')
})

test('a trace does not show a ticket', () => {
  const shown = shownPayload({ type: 'PageTicket', web: HERE, token: 'secret', lateAtMs: 1 } as PageTicket)
  assert.doesNotMatch(JSON.stringify(shown), /secret/)
})

test('a browser is opened where there is a desktop', () => {
  assert.equal(browserCommand({ DISPLAY: ':0' }, 'linux'), 'xdg-open')
  assert.equal(browserCommand({ WAYLAND_DISPLAY: 'wayland-0' }, 'linux'), 'xdg-open')
  assert.equal(browserCommand({}, 'linux'), undefined)
  assert.equal(browserCommand({}, 'darwin'), 'open')
  assert.equal(browserCommand({ SSH_CONNECTION: 'x' }, 'darwin'), undefined)
})
