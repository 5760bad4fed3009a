import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { lacking } from '../../actors/executor/host-load.js'
import { main } from '../../runtime/launch/cli/cli.js'
import type { Console } from '../../runtime/launch/cli/console.js'
import {
  applicationName,
  bytesOf,
  byteText,
  splitArguments,
} from '../../runtime/launch/cli/each/arguments.js'
import { Halt, parseHalt } from '../../runtime/launch/cli/each/halt.js'
import { readItems } from '../../runtime/launch/cli/each/items.js'
import { finishedIn, joblogHeader, joblogLine } from '../../runtime/launch/cli/each/joblog.js'
import { knownTotal } from '../../runtime/launch/cli/each/open-sources.js'
import { parallelOptions } from '../../runtime/launch/cli/each/parallel-options.js'
import { type Arguments, recordsOf } from '../../runtime/launch/cli/each/records.js'
import { type CommandEnd, EndOrder, failureList, jsonOf } from '../../runtime/launch/cli/each/report.js'
import { resultFolder, resultName } from '../../runtime/launch/cli/each/results.js'
import { TaggedLines, tagBytes } from '../../runtime/launch/cli/each/tagged-lines.js'
import { commandOf, parseTemplate, textOf } from '../../runtime/launch/cli/each/template.js'
import { byteWords } from '../../runtime/launch/cli/each/words.js'
import { WorkList } from '../../runtime/launch/cli/each/work-list.js'
import { barText, etaText } from '../../runtime/launch/cli/progress.js'

/** Template, arguments, number, command. */
const table: readonly (readonly [string, readonly string[], number, string])[] = [
  ['gzip', ['a.txt'], 1, 'gzip a.txt'],
  ['gzip {}', ['a.txt'], 1, 'gzip a.txt'],
  ['cp {} {.}.bak', ['x/a.tar.gz'], 1, 'cp x/a.tar.gz x/a.tar.bak'],
  ['echo {/} {//}', ['x/y/a.txt'], 1, 'echo a.txt x/y'],
  ['echo {/.}', ['x/y/a.txt'], 1, 'echo a'],
  ['echo {//}', ['a.txt'], 1, 'echo .'],
  ['echo {.}', ['dir.d/file'], 1, 'echo dir.d/file'],
  ['echo {.}', ['dir.d/'], 1, 'echo dir.d/'],
  ['echo {.}', ['.profile'], 1, "echo ''"],
  ['echo {.} {/} {//} {/.}', ['..'], 1, 'echo . .. . .'],
  ['echo {.} {/} {//} {/.}', ['/'], 1, "echo / '' / ''"],
  ['echo {//}', ['a.b/c.d/'], 1, 'echo a.b'],
  ['echo {//}', ['//x'], 1, 'echo /'],
  ['echo {//}', ['a//b.c'], 1, 'echo a'],
  ['echo {#}', ['a b'], 7, "echo 7 'a b'"],
  ['echo {#}:{}', ['x'], 12, 'echo 12:x'],
  ['echo {}{}', ['x'], 1, 'echo xx'],
  ['echo {}', ["it's"], 1, `echo 'it'"'"'s'`],
  ['echo {}', [''], 1, "echo ''"],
  ['echo {}', ['$(rm -rf /); `x` "y" \\ *'], 1, `echo '$(rm -rf /); \`x\` "y" \\ *'`],
  ['echo {}', ['two\nlines'], 1, "echo 'two\nlines'"],
  ['echo {}', ['-n'], 1, 'echo -n'],
  ['awk {print}', ['f'], 1, 'awk {print} f'],
  ['echo {}', ['{#}{.}'], 3, "echo '{#}{.}'"],
  ['echo {} $0', ['$&$1'], 1, "echo '$&$1' $0"],
  ['echo', ['a', 'b c'], 1, "echo a 'b c'"],
  ['echo {2} {1}', ['a', 'b'], 1, 'echo b a'],
  ['echo {3}', ['a', 'b'], 1, 'echo '],
  ['echo {-1} {1/} {2.} {1//} {2/.}', ['x/a.c', 'y/b.d'], 1, 'echo y/b.d a.c y/b x b'],
  ['echo {.}', ['a.c', 'b.d'], 1, 'echo a b'],
]

