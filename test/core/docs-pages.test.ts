import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import type { App, AppEvents, AppStats } from '../../actors/client/app.js'
import type { ConnectOptions, ExecutorOptions } from '../../actors/client/connect-options.js'
import type { TaskContext } from '../../actors/executor/task.js'
import type { masterJson } from '../../actors/master/json.js'
import type { CallOptions } from '../../actors/tasks/task-options.js'
import { errorCodes } from '../../runtime/errors.js'
import { createProgram } from '../../runtime/launch/cli/cli.js'
import { commandsPage } from '../../runtime/launch/cli/commands-page.js'
import { amountText, limitsPage, sectionsOf } from '../../runtime/launch/cli/limits-page.js'
import { metricsPage } from '../../runtime/launch/cli/metrics-doc.js'
import { limits } from '../../runtime/limits.js'
import { parseCommandLine as parseFuzz } from '../fuzz/options.js'
import { parseCommandLine as parseSim } from '../simulation/options.js'
import { parseCommandLine as parseSoak } from '../soak/options.js'
import { blocksOf, checkoutBlocksOf } from '../tools/page-blocks.js'
import { overlongOf } from './docs-citations.js'
import { commentsOf, oldIdentifiersOf, oldWordsOf, testNamesOf, withoutFormerly } from './old-words.js'

const read = (path: string): string => readFileSync(path, 'utf8')

function filesUnder(folder: string, ending: RegExp): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => relative('.', join(entry.parentPath, entry.name)))
}

/** This test and its tool have the old words on purpose. */
const code = ['actors', 'runtime', 'examples', 'test']
  .flatMap((folder) => filesUnder(folder, /\.ts$/))
  .filter((path) => !/old-words|docs-pages/.test(path))
const pages = [...filesUnder('docs', /\.md$/), 'README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']

test('no page has a line of prose over 140 characters, or a cell of a table over 200', () => {
  for (const page of pages) assert.deepEqual(overlongOf(read(page), { prose: 140, cell: 200 }), [], page)
})

test('the page of commands is what the command line defines', async () => {
  const nothing = (): void => undefined
  const program = await createProgram([], async () => undefined, { out: nothing, err: nothing })
  assert.equal(read('docs/commands.md'), commandsPage(program), 'run `npm run docs`')
  for (const { name } of program.commands.map((command) => ({ name: command.name() })))
    assert.match(read('docs/commands.md'), new RegExp(`^## \`${name}\`$`, 'm'))
})

test('the page of limits is what runtime/limits.ts says, and has each of them once', () => {
  const source = read('runtime/limits.ts')
  assert.equal(read('docs/limits.md'), limitsPage(source), 'run `npm run docs`')
  const names = sectionsOf(source).flatMap(({ groups }) => groups.flatMap((group) => group.names))
  assert.deepEqual(names.toSorted(), Object.keys(limits).toSorted())
})

test('the page of metrics is what the nodes serve', () => {
  assert.equal(read('docs/metrics.md'), metricsPage(), 'run `npm run docs`')
})

test('amounts are written in the largest unit that keeps them short', () => {
  assert.equal(amountText('leaseMs', 2500), '2.5 s')
  assert.equal(amountText('jitterMs', 50), '50 ms')
  assert.equal(amountText('keepMs', 600_000), '10 min')
  assert.equal(amountText('recordBytes', 262_144), '256 KiB')
  assert.equal(amountText('links', 4096), '4,096')
})

