import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ReadResult } from '../../runtime/launch/config/read.js'
import { readConfig } from '../../runtime/launch/config/read.js'
import { type Frame, FrameDecoder } from '../../runtime/transport/frame.js'
import { AcceptorHandshake, type HandshakeStep } from '../../runtime/transport/handshake.js'
import { ConfigTarget } from '../fuzz/config-target.js'
import { DecoderTarget } from '../fuzz/decoder-target.js'
import { applyEdits, makeEdits } from '../fuzz/edits.js'
import { readFinding, writeFinding } from '../fuzz/finding-file.js'
import { HandshakeTarget, handshakes } from '../fuzz/handshake-target.js'
import { HttpTarget, readResponse } from '../fuzz/http-target.js'
import { MasterTarget } from '../fuzz/master-target.js'
import { parseCommandLine } from '../fuzz/options.js'
import { Random } from '../fuzz/random.js'
import { SocketTarget } from '../fuzz/socket-target.js'
import { type AnyTarget, Finding } from '../fuzz/target.js'
import { runCommand } from '../harness/run-command.js'

/*
 * The fuzzer finds what it is there for: defects planted in a process of its own, and in place of what it
 * tests.
 */

const program = fileURLToPath(new URL('../fuzz/main.js', import.meta.url))
/** Findings are left in the folder for temporary files: here they are not worth keeping. */
const folder = mkdtempSync(join(tmpdir(), 'firesteel-fuzz-test-'))
process.env.TMPDIR = folder
after(() => rmSync(folder, { recursive: true, force: true }))

const fuzz = (...args: string[]) =>
  runCommand({
    command: process.execPath,
    args: [program, ...args],
    cwd: process.cwd(),
    env: { PATH: process.env.PATH ?? '', TMPDIR: folder },
  })

const planted: readonly (readonly [string, RegExp, ...string[]])[] = [
  ['planted-throw', /FOUND planted-throw, input 137 of seed 3: TypeError: planted/],
  [
    'planted-rejection',
    /FOUND planted-rejection, input .*137.* of seed 3: nobody took charge of Error: planted/,
  ],
  ['planted-hang', /FOUND planted-hang, input 137 of seed 3: no end after 1000 ms/, '--hang-ms', '1000'],
  ['planted-slow', /FOUND planted-slow, input 137 of seed 3: it takes \d+ ms/],
  ['planted-leak', /FOUND planted-leak, after the inputs of seed 3: growth: heap by \d+ KiB/],
  [
    'planted-socket',
    /FOUND planted-socket, after the inputs of seed 3: growth: .*descriptors from \d+ to \d+/,
  ],
  ['planted-crash', /FOUND the process died: SIGABRT, (at or )?soon after/],
  ['planted-broken', /Error: planted[\s\S]*FOUND the process died: exit 3/],
]
for (const [name, says, ...more] of planted) {
  test(`${name} is found, and the fuzzer fails`, async () => {
    const { code, stderr } = await fuzz('--only', name, '--seed', '3', '--settle-ms', '300', ...more)
    assert.match(stderr, says)
    assert.equal(code, 1)
  })
}

test('a finding is replayed from its file', async () => {
  const { stderr } = await fuzz('--only', 'planted-throw', '--seed', '3')
  const file = /--replay (\S+)/.exec(stderr)?.[1] ?? ''
  const again = await fuzz('--replay', file)
  assert.match(again.stdout, /it happens again/)
  assert.equal(again.code, 1)
})

test('a command line that cannot be understood says how it is called', async () => {
  const { code, stderr } = await fuzz('--only', 'nothing')
  assert.equal(code, 2)
  assert.match(
    stderr,
    /--only has nothing; it takes decoder, handshake, socket, http, config, master, certificates, tls\nnpm run fuzz/,
  )
  assert.throws(
    () => parseCommandLine(['--inputs', '0'], 1),
    /--inputs is 0; it must be a whole number from 1/,
  )
  assert.throws(() => parseCommandLine(['--seed', '1.5'], 1))
  const { parts, inputs, seed } = parseCommandLine(['--inputs', '7', '--only', 'http,decoder'], 9)
  assert.deepEqual([parts, inputs.http, seed], [['decoder', 'http'], 7, 9])
})

const targets: readonly AnyTarget[] = [
  new DecoderTarget(),
  new HandshakeTarget(),
  new MasterTarget(),
  new SocketTarget(),
  new HttpTarget(),
  new ConfigTarget(),
] as unknown as readonly AnyTarget[]

test('seed, part and number make an input, and a file keeps it as it was', () => {
  for (const [part, target] of targets.entries()) {
    const inputs = Array.from({ length: 300 }, (_, index) => target.generate(new Random(5, part, index)))
    const again = Array.from({ length: 300 }, (_, index) => target.generate(new Random(5, part, index)))
    assert.deepEqual(again, inputs)
    assert.equal(
      new Set(inputs.map((input) => JSON.stringify(input))).size > 250,
      true,
      'they repeat themselves',
    )
    const found = { part: target.name, seed: 5, indexes: [1], what: 'a test', inputs }
    assert.deepEqual(readFinding(writeFinding(found)), found)
    assert.notDeepEqual(target.generate(new Random(6, part, 1)), inputs[1])
  }
})

