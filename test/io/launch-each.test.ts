import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readItems } from '../../runtime/launch/cli/each/items.js'
import { type CommandEnd, EndOrder, failureList, tagLines } from '../../runtime/launch/cli/each/report.js'
import { commandFor, shellQuote, splitArguments } from '../../runtime/launch/cli/each/template.js'
import { WorkList } from '../../runtime/launch/cli/each/work-list.js'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'

/** Template, item, number, command. */
const table: readonly (readonly [string, string, number, string])[] = [
  ['gzip', 'a.txt', 1, 'gzip a.txt'],
  ['gzip {}', 'a.txt', 1, 'gzip a.txt'],
  ['cp {} {.}.bak', 'x/a.tar.gz', 1, 'cp x/a.tar.gz x/a.tar.bak'],
  ['echo {/} {//}', 'x/y/a.txt', 1, 'echo a.txt x/y'],
  ['echo {/.}', 'x/y/a.txt', 1, 'echo a'],
  ['echo {//}', 'a.txt', 1, 'echo .'],
  ['echo {.}', 'dir.d/file', 1, 'echo dir.d/file'],
  ['echo {.}', '.profile', 1, 'echo .profile'],
  ['echo {#}', 'a b', 7, "echo 7 'a b'"],
  ['echo {#}:{}', 'x', 12, 'echo 12:x'],
  ['echo {}{}', 'x', 1, 'echo xx'],
  ['echo {}', "it's", 1, "echo 'it'\\''s'"],
  ['echo {}', '', 1, "echo ''"],
  ['echo {}', '$(rm -rf /); `x` "y" \\ *', 1, `echo '$(rm -rf /); \`x\` "y" \\ *'`],
  ['echo {}', 'two\nlines', 1, "echo 'two\nlines'"],
  ['echo {}', '-n', 1, 'echo -n'],
  ['awk {print}', 'f', 1, 'awk {print} f'],
  ['echo {}', '{#}{.}', 3, "echo '{#}{.}'"],
  ['echo {} $0', '$&$1', 1, "echo '$&$1' $0"],
]

for (const [template, item, number, command] of table) {
  test(`${JSON.stringify(template)} with ${JSON.stringify(item)}`, () => {
    assert.equal(commandFor(template, item, number), command)
  })
}

test('the shell gives every item back as it was', async () => {
  const texts = fc
    .sample(fc.string({ unit: 'binary', maxLength: 12 }), 60)
    .map((text) => text.replaceAll('\0', ''))
  const script = texts.map((text) => `printf '%s\\0' ${shellQuote(text)}`).join('\n')
  const child = await startChild({
    command: '/bin/sh',
    args: ['-c', script],
    cwd: '/',
    env: childEnvironment(),
    stdout: 'pipe',
    stderr: 'inherit',
    ownGroup: true,
  })
  const chunks: Buffer[] = []
  for await (const chunk of child.stdout!) chunks.push(chunk as Buffer)
  // Lone surrogates have no bytes of their own.
  const expected = texts.map((text) => Buffer.from(text).toString())
  assert.deepEqual(Buffer.concat(chunks).toString().split('\0').slice(0, -1), expected)
})

test('COMMAND and items, with and without :::', () => {
  assert.deepEqual(splitArguments('gzip', ['a', 'b']), { template: 'gzip', items: ['a', 'b'] })
  assert.deepEqual(splitArguments('gzip', []), { template: 'gzip', items: undefined })
  assert.deepEqual(splitArguments('gzip', ['-k', '{}', ':::', 'a', 'b']), {
    template: 'gzip -k {}',
    items: ['a', 'b'],
  })
  assert.deepEqual(splitArguments('gzip', [':::']), { template: 'gzip', items: [] })
})

async function itemsOf(chunks: readonly (string | Buffer)[], separator: '\n' | '\0'): Promise<string[]> {
  const items: string[] = []
  async function* stream() {
    yield* chunks
  }
  for await (const item of readItems(stream(), separator)) items.push(item)
  return items
}

test('items of standard input', async () => {
  assert.deepEqual(await itemsOf(['a\nb', 'c\n', '\nd'], '\n'), ['a', 'bc', '', 'd'])
  assert.deepEqual(await itemsOf(['a\nb\0c\0'], '\0'), ['a\nb', 'c'])
  assert.deepEqual(await itemsOf([], '\n'), [])
  const euro = Buffer.from('€\n')
  assert.deepEqual(await itemsOf([euro.subarray(0, 1), euro.subarray(1)], '\n'), ['€'])
})

test('failed items come again, and the list ends when nothing is under way', async () => {
  const list = new WorkList(['a', 'b'])
  const items = list[Symbol.asyncIterator]()
  const first = (await items.next()).value!
  const second = (await items.next()).value!
  assert.deepEqual([first.item, second.number], ['a', 2])
  list.retry(first)
  assert.deepEqual((await items.next()).value, { number: 1, item: 'a', attempt: 2 })
  const pending = items.next()
  let ended = false
  void pending.then(() => {
    ended = true
  })
  list.finished()
  await Promise.resolve()
  assert.equal(ended, false, 'one is still under way')
  list.finished()
  assert.equal((await pending).done, true)
})

test('a halted list gives out no more', async () => {
  const list = new WorkList(['a', 'b'])
  const items = list[Symbol.asyncIterator]()
  await items.next()
  list.halt()
  assert.equal((await items.next()).done, true)
})

const end = (number: number, more: Partial<CommandEnd> = {}): CommandEnd => ({
  number,
  item: `i${number}`,
  command: `cmd ${number}`,
  attempts: 1,
  code: 0,
  signal: null,
  error: null,
  stdout: new Uint8Array(),
  stderr: new Uint8Array(),
  ms: 1,
  host: 'h',
  ...more,
})

test('-k keeps the order of the items', () => {
  const numbers = (ends: readonly CommandEnd[]): number[] => ends.map(({ number }) => number)
  const kept = new EndOrder(true)
  assert.deepEqual(numbers(kept.add(end(2))), [])
  assert.deepEqual(numbers(kept.add(end(4))), [])
  assert.deepEqual(numbers(kept.add(end(1))), [1, 2])
  assert.deepEqual(numbers(kept.rest()), [4])
  assert.deepEqual(numbers(new EndOrder(false).add(end(2))), [2])
})

test('--tag goes before each line, also before one that does not end', () => {
  assert.equal(tagLines(Buffer.from('a\n\nb'), 'x').toString(), 'x\ta\nx\t\nx\tb')
  assert.equal(tagLines(new Uint8Array(), 'x').length, 0)
})

test('the list of failures says what and how, and stays short', () => {
  const failed = [
    end(3, { code: 4, attempts: 2 }),
    end(5, { code: null, signal: 'SIGKILL' }),
    end(6, { error: 'no folder' }),
  ]
  assert.deepEqual(failureList(failed), [
    '  #3 cmd 3: exit 4 (2 tries)',
    '  #5 cmd 5: SIGKILL',
    '  #6 cmd 6: no folder',
  ])
  assert.equal(failureList(Array.from({ length: 50 }, (_, index) => end(index, { code: 1 }))).length, 21)
})
