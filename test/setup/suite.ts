import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { filesOf, ordered, type Suite, suites, unknownNames } from './suites.js'

/*
 * Runs a suite, as `node --test` does, but the files in the order of `suites.ts`. `node --test` sorts them by
 * their names.
 */

/** A file that takes longer hangs. */
const FILE_MS = 600_000

const name = process.argv[2] ?? ''
if (!Object.hasOwn(suites, name)) throw new Error(`there is no suite ${name}`)
const suite: Suite = suites[name as keyof typeof suites]
const files = filesOf(suite, 'dist')
const unknown = unknownNames(files, suite.first)
if (unknown.length > 0) throw new Error(`suites.ts names files that are not there: ${unknown.join(', ')}`)

run({ files: ordered(files, suite.first), concurrency: suite.concurrency, timeout: FILE_MS })
  .on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1
  })
  .compose(new spec())
  .pipe(process.stdout)
