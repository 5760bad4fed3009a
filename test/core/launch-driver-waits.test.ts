import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DriverStatusResponse } from '../../actors/messages/drivers.js'
import { DriverWaits } from '../../runtime/launch/cli/driver-waits.js'

test('a driver without room: its reason after 5 s, then each minute; a launch begins anew', () => {
  const waits = new DriverWaits()
  const said: [number, string][] = []
  const until = (from: number, to: number, state: DriverStatusResponse['state'], message: string) => {
    for (let ms = from; ms < to; ms += 200) {
      const text = waits.look({ driverId: 'driver-1', state, message } as DriverStatusResponse, ms)
      if (text !== undefined) said.push([ms, text])
    }
  }
  until(0, 100_000, 'SUBMITTED', 'waits: no room')
  until(100_000, 200_000, 'RUNNING', '')
  until(200_000, 210_000, 'RELAUNCHING', 'its Worker is gone')
  assert.deepEqual(said, [
    [5000, 'driver-1 waits: no room'],
    [65_000, 'driver-1 waits: no room'],
    [205_000, 'driver-1 waits: its Worker is gone'],
  ])
})
