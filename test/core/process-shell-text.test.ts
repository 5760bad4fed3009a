import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inSessionOf, pidsBetween } from '../../runtime/process/new-processes.js'
import {
  commandExit,
  commandText,
  directText,
  quoteBytes,
  readAnswer,
} from '../../runtime/process/shell-text.js'

const quoted = (text: string): string => quoteBytes(Buffer.from(text, 'latin1')).toString('latin1')

test('a word of the shell: plain ones stay, others are quoted byte by byte', () => {
  for (const [text, word] of [
    ['a/b-c_1.txt', 'a/b-c_1.txt'],
    ['', "''"],
    ['a b', "'a b'"],
    ["it's", "'it'\\''s'"],
    ["'", "''\\'''"],
    ['two\nlines', "'two\nlines'"],
    ['caf\xe9 \xff\x81', "'caf\xe9 \xff\x81'"],
    ['$(x) `y` "z" \\', `'$(x) \`y\` "z" \\'`],
  ]) {
    assert.equal(quoted(text!), word)
  }
})

test('one line for one command', () => {
  const text = commandText('tok', Buffer.from('echo a; exit 3'), { stdout: '/t m/1', stderr: '/t/2' })
  const expected = `(exec /bin/sh -c 'echo a; exit 3') </dev/null >'/t m/1' 2>/t/2; echo "tok $?"\n`
  assert.equal(text.toString(), expected)
  const direct = directText('tok', Buffer.from("gzip -9 'a b'"), { stdout: '/t/1', stderr: '/t/2' })
  assert.equal(direct.toString(), `(gzip -9 'a b') </dev/null >/t/1 2>/t/2; echo "tok $?"\n`)
})

test('an answer is complete at its line; what the shell said before is its notice', () => {
  assert.equal(readAnswer('tok', ''), undefined)
  assert.equal(readAnswer('tok', 'tok 13'), undefined)
  assert.deepEqual(readAnswer('tok', 'tok 13\n'), { number: 13, notice: '' })
  assert.deepEqual(readAnswer('tok', 'Killed\ntok 137\n'), { number: 137, notice: 'Killed' })
  assert.equal(readAnswer('tok', 'line 3: 7 Killed  sh -c echo\nother 0\n'), undefined)
})

test('a code is told from a signal by the notice of the shell', () => {
  const exit = (number: number, notice: string) => commandExit({ number, notice })
  assert.deepEqual(exit(0, ''), { code: 0, signal: null })
  assert.deepEqual(exit(137, ''), { code: 137, signal: null })
  assert.deepEqual(exit(137, 'Killed'), { code: null, signal: 'SIGKILL' })
  assert.deepEqual(exit(143, 'sh: line 2: 17 Terminated  /bin/sh -c'), { code: null, signal: 'SIGTERM' })
  assert.equal(exit(2, 'sh: 3: cannot create /t/1: Directory nonexistent'), undefined)
})

test('the pids that the kernel gave between two moments, also past the highest', () => {
  assert.deepEqual(pidsBetween(7, 7, 100, 5), [])
  assert.deepEqual(pidsBetween(7, 10, 100, 5), [8, 9, 10])
  assert.equal(pidsBetween(7, 13, 100, 5), undefined)
  assert.deepEqual(pidsBetween(98, 2, 100, 5), [99, 100, 1, 2])
  assert.equal(pidsBetween(90, 2, 100, 5), undefined)
})

test('who has left the session of its shell is in one that has begun since', () => {
  const started = inSessionOf([8, 9, 10])
  assert.deepEqual(
    [7, 8, 10, 11, 0].map((sessionId) => started({ sessionId })),
    [false, true, true, false, true],
  )
})
