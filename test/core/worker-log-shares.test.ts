import assert from 'node:assert/strict'
import { test } from 'node:test'
import { givesWay, type LogReaderLink } from '../../actors/worker/log-shares.js'

const link = (peer: string, host: string, streams: number): LogReaderLink => ({ peer, host, streams })

test('the peer with the most of the host with the most gives way to another host', () => {
  const links = [link('a', 'far', 3), link('b', 'far', 5), link('c', 'near', 6)]
  assert.equal(givesWay(links, { peer: 'd', host: 'third' }), 'b')
  assert.equal(givesWay(links, { peer: 'd', host: 'near' }), 'b')
  assert.equal(givesWay(links, { peer: 'c', host: 'near' }), 'b')
})

test('within a host the link with the most gives way to one that has fewer', () => {
  const links = [link('a', 'h', 3), link('b', 'h', 5)]
  assert.equal(givesWay(links, { peer: 'c', host: 'h' }), 'b')
  assert.equal(givesWay(links, { peer: 'a', host: 'h' }), 'b')
  assert.equal(givesWay(links, { peer: 'b', host: 'h' }), undefined)
  assert.equal(givesWay([link('a', 'h', 4), link('b', 'h', 5)], { peer: 'a', host: 'h' }), undefined)
})

test('where all have the same, who asks for more is refused', () => {
  const links = [link('a', 'h', 2), link('b', 'i', 2)]
  assert.equal(givesWay(links, { peer: 'a', host: 'h' }), undefined)
  assert.equal(givesWay([link('a', 'h', 1), link('b', 'i', 1)], { peer: 'c', host: 'j' }), undefined)
  assert.equal(givesWay([], { peer: 'a', host: 'h' }), undefined)
})

test('many links of one host with a stream each keep no other host out', () => {
  const links = Array.from({ length: 256 }, (_, n) => link(`flood-${n}`, 'far', 1))
  assert.equal(givesWay(links, { peer: 'honest', host: 'near' }), 'flood-0')
  assert.equal(givesWay(links, { peer: 'one more', host: 'far' }), undefined)
})