for (const [template, args, number, command] of table) {
  test(`${JSON.stringify(template)} with ${JSON.stringify(args)}`, () => {
    assert.equal(commandOf(parseTemplate(template), args, number), command)
  })
}

test('inside quotes of the user an item is the text itself', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["echo '{}'", "a  b's", `echo 'a  b'"'"'s'`],
    ['echo "{}"', 'a  "b" $x `y` \\', 'echo "a  \\"b\\" \\$x \\`y\\` \\\\"'],
    ['echo "$(wc -c {})"', 'a b', `echo "$(wc -c 'a b')"`],
    [`echo "$(echo '{}')" {}`, "a'b", `echo "$(echo 'a'"'"'b')" 'a'"'"'b'`],
    ['echo \\"{}', 'a b', `echo \\"'a b'`],
    ["echo \\'{}", 'a b', "echo \\''a b'"],
    ['echo `cat {}` {}', 'a b', "echo `cat 'a b'` 'a b'"],
    ["awk '{print}' {}", 'a b', "awk '{print}' 'a b'"],
    ["(cd '{//}'; ls '{/}')", "d'e/f g", `(cd 'd'"'"'e'; ls 'f g')`],
  ]
  for (const [template, item, command] of cases) {
    assert.equal(commandOf(parseTemplate(template), [item], 1), command, template)
  }
})

test('words: COMMAND and items, ::: and ::::, several of them', () => {
  const values = (...list: string[]) => ({ kind: 'values', values: list, linked: false })
  const file = (path: string, linked = false) => ({ kind: 'file', path, linked })
  assert.deepEqual(splitArguments(['gzip', 'a', 'b']), { template: 'gzip', sources: [values('a', 'b')] })
  assert.deepEqual(splitArguments(['gzip']), { template: 'gzip', sources: [] })
  assert.deepEqual(splitArguments(['gzip', '-k', '{}', ':::', 'a', 'b']), {
    template: 'gzip -k {}',
    sources: [values('a', 'b')],
  })
  assert.deepEqual(splitArguments(['gzip', ':::']), { template: 'gzip', sources: [values()] })
  assert.deepEqual(splitArguments([':::', 'ls a']), { template: '', sources: [values('ls a')] })
  assert.deepEqual(splitArguments(['x', ':::', 'a', ':::+', 'b', '::::', 'f', '-', '::::+', 'g']), {
    template: 'x',
    sources: [
      values('a'),
      { kind: 'values', values: ['b'], linked: true },
      ...[file('f'), file('-'), file('g', true)],
    ],
  })
})

async function records(
  sources: readonly (readonly [readonly string[], boolean?])[],
  options: Parameters<typeof recordsOf>[1] = {},
): Promise<Arguments[]> {
  const open = sources.map(([values, linked = false]) => ({ values, linked }))
  const all: Arguments[] = []
  for await (const record of recordsOf(open, options)) all.push(record)
  return all
}

test('arguments: every combination, linked sources, several together, columns', async () => {
  assert.deepEqual(await records([[['a', 'b']]]), [['a'], ['b']])
  assert.deepEqual(await records([[['a', 'b']], [['c', 'd']]]), [
    ['a', 'c'],
    ['a', 'd'],
    ['b', 'c'],
    ['b', 'd'],
  ])
  assert.deepEqual(await records([[['a', 'b']], [['c', 'd'], true]]), [
    ['a', 'c'],
    ['b', 'd'],
  ])
  assert.deepEqual(await records([[['a', 'b', 'c']]], { together: 2 }), [['a', 'b'], ['c']])
  assert.deepEqual(await records([[['a  b', 'c']]], { columns: / +/ }), [['a', 'b'], ['c']])
  assert.deepEqual(await records([[[]], [['c']]]), [])
  const counted = splitArguments(['x', ':::', 'a', 'b', 'c', ':::', 'd', 'e'])
  assert.equal(knownTotal(counted.sources, 1), 6)
  assert.equal(knownTotal(counted.sources, 4), 2)
  assert.equal(knownTotal(splitArguments(['x', '::::', 'f']).sources, 1), undefined)
})

async function itemsOf(chunks: readonly (string | Buffer)[], separator: '\n' | '\0'): Promise<string[]> {
  const items: string[] = []
  async function* stream() {
    yield* chunks
  }
  for await (const item of readItems(stream(), separator)) items.push(item)
  return items
}