/** First cells of the table below a heading. */
function rowsBelow(page: string, heading: string): string[] {
  const [, text] = page.split(`\n${heading}\n`)
  assert.ok(text !== undefined, `${heading} is missing`)
  const [section = ''] = text.split(/^#/m)
  return [...section.matchAll(/^\| `(\w+)(?:\([^)]*\))?` \|/gm)].map(([, name = '']) => name)
}

/** Written so that a key that is missing, or is too many, does not compile. */
const documented: Readonly<Record<string, Readonly<Record<string, true>>>> = {
  '### Options of connect': {
    name: true,
    cores: true,
    executor: true,
    executors: true,
    signal: true,
    masterTimeout: true,
    secret: true,
    tls: true,
    token: true,
    listen: true,
    code: true,
    limits: true,
    local: true,
    summaries: true,
    output: true,
    log: true,
  } satisfies Record<keyof ConnectOptions, true>,
  '### Options of executor': {
    cores: true,
    tasksPerCore: true,
    memory: true,
    maxTasks: true,
    maxMemory: true,
    resources: true,
    on: true,
    env: true,
    nodeOptions: true,
    idleTimeout: true,
  } satisfies Record<keyof ExecutorOptions, true>,
  '### Options of listen': { host: true, port: true, advertise: true } satisfies Record<
    keyof NonNullable<ConnectOptions['listen']>,
    true
  >,
  '### Options of limits': { maxInputBytes: true, maxResultBytes: true, maxCodeBytes: true } satisfies Record<
    keyof NonNullable<ConnectOptions['limits']>,
    true
  >,
  '### Options of local': { workers: true, cores: true, memory: true } satisfies Record<
    keyof NonNullable<ConnectOptions['local']>,
    true
  >,
  '## The application': {
    id: true,
    executors: true,
    tasks: true,
    map: true,
    each: true,
    on: true,
    off: true,
    stats: true,
    metrics: true,
    requestExecutors: true,
    killExecutors: true,
    close: true,
  } satisfies Record<Exclude<keyof App, symbol>, true>,
  '### Options of calls': {
    retries: true,
    backoff: true,
    retryIf: true,
    timeout: true,
    concurrency: true,
    limit: true,
    onProgress: true,
    signal: true,
  } satisfies Record<keyof CallOptions, true>,
  '### Counts of stats': {
    done: true,
    failed: true,
    cancelled: true,
    retried: true,
    lost: true,
    dropped: true,
    live: true,
    running: true,
    atExecutors: true,
    waiting: true,
    executors: true,
  } satisfies Record<keyof AppStats, true>,
  '## Events': {
    executorAdded: true,
    executorReady: true,
    executorDecommissioned: true,
    executorLost: true,
    executorFailed: true,
    waiting: true,
    taskRepeated: true,
    taskQuarantined: true,
    masterChanged: true,
    masterLost: true,
    workerRemoved: true,
    removed: true,
    closed: true,
  } satisfies Record<keyof AppEvents, true>,
  '## Inside a task': {
    signal: true,
    attempt: true,
    taskId: true,
    executor: true,
    progress: true,
    logger: true,
    trace: true,
  } satisfies Record<keyof TaskContext, true>,
}

for (const [heading, keys] of Object.entries(documented)) {
  test(`docs/library.md has what the type has: ${heading}`, () => {
    assert.deepEqual(rowsBelow(read('docs/library.md'), heading).toSorted(), Object.keys(keys).toSorted())
  })
}

test('docs/http.md has the keys that only Firesteel has', () => {
  const keys = { cluster: true, epoch: true, leader: true, since: true, leaderships: true } satisfies Record<
    keyof ReturnType<typeof masterJson>['firesteel'],
    true
  >
  assert.deepEqual(
    rowsBelow(read('docs/http.md'), '## The key firesteel').toSorted(),
    Object.keys(keys).toSorted(),
  )
})

/**
 * The cluster tests package.test.ts and package-pages.test.ts run them; what blocksOf does not know, it
 * refuses.
 */
test('README and tutorial have only blocks that a test runs', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> }
  for (const page of ['README.md', 'docs/tutorial.md']) {
    const text = read(page)
    assert.ok(blocksOf(text).length > 0, page)
    assert.doesNotMatch(text, /^ {4}\S/m, `${page}: an indented block is not run`)
    for (const command of checkoutBlocksOf(text).flatMap((block) => block.trim().split('\n'))) {
      const [, script = ''] = /^npm ci && npm (?:run )?(\w+)$/.exec(command) ?? []
      assert.ok(script in scripts, `${page}: ${command}`)
    }
  }
})

