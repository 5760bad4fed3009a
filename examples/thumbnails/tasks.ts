import { readFile, rename, writeFile } from 'node:fs/promises'
import { NoRetry } from 'firesteel/task'
import { decodePng, encodePng, type Image } from './png.js'
import { scaledTo } from './scale.js'

export interface Job {
  /** Absolute paths, because an executor works in a folder of its own. */
  readonly from: string
  readonly to: string
  readonly width: number
}

/** Makes one thumbnail. Returns its bytes. */
export async function makeThumbnail({ from, to, width }: Job): Promise<number> {
  const file = await readFile(from)
  const thumbnail = encodePng(scaledTo(width, imageOf(file)))
  await writeWhole(to, thumbnail)
  return thumbnail.length
}

/** Draws a picture to try this with. */
export async function drawPicture({ to, seed }: { to: string; seed: number }): Promise<void> {
  const [width, height] = [640, 480]
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      pixels[at++] = x * (1 + (seed % 3))
      pixels[at++] = y + seed * 7
      pixels[at++] = (x * y * (1 + (seed % 5))) >> 6
    }
  }
  await writeWhole(to, encodePng({ width, height, pixels }))
}

/** A file that is broken now is broken at the next attempt too. One that cannot be read now may be later. */
function imageOf(file: Buffer): Image {
  try {
    return decodePng(file)
  } catch (error) {
    throw new NoRetry(error as Error)
  }
}

/**
 * A task may be ended at any moment, with its machine. So that there is either the whole file or none, it is
 * written under another name first. A task that runs a second time writes the same once more.
 */
async function writeWhole(path: string, data: Buffer): Promise<void> {
  const part = `${path}.${process.pid}.part`
  await writeFile(part, data)
  await rename(part, path)
}