test('items of standard input are bytes', async () => {
  assert.deepEqual(await itemsOf(['a\nb', 'c\n', '\nd'], '\n'), ['a', 'bc', '', 'd'])
  assert.deepEqual(await itemsOf(['a\nb\0c\0'], '\0'), ['a\nb', 'c'])
  assert.deepEqual(await itemsOf([], '\n'), [])
  const euro = Buffer.from('€\n')
  assert.deepEqual(await itemsOf([euro.subarray(0, 1), euro.subarray(1)], '\n'), [byteText('€')])
  const [name] = await itemsOf([Buffer.from([0x63, 0xe9, 0x0a])], '\n')
  assert.deepEqual(bytesOf(name ?? ''), Buffer.from([0x63, 0xe9]))
})

test('words that are not UTF-8 are taken from the system', () => {
  const raw = ['node', 'bin.js', 'each', 'cat', 'caf\xe9'].map((word) => Buffer.from(word, 'latin1'))
  const io = { argvBytes: () => raw } as unknown as Console
  assert.deepEqual(byteWords(io, ['cat', 'caf\ufffd']), ['cat', 'caf\xe9'])
  assert.deepEqual(byteWords(io, ['é']), ['\xc3\xa9'])
  assert.deepEqual(byteWords(io, ['other\ufffd']), [byteText('other\ufffd')])
})

test('failed items come again, and the list ends when nothing is under way', async () => {
  const list = new WorkList([['a'], ['x'], ['b']], (number) => number === 2)
  const items = list[Symbol.asyncIterator]()
  const first = (await items.next()).value!
  const second = (await items.next()).value!
  assert.deepEqual([first.args, second.number, second.args], [['a'], 3, ['b']])
  list.retry(first)
  assert.deepEqual((await items.next()).value, { number: 1, args: ['a'], attempt: 2 })
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
  const list = new WorkList([['a'], ['b']])
  const items = list[Symbol.asyncIterator]()
  await items.next()
  list.halt()
  assert.equal((await items.next()).done, true)
})

test('--halt: its forms, and when each holds', () => {
  const reached = (text: string, ends: string, total = 10): string => {
    const halt = new Halt(parseHalt(text))
    return [...ends].map((end) => halt.add(end === 'x', total) ?? '-').join(' ')
  }
  assert.equal(parseHalt('never'), undefined)
  assert.equal(reached('never', 'xxx'), '- - -')
  assert.equal(reached('2', 'x.xx'), '- - now -')
  assert.equal(reached('soon,fail=1', '.x'), '- soon')
  assert.equal(reached('now,success=2', 'x..'), '- - now')
  assert.equal(reached('soon,done=3', 'x.x'), '- - soon')
  // A percentage holds only after three of its kind.
  assert.equal(reached('soon,fail=10%', 'xxx'), '- - soon')
  assert.equal(reached('now,fail=50%', 'xxxxx'), '- - - - now')
  for (const text of [
    '',
    '0',
    '-1',
    'now',
    'soon,fail',
    'now,fail=0',
    'now,fail=101%',
    '5%',
    'later,fail=1',
  ]) {
    assert.throws(() => parseHalt(text), { code: 'FIRESTEEL_USAGE' }, text)
  }
})

const end = (number: number, more: Partial<CommandEnd> = {}): CommandEnd => ({
  number,
  args: [`i${number}`],
  command: `cmd ${number}`,
  attempts: 1,
  code: 0,
  signal: null,
  error: null,
  timedOut: false,
  stdout: new Uint8Array(),
  stderr: new Uint8Array(),
  sent: [0, 0],
  startedAtMs: 1_669_632_000_123,
  ms: 1,
  host: 'h',
  ...more,
})

