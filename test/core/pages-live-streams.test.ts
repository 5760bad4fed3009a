import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '../../runtime/limits.js'
import { LiveStreams } from '../../runtime/pages/live-streams.js'

/* The streams that keep open pages current: what they send, and when they end. */

function world() {
  let nowMs = 0
  const due: { readonly atMs: number; readonly run: () => void }[] = []
  const timers = {
    after: (ms: number, run: () => void) => {
      due.push({ atMs: nowMs + ms, run })
      return () => undefined
    },
  }
  const streams = new LiveStreams({ nowMs: () => nowMs, timers, onError: assert.ifError })
  let text = 'first'
  let isOver = false
  const open = () => {
    const look = async () => ({ have: text, text })
    const watched = { look, hello: () => ({}), extra: () => ({}), isOver: () => isOver }
    const body = streams.open('none', watched)?.body ?? assert.fail('there is no stream')
    const heard: string[] = []
    const ended = (async () => {
      for await (const chunk of body) heard.push(Buffer.from(chunk).toString())
    })()
    return { heard, ended }
  }
  /** The next look, and what it sends. */
  const look = async () => {
    const next = due.shift() ?? assert.fail('nobody looks')
    nowMs = next.atMs
    // The reader takes what was sent before.
    await new Promise(setImmediate)
    next.run()
    await new Promise(setImmediate)
  }
  return {
    streams,
    open,
    look,
    nowMs: () => nowMs,
    say: (said: string) => {
      text = said
    },
    end: () => {
      isOver = true
    },
  }
}

test('a stream ends at the next look after the session of its reader, and sends nothing more', async () => {
  const { streams, open, look, nowMs, say, end } = world()
  const { heard, ended } = open()
  await look()
  assert.match(heard.join(''), /"first"/)
  say('second')
  end()
  await look()
  assert.equal(streams.count, 0)
  await ended
  assert.doesNotMatch(heard.join(''), /second/)
  assert.equal(nowMs(), 2 * limits.pageLiveMs)
})

test('without an end of its session it ends with its time, and goes on until then', async () => {
  const { streams, open, look, nowMs, say } = world()
  const { heard, ended } = open()
  while (streams.count > 0) {
    say(`at ${nowMs()}`)
    await look()
  }
  await ended
  assert.equal(nowMs(), limits.pageStreamMs)
  assert.match(heard.at(-1) ?? '', /"at \d+"/)
})
