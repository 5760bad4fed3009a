import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parts } from '../fuzz/options.js'
import { runCommand } from '../harness/run-command.js'

const program = fileURLToPath(new URL('../fuzz/main.js', import.meta.url))

test('npm run fuzz -- --short: nothing is found, and every part has met what it is there for', async () => {
  const { code, stdout, stderr } = await runCommand({
    command: process.execPath,
    args: [program, '--short', '--seed', '5'],
    cwd: process.cwd(),
    env: { PATH: process.env.PATH ?? '' },
    // Alone it takes half a minute, and four times that beside three other test runs.
    timeoutMs: 500_000,
  })
  assert.equal(code, 0, `${stdout}\n${stderr}`)
  const met: Record<(typeof parts)[number], readonly string[]> = {
    decoder: ['frames', 'FRAME_INVALID', 'malformed envelopes', 'unfinished'],
    handshake: ['linked', 'SECRET_WRONG', 'HANDSHAKE_FAILED', 'VERSION_UNSUPPORTED', 'unfinished'],
    certificates: ['they fit', 'ca is wrong', 'cert is wrong', 'key is wrong', 'crl is wrong'],
    tls: ['hello', 'alert', 'refusal'],
    master: ['launches', 'no launch', 'malformed message'],
    socket: [
      'linked',
      'door HANDSHAKE_FAILED',
      'door SECRET_WRONG',
      'door VERSION_UNSUPPORTED',
      'link invalid',
      'dialled',
      'dial HANDSHAKE_FAILED',
    ],
    http: ['200', '403 FIRESTEEL_HTTP_REFUSED', '404 FIRESTEEL_HTTP_NOT_FOUND', '415 FIRESTEEL_HTTP_REFUSED'],
    config: ['a deployment', 'CONFIG_UNREADABLE', 'CONFIG_INVALID', 'CONFIG_UNKNOWN_KEY', 'CONFIG_CONFLICT'],
  }
  for (const part of parts) {
    assert.match(stdout, new RegExp(`^${part} +\\d{3,} .* 0$`, 'm'), stdout)
    const line = stdout.split('\n').find((one) => one.startsWith(`${part}: `)) ?? ''
    const outcomes = line.slice(part.length + 2).split(', ')
    for (const outcome of met[part]) {
      assert.ok(
        outcomes.some((one) => one.startsWith(`${outcome} `)),
        `${part} never met ${outcome}: ${line}`,
      )
    }
  }
})
