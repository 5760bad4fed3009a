import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from 'firesteel/testing'
import { running, Up } from '../up.js'
import { Ledger, type Line, type Token } from './ledger.js'
import { startLedger } from './server.js'

const main = fileURLToPath(new URL('./main.js', import.meta.url))
const NIGHT = '2026-11-28'
const ACCOUNTS = 160

interface StatusDriver {
  readonly id: string
  readonly state: string
  readonly worker: string | null
  readonly generation: number
}

/** Answers nobody who writes a statement until `mayWrite`. */
function holdStatements(server: Server, mayWrite: () => Promise<boolean>): void {
  const [answer] = server.listeners('request') as [(...args: unknown[]) => void]
  server.off('request', answer)
  server.on('request', async (request: IncomingMessage, response) => {
    if (request.url?.startsWith('/entries/')) await waitUntil('its turn', mayWrite, { deadlineMs: 300_000 })
    answer(request, response)
  })
}

test('nightly: whatever is killed, each statement is written once, and never by an older token', async () => {
  await using up = await Up.start(3)
  const path = join(up.folder, 'ledger.jsonl')
  const server = await startLedger(path, 0)
  const ledger = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    const args = [
      'submit',
      '--supervise',
      '--key',
      `nightly-${NIGHT}`,
      main,
      ledger,
      NIGHT,
      `${ACCOUNTS}`,
      '100',
    ]
    await up.firesteel(...args)
    const lines = async (): Promise<Line[]> =>
      (await readFile(path, 'utf8'))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line)
    const written = async (): Promise<number> => (await lines()).filter((line) => 'key' in line).length
    const reached = (some: number) =>
      waitUntil(`${some} statements`, async () => (await written()) >= some, { deadlineMs: 60_000 })
    // Else the work may be done before its Worker is killed, on a busy machine.
    let most = 60
    holdStatements(server, async () => (await written()) < most)
    const claims = async (): Promise<Token[]> =>
      (await lines()).flatMap((line) => ('claim' in line ? [line.claim] : []))
    const claimed = (generation: number) =>
      waitUntil(`generation ${generation}`, async () => (await claims()).at(-1)?.generation === generation, {
        deadlineMs: 60_000,
      })
    const driver = async (): Promise<StatusDriver> => {
      const { drivers } = JSON.parse(await up.firesteel('status', '--json')) as { drivers: StatusDriver[] }
      assert.equal(drivers.length, 1, 'one key is one driver')
      return drivers[0]!
    }

    await reached(20)
    await up.kill('m1')
    // Submitted once more, as by a clock that rings twice: it is the same driver.
    await up.firesteel(...args)
    const first = await driver()
    assert.equal(first.generation, 1, 'the death of a Master starts nothing again')
    await reached(40)
    await up.kill(first.worker!.split('-')[0]!)
    // Until it runs again, what its executors had begun is still written, by the first token.
    await claimed(2)
    most = 110
    await reached(90)
    await up.killLauncher()
    await up.startAgain()
    most = Number.POSITIVE_INFINITY
    await reached(ACCOUNTS)
    await waitUntil('the driver to be FINISHED', async () => (await driver()).state === 'FINISHED', {
      deadlineMs: 60_000,
    })

    const entries = (await lines()).filter((line) => 'key' in line)
    assert.equal(entries.length, ACCOUNTS, 'nothing is written twice')
    assert.equal(new Set(entries.map(({ key }) => key)).size, ACCOUNTS, 'nothing is lost')
    const tokens = await claims()
    assert.deepEqual([...new Set(tokens.map((token) => token.driver))], [first.id])
    const generations = tokens.map(({ generation }) => generation)
    assert.ok(new Set(generations).size >= 3, `generations ${generations}`)
    const sorted = generations.toSorted((a, b) => a - b)
    assert.deepEqual(generations, sorted)

    // A machine that was cut off comes back with the first generation.
    const before = await readFile(path, 'utf8')
    const old = await running(main, [ledger, NIGHT, '500'], up.folder, {
      FIRESTEEL_DRIVER_ID: first.id,
      FIRESTEEL_GENERATION: '1',
    }).ended
    assert.deepEqual([old.code, old.stdout], [0, `${first.id}/1: superseded\n`], old.stderr)
    const late = await fetch(`${ledger}/entries/${NIGHT}:999`, {
      method: 'PUT',
      headers: { 'fencing-token': `${first.id}/1` },
      body: '1',
    })
    assert.equal(late.status, 409)
    assert.equal(await readFile(path, 'utf8'), before, 'the ledger is as it was')
  } finally {
    server.close()
    server.closeAllConnections()
  }
})

test('ledger: the newest claim counts; what it has replaced is refused for good', () => {
  const ledger = new Ledger()
  const claim = (token: Token) => {
    const answer = ledger.answerToClaim(token)
    if (answer === 'accepted') ledger.add({ claim: token })
    return answer
  }
  const token = (driver: string, generation: number): Token => ({ driver, generation })
  assert.equal(ledger.answerToWrite(token('a', 1), 'k'), 'refused', 'nobody has claimed')
  assert.equal(claim(token('a', 1)), 'accepted')
  assert.equal(claim(token('a', 1)), 'accepted', 'a second attempt within one generation')
  assert.equal(claim(token('a', 3)), 'accepted')
  assert.equal(claim(token('a', 2)), 'refused')
  assert.equal(ledger.answerToWrite(token('a', 2), 'k'), 'refused')
  assert.equal(ledger.answerToWrite(token('a', 3), 'k'), 'accepted')
  ledger.add({ key: 'k', value: 1 })
  assert.equal(ledger.answerToWrite(token('a', 3), 'k'), 'there')
  assert.equal(claim(token('b', 1)), 'accepted', 'the driver of the next night')
  assert.equal(claim(token('a', 4)), 'refused', 'the one before was replaced')
  assert.equal(ledger.answerToWrite(token('a', 3), 'l'), 'refused')
})

test('ledger: after a crash it knows what it has accepted', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-ledger-'))
  const path = join(folder, 'ledger.jsonl')
  try {
    const claim = { claim: { driver: 'd', generation: 2 } }
    await writeFile(path, `${JSON.stringify(claim)}\n{"key":"k","value":1}\n{"key":"cut off`)
    const server = await startLedger(path, 0)
    const ledger = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const put = async (what: string, token: string): Promise<number> => {
      const headers = { 'fencing-token': token, connection: 'close' }
      return (await fetch(`${ledger}/${what}`, { method: 'PUT', headers, body: '2' })).status
    }
    assert.equal(await put('claim', 'd/1'), 409)
    assert.equal(await put('entries/k', 'd/2'), 200)
    assert.equal(await put('entries/l', 'd/2'), 201)
    assert.equal(await put('entries/m', 'no token'), 400)
    server.close()
    server.closeAllConnections()
    const added = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '')
    assert.equal(added.at(-1), '{"key":"l","value":2}')
  } finally {
    await rm(folder, { recursive: true })
  }
})
