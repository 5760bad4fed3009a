import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { serviceNotify } from '../../runtime/process/service-notify.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, folder } from '../tools/command-fixture.js'
import { commandMissing } from '../tools/find-command.js'
import { NotifySocket } from '../tools/notify-socket.js'

const { PATH } = process.env
const noSystemd = commandMissing('systemd-notify')

test('a supervisor hears READY and STOPPING in order, and each status on one line', {
  skip: noSystemd,
}, async (t) => {
  const path = await folder(t)
  const socket = await NotifySocket.open(path)
  atEnd(t, () => socket.close())
  const warnings: string[] = []
  const service = serviceNotify({
    environment: { NOTIFY_SOCKET: socket.path, PATH },
    warn: (text) => void warnings.push(text),
  })
  service.ready('The worker w1 is ready\nREADY=0')
  service.status('Waits')
  service.stopping()
  await service.told
  const received = await waitUntil('three messages', () => socket.messages.length === 3 && socket.messages)
  assert.deepEqual(received, [
    'READY=1 | STATUS=The worker w1 is ready\\nREADY=0',
    'STATUS=Waits',
    'STOPPING=1 | STATUS=Stopping',
  ])
  assert.deepEqual(warnings, [])
})

test('without a supervisor nothing is started', async (t) => {
  const path = await folder(t)
  const program = join(path, 'never')
  writeFileSync(program, '#!/bin/sh\nexit 1\n')
  chmodSync(program, 0o755)
  for (const environment of [{ PATH }, { PATH, NOTIFY_SOCKET: '' }]) {
    const service = serviceNotify({ environment, warn: assert.fail, program })
    service.ready('ready')
    service.stopping()
    await service.told
  }
})

test('a supervisor that cannot be told is one warning with the reason, and nothing fails', async (t) => {
  const path = await folder(t)
  const failing = join(path, 'failing')
  writeFileSync(failing, '#!/bin/sh\nexit 1\n')
  chmodSync(failing, 0o755)
  for (const [program, reason] of [
    [join(path, 'missing'), /there is no .*missing on PATH\.$/],
    [failing, /Command failed: .*failing/],
  ] as const) {
    const warnings: string[] = []
    const environment = { NOTIFY_SOCKET: join(path, 'nobody'), PATH }
    const service = serviceNotify({ environment, warn: (text) => void warnings.push(text), program })
    service.ready('ready')
    service.stopping()
    await service.told
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, reason)
  }
})