test('the simulator, soak and fuzz take the options that pages give them', () => {
  const parsers = { sim: parseSim, soak: parseSoak, fuzz: parseFuzz }
  let count = 0
  for (const page of pages) {
    for (const [, name = '', rest = ''] of read(page).matchAll(/^ {4}npm run (sim|soak|fuzz) -- (.*)$/gm)) {
      const [command = ''] = rest.split(/\s#\s/)
      const args = [...command.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word)
      assert.doesNotThrow(
        () => parsers[name as keyof typeof parsers](args, 1),
        `${page}: npm run ${name} -- ${rest}`,
      )
      count++
    }
  }
  assert.ok(count >= 8, 'the pages show commands')
})

test('pages name only error codes that exist', () => {
  const codes = new Set(Object.keys(errorCodes).map((name) => `FIRESTEEL_${name}`))
  const variables = new Set(code.flatMap((path) => read(path).match(/FIRESTEEL_[A-Z_]+/g) ?? []))
  for (const page of pages) {
    const unknown = (read(page).match(/\bFIRESTEEL_[A-Z_]+\b/g) ?? []).filter(
      (name) => !codes.has(name) && !variables.has(name),
    )
    assert.deepEqual(unknown, [], page)
  }
})

test('tests and scripts that pages name exist', () => {
  const names = new Set(filesUnder('test', /\.test\.ts$/).map((path) => /([^/]+)\.test\.ts$/.exec(path)?.[1]))
  const scripts = filesUnder('test/simulation', /\.ts$/).map(read).join('\n')
  for (const page of [
    'docs/failure-model.md',
    'docs/security.md',
    'docs/testing.md',
    'docs/testing-findings.md',
  ]) {
    const text = read(page)
    /** Names of packages and of settings of Redis, which look alike. */
    const others = new Set(['fast-check', 'min-replicas-to-write'])
    const cited = [...text.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, name = '']) => name)
    assert.deepEqual(
      cited.filter((name) => !names.has(name) && !others.has(name)),
      [],
      page,
    )
    const quoted = [...text.matchAll(/"([a-z][a-z0-9,\s]+)"/g)].map(([, name = '']) =>
      name.replaceAll(/\s+/g, ' '),
    )
    assert.deepEqual(
      quoted.filter((name) => name.includes(' ') && !scripts.includes(name)),
      [],
      page,
    )
  }
})

test('every link to a file or folder of the project leads somewhere', () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
      .map(([, to = '']) => join(page, '..', to))
      .filter((to) => !existsSync(to))
      .map((to) => `${page}: ${to}`),
  )
  assert.deepEqual(broken, [])
})

test('no page has a word of the old vocabulary', () => {
  const found = pages.flatMap((page) => {
    const text = page === 'docs/glossary.md' ? withoutFormerly(read(page)) : read(page)
    return oldWordsOf(text).map(({ line, text: word, instead }) => `${page}:${line}: ${word} (${instead})`)
  })
  assert.deepEqual(found, [])
})

test('no identifier is made of the old vocabulary', () => {
  const found = code.flatMap((path) =>
    oldIdentifiersOf(read(path)).map(({ line, text }) => `${path}:${line}: ${text}`),
  )
  assert.deepEqual(found, [])
})

test('no comment has a word of the old vocabulary', () => {
  const found = code.flatMap((path) =>
    oldWordsOf(commentsOf(read(path))).map(
      ({ line, text, instead }) => `${path}:${line}: ${text} (${instead})`,
    ),
  )
  assert.deepEqual(found, [])
})

test('no comment is wider than the lines of code', () => {
  const { formatter } = JSON.parse(read('biome.json')) as { formatter: { lineWidth: number } }
  const found = code.flatMap((path) =>
    commentsOf(read(path))
      .split('\n')
      .flatMap((line, index) =>
        line.trimEnd().length > formatter.lineWidth ? [`${path}:${index + 1}`] : [],
      ),
  )
  assert.deepEqual(found, [])
})

test('no test, script or mutation is named by a word of the old vocabulary', () => {
  const found = code
    .filter((path) => path.startsWith('test/'))
    .flatMap((path) =>
      oldWordsOf(testNamesOf(read(path))).map(({ text, instead }) => `${path}: ${text} (${instead})`),
    )
  assert.deepEqual(found, [])
})

test('an old word in a comment is found, and the same in a text of the program is not', () => {
  const text = "const a = 'the books'\n/* The Master's books. */\nconst b = 1 // a fellow\n"
  assert.deepEqual(
    oldWordsOf(commentsOf(text)).map(({ line, text: word }) => [line, word]),
    [
      [2, 'books'],
      [3, 'fellow'],
    ],
  )
  assert.deepEqual(
    oldWordsOf(testNamesOf("test('a fellow', () => {})\nconst fellow = 1\n")).map(({ text: word }) => word),
    ['fellow'],
  )
})
