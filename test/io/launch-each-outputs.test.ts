import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { innerLimits } from '../../runtime/inner-limits.js'
import { GroupedOutputs } from '../../runtime/launch/cli/each/grouped-outputs.js'
import { LineOutputs } from '../../runtime/launch/cli/each/line-outputs.js'
import { LinePrinter } from '../../runtime/launch/cli/each/line-printer.js'
import type { CommandPart } from '../../runtime/launch/cli/each/part-files.js'
import type { CommandEnd } from '../../runtime/launch/cli/each/report.js'
import { ResultOutputs } from '../../runtime/launch/cli/each/result-outputs.js'
import { tagBytes } from '../../runtime/launch/cli/each/tagged-lines.js'
import { Random } from '../simulation/random.js'

/* Where the output of commands goes that run side by side. */

const folder = mkdtempSync(join(tmpdir(), 'firesteel-outputs-'))
const former = process.env.TMPDIR
process.env.TMPDIR = folder
after(() => {
  if (former === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = former
  rmSync(folder, { recursive: true, force: true })
})

let printed: string
beforeEach(() => {
  printed = ''
})
const print = async (bytes: Uint8Array): Promise<void> => {
  const text = Buffer.from(bytes).toString()
  await new Promise((resolve) => setImmediate(resolve))
  printed += text
}

const part = (number: number, text: string, more: Partial<CommandPart> = {}): CommandPart => ({
  number,
  output: 0,
  attempt: '1.1',
  args: [`i${number}`],
  bytes: Buffer.from(text),
  ...more,
})

const end = (number: number, more: Partial<CommandEnd> = {}): CommandEnd => ({
  ...{ number, args: [`i${number}`], command: 'c', attempts: 1, code: 0, signal: null, error: null },
  ...{ timedOut: false, startedAtMs: 1, ms: 1, host: 'h', sent: [0, 0] },
  ...{ stdout: new Uint8Array(0), stderr: new Uint8Array(0) },
  ...more,
})

const lines = (keepOrder: boolean, tagged = false): LineOutputs =>
  new LineOutputs({
    printers: [new LinePrinter(print), new LinePrinter(print)],
    keepOrder,
    tagOf: tagged ? ([item = '']) => tagBytes(item) : undefined,
  })

test('line by line: whatever comes in whatever pieces, each line is whole and those of a command in order', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    printed = ''
    const random = new Random(seed)
    const outputs = lines(false, true)
    const texts = [1, 2, 3, 4].map((number) => {
      const count = 1 + random.int(6)
      const text = Array.from(
        { length: count },
        (_, index) => `${number}:${index}${'x'.repeat(random.int(9))}\n`,
      )
      if (random.chance(0.3))
        text[0] = `${number}:0${'y'.repeat(innerLimits.eachLineBytes * (1 + random.int(3)))}\n`
      return text.join('')
    })
    await Promise.all(
      texts.map(async (text, index) => {
        for (let at = 0; at < text.length; ) {
          const next = at + 1 + random.int(text.length > 1000 ? 60_000 : 5)
          await outputs.part(part(index + 1, text.slice(at, next)))
          at = next
        }
        await outputs.end(end(index + 1))
      }),
    )
    const all = printed.split('\n').slice(0, -1)
    for (const [index, text] of texts.entries()) {
      const tag = `i${index + 1}\t`
      const own = all.filter((line) => line.startsWith(tag)).map((line) => `${line.slice(tag.length)}\n`)
      assert.ok(own.join('') === text, `seed ${seed}: the lines of command ${index + 1}`)
    }
    await outputs.close()
  }
})

test('line by line: a last line without an end, and one that a further attempt cuts', async () => {
  const outputs = lines(false)
  await outputs.part(part(1, 'a\nb'))
  await outputs.part(part(2, 'c'))
  assert.equal(printed, 'a\n')
  await outputs.part(part(2, 'd\n', { attempt: '1.2' }))
  await outputs.end(end(1))
  await outputs.end(end(2))
  assert.equal(printed, 'a\nc\nd\nb')
  await outputs.part(part(3, 'x'))
  await outputs.rest()
  assert.equal(printed, 'a\nc\nd\nbx', 'it was interrupted')
})

test('line by line in order: the first that runs is printed while it runs, the others wait in files', async () => {
  const outputs = lines(true)
  await outputs.part(part(2, 'lost\n'))
  await outputs.part(part(2, 'b\n', { attempt: '1.2' }))
  await outputs.part(part(1, 'a\n'))
  assert.equal(printed, 'a\n')
  await outputs.end(end(3))
  await outputs.part(part(4, 'd'))
  await outputs.end(end(1))
  assert.equal(printed, 'a\nb\n', 'the second one is the first that runs now')
  await outputs.part(part(2, 'b2\n', { attempt: '1.2' }))
  assert.equal(printed, 'a\nb\nb2\n')
  outputs.skip(5)
  await outputs.part(part(6, 'f\n'))
  await outputs.end(end(2))
  await outputs.end(end(4))
  assert.equal(printed, 'a\nb\nb2\ndf\n', 'the third had nothing to say, the fifth did not run')
  await outputs.end(end(6))
  await outputs.close()
})

test('as a whole: what came in parts, of the last attempt, and what waits for others in files', async () => {
  const outputs = new GroupedOutputs(true, async (_end, piecesOf) => {
    for (const output of [0, 1]) for await (const piece of piecesOf(output)) await print(piece)
  })
  const large = 'z'.repeat(innerLimits.eachWaitingBytes)
  await outputs.end(end(3, { stdout: Buffer.from(large), stderr: Buffer.from('three\n') }))
  await outputs.end(end(4, { stdout: Buffer.from(large) }))
  await outputs.part(part(2, 'lost'))
  await outputs.part(part(2, 'two ', { attempt: '1.2' }))
  await outputs.part(part(2, 'more\n', { attempt: '1.2' }))
  await outputs.end(end(2, { sent: [9, 0] }))
  assert.equal(readdirSync(folder).length, 1, 'in one folder')
  await outputs.end(end(1, { stdout: Buffer.from('one\n') }))
  assert.ok(printed === `one\ntwo more\n${large}three\n${large}`)
  await outputs.close()
  assert.equal(readdirSync(folder).length, 0)
})

test('in files of its own: parts while a command runs, and the last attempt is what counts', async () => {
  const results = join(folder, 'results')
  const outputs = new ResultOutputs(results, 1)
  const file = (name: string): string => join(results, '1', 'i1', name)
  const read = (name: string): string => readFileSync(file(name), 'utf8')
  await outputs.part(part(1, 'lost'))
  await outputs.part(part(1, 'lost', { output: 1 }))
  await outputs.part(part(1, 'a', { attempt: '1.2' }))
  await outputs.part(part(1, 'b', { attempt: '1.2' }))
  assert.deepEqual([read('stdout'), existsSync(file('seq'))], ['ab', false])
  await outputs.end(end(1, { sent: [2, 0], stderr: Buffer.from('e') }))
  assert.deepEqual([read('stdout'), read('stderr'), read('seq')], ['ab', 'e', '1'])
})
