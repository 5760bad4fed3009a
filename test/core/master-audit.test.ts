import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AuditEntry, auditOf, auditOfSecret } from '../../actors/master/audit.js'
import type { MasterMessage } from '../../actors/messages/catalogue.js'
import { applicationDescription, driverDescription } from '../../actors/messages/samples.js'
import { newTokenId } from '../../runtime/transport/token.js'
import { MasterWorld } from '../tools/master-fixture.js'

/*
 * What a leader writes down of requests: who, what, from where, and whether it was done; never what it
 * carries.
 */

class AuditedWorld extends MasterWorld {
  /** The entry of a message, as its shell would write it. */
  audited(from: string, message: MasterMessage): AuditEntry | undefined {
    const input = { kind: 'message', from, message, reply: Symbol('reply') } as const
    return auditOf(input, this.input(input), this.core.cluster)
  }
}

function world() {
  const master = new AuditedWorld()
  master.elect()
  master.worker('w1')
  master.link('admin', 'client')
  const id = newTokenId('submit', undefined)
  master.ask('admin', { type: 'RequestCreateToken', id, name: 'ci' })
  master.link('ci', 'client', id)
  return { master, id }
}

test('a submission and its end are written down with the token, the host and the name, and nothing of its content', () => {
  const { master, id } = world()
  const description = { ...driverDescription, name: 'nightly', args: ['hidden'], env: { PASSWORD: 'hidden' } }
  const entry = master.audited('ci', { type: 'RequestSubmitDriver', key: 'k', description })
  assert.deepEqual(entry, {
    event: 'request',
    request: 'RequestSubmitDriver',
    about: 'nightly',
    who: 'ci',
    role: 'submit',
    token: id,
    from: '10.0.0.9',
    epoch: 1,
    outcome: 'done',
  })
  const driverId = master.snapshot().activeDrivers[0]!.id
  const killed = master.audited('admin', { type: 'RequestKillDriver', driverId, by: 'ann@laptop' })
  assert.deepEqual(
    [killed?.request, killed?.about, killed?.who, killed?.role, killed?.by, killed?.outcome],
    ['RequestKillDriver', driverId, 'secret', 'admin', 'ann@laptop', 'done'],
  )
})

test('what was refused is written down with its code, questions too', () => {
  const { master } = world()
  const theirs = master.submitted()
  const codeOf = (message: MasterMessage) => {
    const entry = master.audited('ci', message)
    return entry && [entry.outcome, entry.code, entry.who]
  }
  const refused = ['refused', 'FIRESTEEL_NOT_ALLOWED', 'ci']
  assert.deepEqual(codeOf({ type: 'RequestKillDriver', driverId: theirs }), refused)
  assert.deepEqual(codeOf({ type: 'RequestDriverStatus', driverId: theirs }), refused)
  assert.deepEqual(codeOf({ type: 'RequestTokens' }), refused)
  assert.deepEqual(codeOf({ type: 'RequestKillDriver', driverId: 'driver-x' }), [
    'refused',
    'FIRESTEEL_UNKNOWN_ID',
    'ci',
  ])
})

test('drains, tokens and outputs are written down; questions, chatter and what Workers say are not', () => {
  const { master } = world()
  const driverId = master.submitted()
  const requestOf = (message: MasterMessage) => master.audited('admin', message)?.request
  assert.equal(requestOf({ type: 'DecommissionWorkers', workers: ['w1'] }), 'DecommissionWorkers')
  assert.equal(requestOf({ type: 'RequestRevokeToken', token: 'ci' }), 'RequestRevokeToken')
  assert.equal(requestOf({ type: 'RequestLogLocation', id: driverId }), 'RequestLogLocation')
  assert.equal(requestOf({ type: 'RequestMasterState' }), undefined)
  assert.equal(requestOf({ type: 'ExecutorWorked', appId: 'a', execId: 0 }), undefined)
  assert.equal(master.audited('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 0 }), undefined)
  assert.equal(new AuditedWorld().audited('admin', { type: 'RequestTokens' }), undefined, 'a STANDBY')
})

test('an application that is refused a registration is told without an answer, and that counts', () => {
  const { master } = world()
  const driver = { id: 'driver-x', generation: 1, attempt: 1 }
  const entry = master.audited('ci', {
    type: 'RegisterApplication',
    registration: 'r',
    description: applicationDescription,
    driver,
    listen: { port: 1 },
  })
  assert.deepEqual([entry?.outcome, entry?.code, entry?.about], ['refused', 'FIRESTEEL_NOT_ALLOWED', 'count'])
})

test('who gets a ticket for the pages is written down, and so is who is refused one or another secret', () => {
  const { master, id } = world()
  const cluster = master.core.cluster!
  const ticket = { type: 'PageTicket', web: 'http://10.0.0.1:8080', token: 'hidden', lateAtMs: 0 }
  const refused = { type: 'Failure', code: 'FIRESTEEL_NOT_ALLOWED', message: 'no' }
  assert.deepEqual(auditOfSecret({ type: 'RequestPageTicket' }, 'ci', ticket, cluster), {
    event: 'request',
    request: 'RequestPageTicket',
    who: 'ci',
    role: 'submit',
    token: id,
    from: '10.0.0.9',
    epoch: 1,
    outcome: 'done',
  })
  const bySecret = auditOfSecret({ type: 'RequestPageTicket' }, 'admin', ticket, cluster)
  assert.deepEqual([bySecret?.who, bySecret?.role, bySecret?.token], ['secret', 'admin', undefined])
  const question = { type: 'RequestTokenSecret', id: 'token-x' } as const
  const entry = auditOfSecret(question, 'ci', refused, cluster)
  assert.deepEqual(
    [entry?.outcome, entry?.code, entry?.about],
    ['refused', 'FIRESTEEL_NOT_ALLOWED', 'token-x'],
  )
  assert.equal(auditOfSecret(question, 'ci', { type: 'TokenSecret' }, cluster), undefined, 'its maker')
  assert.equal(auditOfSecret(question, undefined, refused, cluster), undefined)
})