test('the joblog has the columns of GNU parallel, and says what need not run again', () => {
  assert.equal(joblogHeader.split('\t').length, 9)
  const line = (more: Partial<CommandEnd>): string => joblogLine(end(3, more)).toString('latin1')
  assert.equal(
    line({ ms: 1234, stdout: Buffer.from('out'), code: 5 }),
    '3\th\t1669632000.123\t     1.234\t0\t3\t5\t0\tcmd 3\n',
  )
  assert.match(line({ code: null, signal: 'SIGKILL' }), /\t0\t9\tcmd 3\n$/)
  assert.match(line({ code: null, signal: 'SIGTERM', timedOut: true }), /\t-1\t15\tcmd 3\n$/)
  assert.match(
    line({ code: null, error: 'no folder', host: null, startedAtMs: null }),
    /^3\t:\t0\.000.*\t-1\t0\t/,
  )
  assert.ok(line({ command: 'caf\xe9\n2' }).endsWith('\tcaf\xe9\0' + '2\n'))
  const log = [
    joblogHeader.trim(),
    '1\t:\t1\t1\t0\t0\t0\t0\ta',
    '2\t:\t1\t1\t0\t0\t1\t0\tb',
    '3\t:\t1\t1\t0\t0\t0\t9\tc',
    '4\t:\t1\t1\t0\t0\t2\t0\td',
    '4\t:\t1\t1\t0\t0\t0\t0\td',
    '5\t:\t1',
  ].join('\n')
  assert.deepEqual([...finishedIn(log, 'done')], [1, 2, 3, 4])
  assert.deepEqual([...finishedIn(log, 'failed')], [1, 4])
})

test('--results names folders as GNU parallel does', () => {
  assert.equal(resultFolder(['a'], 1, 7), '1/a')
  assert.equal(resultFolder(['a', 'b'], 2, 7), '1/a/2/b')
  assert.equal(resultFolder(['a', 'b'], 1, 7), '1/a/1/b')
  assert.equal(resultName('b/c\\d\te', 7), 'b\\_c\\\\d\\te')
  assert.equal(resultName('..', 7), '\\..')
  assert.equal(resultName('x'.repeat(300), 7), '#7')
})

test('-k keeps the order of the items, also past those that were left out', () => {
  const numbers = (ends: readonly CommandEnd[]): number[] => ends.map(({ number }) => number)
  const kept = new EndOrder(true)
  assert.deepEqual(numbers(kept.add(end(2))), [])
  assert.deepEqual(numbers(kept.skip(3)), [])
  assert.deepEqual(numbers(kept.add(end(5))), [])
  assert.deepEqual(numbers(kept.add(end(1))), [1, 2])
  assert.deepEqual(numbers(kept.rest()), [5])
  assert.deepEqual(numbers(new EndOrder(false).add(end(2))), [2])
})

test('--tag goes before each line, also before one that does not end', () => {
  const lines = new TaggedLines(tagBytes('x'))
  const next = (text: string): string => Buffer.from(lines.next(Buffer.from(text))).toString('latin1')
  assert.deepEqual(
    [next('a\n\nb'), next(''), next('c\nd\n'), next('e')],
    ['x\ta\nx\t\nx\tb', '', 'c\nx\td\n', 'x\te'],
  )
  assert.equal(Buffer.from(tagBytes('caf\xe9')).toString('latin1'), 'caf\xe9\t')
  const tag = textOf(parseTemplate('{#}:{/.}', { appends: false }), ["a/it's.c"], 7)
  assert.equal(tag, "7:it's")
  assert.equal(textOf(parseTemplate('job', { appends: false }), ['a'], 7), 'job')
})

test('the list of failures says what and how, and stays short', () => {
  const failed = [
    end(3, { code: 4, attempts: 2 }),
    end(5, { code: null, signal: 'SIGKILL' }),
    end(6, { error: 'no folder' }),
    end(7, { code: null, signal: 'SIGTERM', timedOut: true, ms: 1234 }),
  ]
  assert.deepEqual(failureList(failed), [
    '  #3 cmd 3: exit 4 (2 tries)',
    '  #5 cmd 5: SIGKILL',
    '  #6 cmd 6: no folder',
    '  #7 cmd 7: ended by --timeout after 1.2 s',
  ])
  assert.equal(failureList(Array.from({ length: 50 }, (_, index) => end(index, { code: 1 }))).length, 21)
})

test('--json: text as text, and bytes that are no text as base64 too', () => {
  const plain = jsonOf(end(1, { stdout: Buffer.from('é\n') }))
  assert.deepEqual([plain.item, plain.stdout, plain.base64], ['i1', 'é\n', undefined])
  const bytes = jsonOf(end(1, { args: ['caf\xe9'], stdout: Buffer.from([0xff]) }))
  assert.deepEqual(bytes.base64, { item: 'Y2Fm6Q==', stdout: '/w==' })
  assert.equal(bytes.item, 'caf\ufffd')
})