test('edits change bytes, keep within bounds, and the same ones give the same', () => {
  const original = Buffer.from('{"type":"hello","version":1}')
  let changed = 0
  for (let index = 0; index < 2000; index++) {
    const edits = makeEdits(new Random(1, 0, index), 4, [original])
    const bytes = applyEdits(original, edits)
    assert.deepEqual(applyEdits(original, edits), bytes)
    assert.ok(bytes.length < 4000)
    if (edits.length > 0 && !bytes.equals(original)) changed++
  }
  assert.equal(original.toString(), '{"type":"hello","version":1}', 'the original is left alone')
  assert.ok(changed > 1200, `${changed}`)
})

/** What a target says first of a thing that is broken, within some thousand inputs. */
function firstFinding(target: AnyTarget, inputs: number): string {
  for (let index = 0; index < inputs; index++) {
    try {
      void target.run([target.generate(new Random(1, 0, index))])
    } catch (error) {
      return error instanceof Finding ? error.message : `threw ${String(error)}`
    }
  }
  return 'nothing'
}

const decoderTarget = (broken: () => FrameDecoder) => new DecoderTarget(broken) as unknown as AnyTarget

const brokenDecoders: readonly (readonly [string, () => FrameDecoder, RegExp])[] = [
  [
    'lets envelopes through before the proof',
    () => {
      const decoder = new FrameDecoder()
      decoder.open()
      return decoder
    },
    /a frame of kind [2345]/,
  ],
  [
    'loses the frames behind the first of a chunk',
    () =>
      new (class extends FrameDecoder {
        #given = false
        override feed(chunk: Buffer): void {
          this.#given = false
          super.feed(chunk)
        }
        override next(): Frame | undefined {
          if (this.#given) return undefined
          const frame = super.next()
          this.#given = frame !== undefined
          return frame
        }
      })(),
    /cut, the stream gives/,
  ],
  [
    'throws something of its own',
    () =>
      new (class extends FrameDecoder {
        override next(): Frame | undefined {
          const frame = super.next()
          if (frame?.body[0] === 0) throw new RangeError('odd')
          return frame
        }
      })(),
    /threw RangeError: odd/,
  ],
  [
    'makes room for what is announced',
    () =>
      new (class extends FrameDecoder {
        #held = 0
        override feed(chunk: Buffer): void {
          if (chunk.length >= 4) this.#held = Math.max(this.#held, chunk.readUInt32BE(0))
          super.feed(chunk)
        }
        override get allocatedBytes(): number {
          return super.allocatedBytes === 0 ? 0 : this.#held
        }
      })(),
    /bytes are held for/,
  ],
]
for (const [name, broken, says] of brokenDecoders) {
  test(`a decoder that ${name} is found`, () => {
    assert.match(firstFinding(decoderTarget(broken), 20_000), says)
  })
}

/** An acceptor that takes any proof for the right one. */
class Gullible extends AcceptorHandshake {
  override receive(body: Buffer): HandshakeStep {
    const step = super.receive(body)
    if (step.kind !== 'refused' || step.code !== 'SECRET_WRONG') return step
    const peer = { role: 'node' as const, incarnation: 'x', cluster: 'fuzz', nodeMajor: 20, protocol: 1 }
    return { kind: 'linked', peer }
  }
}

test('an acceptor that lets in who proved nothing is found, and one that throws', () => {
  const gullible = new HandshakeTarget({ ...handshakes, acceptor: (side) => new Gullible(side) })
  assert.match(firstFinding(gullible as unknown as AnyTarget, 2000), /linked with a peer that proved nothing/)
  const fragile = new HandshakeTarget({
    ...handshakes,
    acceptor: (side) =>
      new (class extends AcceptorHandshake {
        override receive(body: Buffer): HandshakeStep {
          if (body[0] !== 0x7b) throw new TypeError('no brace')
          return super.receive(body)
        }
      })(side),
  })
  assert.match(firstFinding(fragile as unknown as AnyTarget, 2000), /threw TypeError: no brace/)
})

test('a config reader that answers wrongly is found', () => {
  const wrong: readonly (readonly [(result: ReadResult) => ReadResult, RegExp])[] = [
    [({ config }) => ({ ...(config && { config }), problems: [] }), /never both or neither/],
    [
      ({ problems }) => ({ problems: problems.map((one) => ({ ...one, place: { line: 999, column: 1 } })) }),
      /./,
    ],
    [
      ({ config, problems }) =>
        config
          ? { config: { ...config, recovery: { ...config.recovery, leaseMs: 20_000 } }, problems }
          : { problems },
      /a Worker timeout below four leases/,
    ],
  ]
  for (const [change, says] of wrong) {
    const target = new ConfigTarget((text, options) => change(readConfig(text, options)))
    assert.match(firstFinding(target as unknown as AnyTarget, 500), says)
  }
})

test('an HTTP answer without a code of ours, or that is none, is found', () => {
  const answer = (status: string, body: string) =>
    Buffer.from(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  const refused = '{"error":{"code":"FIRESTEEL_HTTP_REFUSED"}}'
  assert.deepEqual(readResponse(answer('403 Forbidden', refused)), {
    status: 403,
    code: 'FIRESTEEL_HTTP_REFUSED',
  })
  assert.deepEqual(readResponse(answer('400 Bad Request', '')), { status: 400, code: undefined })
  assert.equal(readResponse(Buffer.alloc(0)), undefined)
  assert.throws(() => readResponse(Buffer.from('hello')), Finding)
  assert.throws(() => readResponse(answer('403 Forbidden', 'go away')), Finding)
})
