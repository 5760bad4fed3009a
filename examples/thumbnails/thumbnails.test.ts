import assert from 'node:assert/strict'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { deflateSync } from 'node:zlib'
import { waitUntil } from 'firesteel/testing'
import { running, Up } from '../up.js'
import { decodePng, encodePng } from './png.js'
import { scaledTo } from './scale.js'
import { drawPicture } from './tasks.js'

const main = fileURLToPath(new URL('./main.js', import.meta.url))

/** Pictures that differ, and copies of them: drawing takes longer than making thumbnails. */
async function picturesIn(folder: string, count: number): Promise<void> {
  await mkdir(folder)
  for (let index = 0; index < count; index++) {
    const to = join(folder, `picture-${index}.png`)
    if (index < 4) await drawPicture({ to, seed: index })
    else await copyFile(join(folder, `picture-${index % 4}.png`), to)
  }
}

async function assertAllThere(folder: string, count: number): Promise<void> {
  const names = await readdir(folder)
  const expected = Array.from({ length: count }, (_, index) => `picture-${index}.png`)
  assert.deepEqual(names.sort(), expected.sort(), 'each once, and no parts of files')
  for (const name of names) {
    const { width, height } = decodePng(await readFile(join(folder, name)))
    assert.deepEqual([width, height], [160, 120], name)
  }
}

test('thumbnails: whatever is killed, each is there once and whole', async () => {
  await using up = await Up.start(1)
  const count = 120
  const [pictures, thumbnails] = [join(up.folder, 'pictures'), join(up.folder, 'thumbnails')]
  await picturesIn(pictures, count)
  const made = async (): Promise<number> =>
    (await readdir(thumbnails).catch(() => [])).filter((name) => name.endsWith('.png')).length
  const reached = (some: number) =>
    waitUntil(`${some} thumbnails`, async () => (await made()) >= some, { deadlineMs: 60_000, everyMs: 5 })

  const first = await up.node(main, [pictures, thumbnails])
  await reached(10)
  await up.kill('w1')
  await reached(30)
  await up.kill('m1')
  await reached(50)
  await up.killLauncher()
  await up.startAgain()
  // The same program goes on: it finds the Master at its address, and gets executors of the new Workers.
  await reached(70)
  await first.kill()

  const before = await made()
  const second = await (await up.node(main, [pictures, thumbnails])).ended
  assert.equal(second.code, 0, second.stderr)
  const [, again, there] = /^(\d+) made, (\d+) there already, 0 failed/.exec(second.stdout) ?? []
  assert.equal(Number(again) + Number(there), count, second.stdout)
  assert.ok(Number(there) >= before, 'what was there is not made again')
  await assertAllThere(thumbnails, count)
})

test('thumbnails: a cluster of its own; a broken picture is named, and keeps no other back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-thumbnails-'))
  try {
    await picturesIn(join(folder, 'in'), 3)
    const whole = await readFile(join(folder, 'in', 'picture-0.png'))
    await writeFile(join(folder, 'in', 'broken.png'), whole.subarray(0, whole.length / 2))
    await writeFile(join(folder, 'in', 'notes.txt'), 'no picture')
    const { code, stdout, stderr } = await running(main, ['in', 'out'], folder).ended
    assert.equal(code, 1, stderr)
    assert.match(stderr, /in\/broken\.png: the file ends within its IDAT$/m)
    assert.match(stdout, /^3 made, 0 there already, 1 failed, 0 repeated$/m)
    await assertAllThere(join(folder, 'out'), 3)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('png: what is encoded is decoded, whatever filters its rows have', () => {
  const [width, height] = [7, 5]
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, at) => (at * 37) % 251)
  assert.deepEqual(decodePng(encodePng({ width, height, pixels })), { width, height, pixels })

  // Row 0 to 4 with filter 0 to 4, each by its definition.
  const stride = width * 3
  const at = (x: number, y: number): number => (x < 0 || y < 0 ? 0 : pixels[y * stride + x]!)
  const rows: number[] = []
  for (let y = 0; y < height; y++) {
    rows.push(y)
    for (let x = 0; x < stride; x++) {
      const [a, b, c] = [at(x - 3, y), at(x, y - 1), at(x - 3, y - 1)]
      const nearest = [a, b, c].toSorted((p, q) => Math.abs(a + b - c - p) - Math.abs(a + b - c - q))[0]!
      rows.push((at(x, y) - [0, a, b, Math.floor((a + b) / 2), nearest][y]! + 256) % 256)
    }
  }
  const file = encodePng({ width, height, pixels })
  const packed = deflateSync(Uint8Array.from(rows))
  const chunk = Buffer.concat([Buffer.alloc(4), Buffer.from('IDAT'), packed, Buffer.alloc(4)])
  chunk.writeUInt32BE(packed.length)
  assert.deepEqual(decodePng(Buffer.concat([file.subarray(0, 33), chunk])).pixels, pixels)
})

test('scale: each pixel is the mean of those that it stands for', () => {
  const grey = (...values: readonly number[]) =>
    Uint8Array.from(values.flatMap((value) => [value, value, value]))
  const image = { width: 4, height: 2, pixels: grey(0, 10, 20, 30, 10, 20, 30, 40) }
  assert.deepEqual(scaledTo(2, image), { width: 2, height: 1, pixels: grey(10, 30) })
  assert.equal(scaledTo(4, image), image)
})
