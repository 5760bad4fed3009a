import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dropStray } from '../../actors/messages/stray-envelope.js'
import { encodeFrame, frameKind } from '../../runtime/transport/frame.js'
import type { LinkReceiver } from '../../runtime/transport/link.js'
import { waitUntil } from '../harness/wait-until.js'
import { Inbox, provenRaw, startHost } from '../tools/transport-support.js'

/* A link that carries tasks, and a peer that sends something else. */

async function taskLink() {
  const inbox = new Inbox()
  const receiver: LinkReceiver = {
    envelope: dropStray,
    payload() {},
    drain() {},
    closed: (end) => inbox.closed(end),
  }
  const host = await startHost({ onLink: (link) => link.setReceiver(receiver) })
  const socket = await provenRaw(host.listener.port)
  return {
    inbox,
    host,
    send: (text: string) => socket.write(encodeFrame(frameKind.envelopes, Buffer.from(text))),
    async close() {
      socket.destroy()
      await host.close()
    },
  }
}

const envelope = { from: '/user/a', to: '/user/b', message: { type: 'New' }, id: 1, trace: 1, epoch: 0 }

test('what is no envelope ends the link at once', async () => {
  for (const text of ['[0,\n0,\n0]', '[{}]', `[${JSON.stringify({ ...envelope, message: 0 })}]`]) {
    const { inbox, host, send, close } = await taskLink()
    send(text)
    await waitUntil('the end of the link', () => inbox.end !== undefined)
    assert.equal(inbox.end?.kind, 'invalid')
    assert.equal(host.invalid.length, 1, 'told once, though more came')
    await close()
  }
})

test('an envelope may be of a later release: it is dropped, and the link stays', async () => {
  const { inbox, host, send, close } = await taskLink()
  send(`[${JSON.stringify(envelope)},\n${JSON.stringify({ ...envelope, more: 1 })}]`)
  send('[0]')
  await waitUntil('the end of the link', () => inbox.end !== undefined)
  assert.deepEqual(host.invalid.length, 1, 'only the zero was wrong')
  await close()
})
