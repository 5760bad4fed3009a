import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodeOf, FiresteelError } from '../../runtime/errors.js'
import { errorRecord } from '../../runtime/launch/cli/error-record.js'
import { codedError, defectError, systemError } from '../../runtime/system-error.js'

const thrown = (code: string): Error =>
  Object.assign(new Error(`${code}: whatever, open '/x/up.json'`), {
    code,
    syscall: 'open',
    path: '/x/up.json',
  })

/** What a person reads for each refusal of the system. */
const sentences: readonly [code: string, name: string, exit: number, sentence: string][] = [
  ['EACCES', 'FILE_DENIED', 4, '/x/up.json: this user may not read or write it (EACCES).'],
  ['EPERM', 'FILE_DENIED', 4, '/x/up.json: the system does not permit it (EPERM).'],
  ['EROFS', 'FILE_DENIED', 4, '/x/up.json: its file system is read-only (EROFS).'],
  ['ENOSPC', 'DISK_FULL', 1, '/x/up.json: the disk is full (ENOSPC).'],
  ['EDQUOT', 'DISK_FULL', 1, '/x/up.json: the disk quota of this user is used up (EDQUOT).'],
  ['EMFILE', 'DESCRIPTORS_TOO_FEW', 2, '/x/up.json: this process has no file descriptors left (EMFILE).'],
  ['ENFILE', 'DESCRIPTORS_TOO_FEW', 2, '/x/up.json: the machine has no file descriptors left (ENFILE).'],
]

for (const [code, name, exit, sentence] of sentences) {
  test(`${code} is no defect: the error has a code, the file and the reason`, () => {
    const wrapped = new Error('something failed', { cause: thrown(code) })
    for (const error of [thrown(code), wrapped]) {
      const record = errorRecord(error)
      assert.deepEqual(
        [record.code, record.message, record.place],
        [`FIRESTEEL_${name}`, sentence, '/x/up.json'],
      )
      assert.equal(exitCodeOf(codedError(error)), exit)
      assert.equal(defectError('an actor failed', error).code, `FIRESTEEL_${name}`)
    }
  })
}

test('an error without a path gets the place that its caller knows', () => {
  const error = Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
    syscall: 'write',
  })
  assert.equal(systemError(error)?.message, 'write: the disk is full (ENOSPC).')
  const placed = systemError(error, '/x/up.json')
  assert.equal(placed?.message, '/x/up.json: the disk is full (ENOSPC).')
  assert.equal(placed?.help, 'Free space there, then try again.')
})

test('any other exception stays a defect, and an error of ours stays as it is', () => {
  const defect = new TypeError('x is not a function')
  assert.equal(systemError(defect), undefined)
  assert.equal(errorRecord(defect).code, 'FIRESTEEL_INTERNAL')
  assert.equal(defectError('an actor failed', defect).message, 'an actor failed')
  const ours = new FiresteelError('STORE_FULL', 'no space', { cause: thrown('ENOSPC') })
  assert.equal(codedError(ours), ours)
  assert.equal(defectError('an actor failed', ours), ours)
})
