import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from '../../runtime/process/child.js'
import { HostNetwork } from '../harness/host-network.js'
import { ip } from '../harness/ip-command.js'
import { OutputTail } from '../harness/output-tail.js'
import { waitUntil } from '../harness/wait-until.js'

/* The network that other tests cut: what it drops, what it does not, and that nothing is left of it. */

const skip = await HostNetwork.refused()

/**
 * Prints the datagrams that it gets, sends those that it is told to; and a TCP port that prints what it
 * hears.
 */
const PROGRAM = `
  const port = 5000
  const socket = require('node:dgram').createSocket('udp4')
  const lines = (stream, each) => require('node:readline').createInterface({ input: stream }).on('line', each)
  socket.on('message', (text) => console.log(String(text)))
  require('node:net').createServer((link) => {
    lines(link, (text) => console.log(text))
    link.on('error', (error) => console.log(error.code)).on('end', () => console.log('FIN'))
  }).listen(port)
  let link
  lines(process.stdin, (line) => {
    const [how, host, text] = line.split(' ')
    if (how === 'udp') return socket.send(text, port, host)
    link ??= require('node:net').connect(port, host).on('error', (error) => console.log(error.code))
    link.write(text + '\\n')
  })
  socket.bind(port, () => console.log('ready'))
`

class Speaker {
  readonly received: string[] = []
  readonly #child: Child

  private constructor(child: Child) {
    this.#child = child
    new OutputTail(child.stdout!, 10, (line) => void this.received.push(line))
  }

  static async start(network: HostNetwork, host: string): Promise<Speaker> {
    const [command, ...args] = [...network.prefix(host), process.execPath, '-e', PROGRAM]
    const speaker = new Speaker(
      await startChild({
        command: command!,
        args,
        cwd: '/',
        env: { PATH: process.env.PATH ?? '' },
        stdin: 'pipe',
        stdout: 'pipe',
        stderr: 'inherit',
        ownGroup: true,
      }),
    )
    await speaker.hears('ready')
    return speaker
  }

  say(how: 'udp' | 'tcp', address: string, text: string): void {
    this.#child.stdin!.write(`${how} ${address} ${text}\n`)
  }

  async hears(text: string): Promise<void> {
    await waitUntil(`${text} to be heard`, () => this.received.includes(text))
  }

  async stop(): Promise<void> {
    await this.#child.stop({ graceMs: 0 })
  }
}

test('one way is cut and the other is not; without a cable nothing arrives and no connection ends', {
  skip,
}, async (t) => {
  await using network = await HostNetwork.start(['a', 'b', 'c'])
  const [a, b, c] = [
    await Speaker.start(network, 'a'),
    await Speaker.start(network, 'b'),
    await Speaker.start(network, 'c'),
  ]
  t.after(() => Promise.all([a, b, c].map((speaker) => speaker.stop())))
  const to = (host: string): string => network.address(host)

  a.say('udp', to('b'), 'before')
  await b.hears('before')
  await network.cut('a', 'b')
  a.say('udp', to('b'), 'lost')
  a.say('udp', to('c'), 'beside')
  b.say('udp', to('a'), 'back')
  await Promise.all([c.hears('beside'), a.hears('back')])
  await network.heal()
  a.say('udp', to('b'), 'after')
  await b.hears('after')
  assert.ok(!b.received.includes('lost'), 'what was sent during the cut')

  a.say('tcp', to('b'), 'one')
  await b.hears('one')
  await network.unplug('a')
  a.say('tcp', to('b'), 'two')
  b.say('udp', to('a'), 'nobody')
  b.say('udp', to('c'), 'others')
  await c.hears('others')
  assert.ok(!b.received.includes('two') && !a.received.includes('nobody'))
  await network.heal()
  // TCP sends it again on the connection that it has.
  await b.hears('two')
  assert.deepEqual(b.received, ['ready', 'before', 'after', 'one', 'two'])
  assert.deepEqual(a.received, ['ready', 'back'])
})

const listed = async (space: string): Promise<boolean> => (await ip(['netns', 'list'])).includes(space)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
  test(`a network ends with its process: ${signal}`, { skip }, async () => {
    const child = await startChild({
      command: process.execPath,
      args: [fileURLToPath(new URL('./host-network-program.js', import.meta.url))],
      cwd: '/',
      env: { PATH: process.env.PATH ?? '' },
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
      ownGroup: true,
      followDescendants: false,
    })
    const said = new OutputTail(child.stdout!, 1)
    const space = await waitUntil('its network', () => said.text)
    assert.ok(await listed(space))
    process.kill(child.pid, signal)
    await child.exited
    await waitUntil('the network to be removed', async () => !(await listed(space)))
    const links = await ip(['-o', 'link', 'show'])
    assert.ok(!links.includes(`fs${child.pid}-`), links)
  })
}

test('what a dead process has left is removed, what a living one has is not', { skip }, async () => {
  const dead = await startChild({
    command: 'true',
    args: [],
    cwd: '/',
    env: { PATH: process.env.PATH ?? '' },
    stdout: 'ignore',
    stderr: 'ignore',
    ownGroup: false,
  })
  await dead.exited
  const left = `firesteel-${dead.pid}-0-left`
  const living = `firesteel-${process.ppid}-0-living`
  await ip(['netns', 'add', left])
  await ip(['netns', 'add', living])
  try {
    await using network = await HostNetwork.start(['a'])
    assert.ok(network.address('a'))
    assert.ok(!(await listed(left)))
    assert.ok(await listed(living))
  } finally {
    await ip(['netns', 'del', living])
  }
})
