import assert from 'node:assert/strict'
import { test } from 'node:test'
import { innerLimits } from '../../runtime/inner-limits.js'
import { PartNames } from '../../runtime/process/part-names.js'

/* How often a folder with very many files is read for the parts of an output, on a disk of its own. */

const PART = 'stdout.000000000000042'
const SETTLED_MS = innerLimits.folderSettledMs

class Disk {
  nowMs = 1_000_000
  readonly folders = new Map<string, { names: string[]; changedAtMs: number }>()
  /** Folders that were read, in this order. */
  readonly read: string[] = []
  readonly parts = new PartNames({
    names: (folder) => {
      this.read.push(folder)
      return this.folders.get(folder)?.names ?? []
    },
    changedAtNs: (folder) => {
      const found = this.folders.get(folder)
      // It counts whole seconds.
      return found && BigInt(Math.floor(found.changedAtMs / 1000)) * 1_000_000_000n
    },
    nowMs: () => this.nowMs,
  })

  write(folder: string, ...names: string[]): void {
    const before = this.folders.get(folder)?.names ?? []
    this.folders.set(folder, { names: [...before, ...names], changedAtMs: this.nowMs })
  }
}

test('a folder that rests is read once, however often its parts are asked for', () => {
  const disk = new Disk()
  disk.write('/a', 'stdout', PART, 'data.json', 'x.12')
  disk.nowMs += SETTLED_MS + 1000
  for (let n = 0; n < 100; n++) assert.deepEqual(disk.parts.in('/a'), [PART])
  assert.deepEqual(disk.read, ['/a'])
})

test('a part that comes is seen at once, also within the second of the last change', () => {
  const disk = new Disk()
  disk.write('/a', 'stdout')
  for (let n = 0; n < 30; n++) {
    assert.equal(disk.parts.in('/a').length, n)
    disk.write('/a', `stdout.${String(n).padStart(15, '0')}`)
    disk.nowMs += 100
  }
  disk.nowMs += SETTLED_MS + 1000
  assert.equal(disk.parts.in('/a').length, 30)
  const reads = disk.read.length
  disk.write('/a', PART)
  assert.equal(disk.parts.in('/a').length, 31)
  assert.equal(disk.read.length, reads + 1)
})

test('folders that went, or that others were asked for since, are forgotten', () => {
  const disk = new Disk()
  disk.write('/a', PART)
  for (let n = 0; n < innerLimits.foldersKnown; n++) disk.write(`/${n}`, PART)
  disk.nowMs += SETTLED_MS + 1000
  for (const folder of ['/a', ...disk.folders.keys(), '/a']) disk.parts.in(folder)
  assert.equal(disk.read.filter((folder) => folder === '/a').length, 2)
  disk.folders.delete('/a')
  assert.deepEqual(disk.parts.in('/a'), [])
})