test('the time that is left, and what a host must have', () => {
  assert.equal(etaText({ done: 0, failed: 0, total: 4 }, 'commands', 500), '0 of 4 commands, 0 failed')
  assert.equal(
    etaText({ done: 2, failed: 1, total: 6 }, 'commands', 3000),
    '2 of 6 commands, 1 failed, 6 s left',
  )
  assert.equal(
    barText({ done: 2, failed: 1, total: 6 }, 'commands', 3000),
    '==========-------------------- 2 of 6 commands, 1 failed, 6 s left',
  )
  assert.match(barText({ done: 0, failed: 0, total: 0 }, 'commands', 3000), /^-{30} 0 of 0/)
  const state = { load: 2, cores: 4, freeBytes: 100 }
  assert.equal(lacking({}, state), undefined)
  assert.equal(lacking({ maxLoad: 2 }, state), 'commands wait until its load is below 2; it is 2.0')
  assert.equal(lacking({ maxLoad: 3, minFreeBytes: 100 }, state), undefined)
  assert.match(lacking({ minFreeBytes: 101 }, state) ?? '', /memory are free/)
  // Of the cores of the host on which it would run.
  assert.equal(lacking({ maxLoadPercent: 51 }, state), undefined)
  assert.match(lacking({ maxLoadPercent: 50 }, state) ?? '', /below 2;/)
})

test('the application of a command is named by its program, and by nothing that may be secret', () => {
  const names = {
    'echo -u ops:hunter2 {}': 'each echo',
    '/opt/my tools/run {}': 'each my',
    '/opt/tools/run.sh -p hunter2': 'each run.sh',
    './job.sh {}': 'each job.sh',
    '  gzip\n-k {}': 'each gzip',
    'PASSWORD=hunter2 ./job.sh': 'each',
    "PASSWORD='a hunter2' ./job.sh": 'each',
    "'hunter2 x' {}": 'each',
    'echo;hunter2': 'each',
    'curl>hunter2': 'each',
    '$HUNTER2 x': 'each',
    'a:hunter2@b': 'each',
    '{} hunter2': 'each',
    '{}': 'each',
    '': 'each',
    [byteText('köche hunter2')]: 'each',
    [`${'x'.repeat(300)} hunter2`]: `each ${'x'.repeat(200)}`,
  }
  for (const [template, name] of Object.entries(names))
    assert.equal(applicationName(template), name, template)
})

test('an option of GNU parallel that is not here is refused with what to do instead, and docs/each.md has it', async () => {
  const page = readFileSync('docs/each.md', 'utf8')
  const table = page.slice(page.indexOf('| option | instead |')).trimEnd().split('\n')
  const nameOf = (name: string): string => `\`${name}\``
  assert.deepEqual(
    table.slice(2),
    parallelOptions.map(({ names, instead }) => `| ${names.map(nameOf).join(' ')} | ${instead} |`),
  )
  const said = async (...words: string[]): Promise<string> => {
    let text = ''
    const err = async (line: string): Promise<void> => {
      text += line
    }
    const code = await main({ argv: ['each', ...words], err, environment: {} } as unknown as Console)
    assert.equal(code, 2)
    return text
  }
  for (const { names, instead } of parallelOptions)
    for (const name of names)
      assert.equal(
        await said(name, '1', 'echo', ':::', 'a'),
        `FIRESTEEL_USAGE: Unknown option '${name}'.\n  ${instead}\n`,
      )
  assert.match(await said('-P4', 'echo'), /Unknown option '-P4'\.\n {2}Use -j\./)
  assert.match(await said('--wd=/tmp', 'echo'), /\n {2}Commands run in this folder/)
  assert.match(await said('--unheard', 'echo'), /\n {2}Run the command with --help\./)
  for (const jobs of ['50%', '200%', '+0', '-1'])
    assert.match(
      await said('-j', jobs, 'echo'),
      /without -j all cores of the cluster are used, and --per-core 2/,
    )
  assert.match(
    await said('-N0', 'echo'),
    /1 to 65536: a command that does not want its item begins with `: \{\};`/,
  )
  const results = await said('--results', 'out/{1}.txt', 'echo', ':::', 'a')
  assert.match(results, /^FIRESTEEL_USAGE: --results out\/\{1\}\.txt must be a folder: nothing is replaced/)
})
