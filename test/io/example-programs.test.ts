import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Frontier } from '../../examples/crawler/frontier.js'
import { linksIn, titleIn } from '../../examples/crawler/links.js'
import { hits } from '../../examples/pi/tasks.js'
import { Journal, progressOf, Superseded } from '../../examples/survivor/journal.js'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firesteel-example-'))
})
after(() => rm(folder, { recursive: true }))

test('pi: a seed always throws the same darts, and another one others', () => {
  const [first, again, other] = [1, 1, 2].map((seed) => hits({ seed, darts: 50_000 }))
  assert.equal(first, again)
  assert.notEqual(first, other)
  for (const inside of [first!, other!]) assert.ok(Math.abs((4 * inside) / 50_000 - Math.PI) < 0.05)
})

test('survivor: lines behind a higher generation and halves of lines do not count', () => {
  const line = (generation: number, step: number): string =>
    JSON.stringify({ generation, step, total: step * 10 })
  const text = [line(1, 1), line(1, 2), line(2, 2), line(1, 9), '{"generation":2,"st', line(2, 3), ''].join(
    '\n',
  )
  assert.deepEqual(progressOf(text), { generation: 2, step: 3, total: 30 })
  assert.deepEqual(progressOf(''), { generation: 0, step: 0, total: 0 })
})

test('survivor: a newer incarnation takes over, and the old one writes no more', async () => {
  const path = join(folder, 'journal')
  await using old = await Journal.open(path, 1)
  await old.claim()
  await old.record({ step: 1, total: 10 })
  await using young = await Journal.open(path, 2)
  assert.deepEqual(await young.claim(), { generation: 2, step: 1, total: 10 })
  const before = await readFile(path, 'utf8')
  await assert.rejects(old.record({ step: 2, total: 20 }), Superseded)
  await assert.rejects(old.claim(), Superseded)
  assert.equal(await readFile(path, 'utf8'), before)
  await young.record({ step: 2, total: 20 })
})

test('survivor: without a given generation each life is above the last; a torn line swallows none', async () => {
  const path = join(folder, 'lives')
  for (const life of [1, 2, 3]) {
    await using journal = await Journal.open(path, undefined)
    const claimed = await journal.claim()
    assert.deepEqual(claimed, { generation: life, step: life - 1, total: 0 })
    await journal.record({ step: life, total: 0 })
    await appendFile(path, '{"generation":9,"step":9')
  }
})

test('crawler: links in order, once, absolute, without fragments and comments', () => {
  const html = `<a href="b.html#x">b</a><A class=x HREF='c.html?a=1&amp;b=2'>c</A><a href=b.html>again</a>
    <!-- <a href="no.html"> --><a name="x">no</a><a href="">no</a><a href="http://[">no</a><a href=../d.html>d</a>`
  const page = 'file:///site/sub/a.html'
  const expected = ['file:///site/sub/b.html', 'file:///site/sub/c.html?a=1&b=2', 'file:///site/d.html']
  assert.deepEqual(linksIn(html, page), expected)
  assert.equal(titleIn('<TITLE>\n a  b\n</TITLE>'), 'a b')
  assert.equal(titleIn('none'), '')
})

test('crawler: the frontier ends with its last result, visits nothing twice and keeps its bound', async () => {
  const frontier = new Frontier(4, (url) => url !== 'refused')
  frontier.add('start')
  const links: Record<string, string[]> = { start: ['a', 'refused', 'b'], a: ['start', 'c', 'd'], b: ['c'] }
  const visited: string[] = []
  for await (const url of frontier) {
    visited.push(url)
    // The result comes later than the next pull.
    setImmediate(() => {
      for (const link of links[url] ?? []) frontier.add(link)
      frontier.settled()
    })
  }
  assert.deepEqual(visited, ['start', 'a', 'b', 'c'])
})
