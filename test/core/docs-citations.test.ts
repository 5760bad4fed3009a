import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import {
  applicationStates,
  driverStates,
  executorStates,
  recoveryStates,
  workerStates,
} from '../../actors/messages/common.js'
import {
  anchorsOf,
  bareRulesOf,
  citationsOf,
  diagramStatesOf,
  linksOf,
  outdatedCitationsOf,
  overlongOf,
} from './docs-citations.js'

/** This test and its tools name citations that are wrong on purpose. */
const ITSELF = /docs-citations/

function* filesUnder(folder: string, ending: RegExp): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = relative('.', join(entry.parentPath, entry.name))
    if (entry.isFile() && ending.test(entry.name) && !ITSELF.test(path)) yield path
  }
}

const read = (path: string): string => readFileSync(path, 'utf8')

const code = ['actors', 'runtime', 'test', 'examples'].flatMap((folder) => [...filesUnder(folder, /\.ts$/)])
const pages = [...filesUnder('docs', /\.md$/), 'README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']
const anchors = new Map(pages.map((page) => [page, anchorsOf(read(page))]))

/** `file:line: text` of every citation that names no anchor. */
function unresolved(path: string, text: string): string[] {
  return citationsOf(text)
    .filter(({ page, anchor }) => !anchors.get(`docs/${page}`)?.has(anchor))
    .map(
      ({ line, text: cited, page, anchor }) =>
        `${path}:${line}: ${cited} is no anchor (docs/${page}#${anchor})`,
    )
}

test('every citation in code, tests and pages names an anchor that exists', () => {
  const cited = [...code, ...pages].map((path) => [path, read(path)] as const)
  const citations = cited.reduce((sum, [, text]) => sum + citationsOf(text).length, 0)
  assert.ok(citations > 500, `${citations} citations were found`)
  assert.deepEqual(
    cited.flatMap(([path, text]) => unresolved(path, text)),
    [],
  )
})

const wrong = [
  'sent again (protocol R9).',
  'judged as in protocol 11.9',
  'see protocol 5 and 21',
  'protocol 4, 5.9',
  '/**\n * as in protocol\n * 18.9.\n */',
  'S8: nothing is lost',
  'S3c says so',
  'L5',
  'Spark 4.10',
  'as Spark 3.4.11c does',
]
for (const text of wrong) {
  test(`a wrong citation is found: ${JSON.stringify(text)}`, () => {
    assert.equal(unresolved('example.ts', text).length, 1)
  })
}

test('what is no citation is left alone', () => {
  const texts = [
    'protocols 1 to 21',
    'Spark 3.5.6, ZooKeeper 3.6.3',
    'm1.S1.x, s3://bucket, R9-like, SHA1, XS9, cache.L9(x)',
  ]
  for (const text of texts) assert.deepEqual(unresolved('example.ts', text), [], text)
})

test('code cites rules in one form, and no page outside of the project', () => {
  const odd = code.flatMap((path) => {
    const text = read(path)
    // Titles of tests and invariants of the simulator may name the bare rule.
    const found = [
      ...outdatedCitationsOf(text),
      ...(/^(actors|runtime)\//.test(path) ? bareRulesOf(text) : []),
    ]
    return found.map(({ line, text: cited }) => `${path}:${line}: ${cited}`)
  })
  assert.deepEqual(odd, [])
})

for (const text of [
  '(surface, section 3)',
  '(design 4.3)',
  'Reference 3.4, step 2',
  '(protocol, section 2)',
  'by protocol\n * sections 2 and 3',
  'section 12: forgotten',
  'goes again (11.5)',
  'R1-R6',
]) {
  test(`a citation in another form is found: ${JSON.stringify(text)}`, () => {
    assert.equal(outdatedCitationsOf(text).length, 1)
  })
}

test('a comment that names a rule without its page is found', () => {
  assert.deepEqual(bareRulesOf('/** Sent again (R4), as protocol R5\n * and S7 say. */'), [
    { line: 1, text: 'R4' },
  ])
})

test('the rules and promises that the project knows all have an anchor', () => {
  const page = anchors.get('docs/protocol.md')
  const rules = ['R0', 'R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R8']
  const promises = ['S1', 'S2', 'S3', 'S3a', 'S3b', 'S4', 'S5', 'S6', 'S7', 'L1', 'L2', 'L3', 'L4']
  const sections = Array.from({ length: 19 }, (_, at) => `section-${at + 1}`)
  for (const id of [...rules, ...promises, ...sections]) assert.ok(page?.has(id), id)
})

test('every anchor is set once', () => {
  for (const path of pages) {
    const ids = [...read(path).matchAll(/<a id="([^"]+)"/g)].map(([, id]) => id)
    assert.deepEqual(
      ids.filter((id, at) => ids.indexOf(id) !== at),
      [],
      path,
    )
  }
})

test('every link between pages leads to a page and to an anchor of it', () => {
  const broken = pages.flatMap((path) =>
    linksOf(read(path)).flatMap(({ line, page, anchor }) => {
      const to = page === '' ? path : relative('.', join(path, '..', page))
      const isThere = existsSync(to) && (anchor === '' || anchors.get(to)?.has(anchor))
      return isThere ? [] : [`${path}:${line}: ${page}#${anchor}`]
    }),
  )
  assert.deepEqual(broken, [])
})

test('the diagrams of the protocol name states of the catalogue, and all that anything can be in', () => {
  const diagrams = diagramStatesOf(read('docs/protocol.md'))
  const known = [recoveryStates, workerStates, driverStates, applicationStates, executorStates]
  /** States of Spark that nothing enters in this release, as the page says below each diagram. */
  const unused = new Set(['DECOMMISSIONED'])
  const unusedOfDrivers = new Set(['UNKNOWN'])
  assert.equal(diagrams.length, known.length)
  for (const [at, states] of known.entries()) {
    const expected = states.filter(
      (state) => !unused.has(state) && !(states === driverStates && unusedOfDrivers.has(state)),
    )
    assert.deepEqual(diagrams[at]?.toSorted(), expected.toSorted())
  }
})

test('pages that were written for readers have no long lines', () => {
  for (const page of ['protocol', 'spark-standalone', 'glossary'])
    assert.deepEqual(overlongOf(read(`docs/${page}.md`), { prose: 140, cell: 200 }), [], page)
})

test('the glossary is in the order of the alphabet and has each term once', () => {
  const terms = [...read('docs/glossary.md').matchAll(/^\| (?!term |---)(.+?) \|/gm)].map(([, term = '']) =>
    term.toLowerCase(),
  )
  assert.ok(terms.length > 80, `${terms.length} terms`)
  assert.deepEqual(terms, [...new Set(terms)].sort())
})
